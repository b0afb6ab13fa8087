from __future__ import annotations

import pickle

from lstmopt.system.portable import Portable


def test_it_is_pickled_as_before_once_its_value_was_asked_for():
    packed = Portable.of(lambda number: number + 1, "functions", "one of a test")
    assert packed.value(1) == 2
    again = pickle.loads(pickle.dumps(packed))
    assert again == packed
    assert again.value(1) == 2
