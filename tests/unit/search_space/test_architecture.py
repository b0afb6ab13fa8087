from __future__ import annotations

import pytest

from lstmopt.search_space import Architecture


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"hidden_size": 8}, "1 x 8"),
        ({"network": "segment", "segment": 12}, "segment 1 x 64 segment 12"),
        ({"network": "linear", "linear": "dlinear"}, "linear linear dlinear"),
        ({"network": "tcn", "channels": 16, "levels": 3}, "tcn channels 16 levels 3"),
    ],
)
def test_an_architecture_says_what_its_family_has(params, words):
    assert str(Architecture.of(params)) == words
