from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lstmopt.search.active_trial import ActiveTrial
from lstmopt.search.paused_trials import PausedTrials
from lstmopt.search_space import Candidate


def trial(number):
    return ActiveTrial(number, Candidate({}, number), {}, checkpoint=b"weights")


class Storage:
    """Reads back what is no longer held, and notes what was forgotten."""

    def __init__(self):
        self.read_back, self.forgotten = [], []

    def read(self, number):
        self.read_back.append(number)
        return trial(number)


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 9)))


@given(steps, st.integers(0, 4))
def test_what_was_paused_is_there_until_it_is_taken(moves, most):
    storage = Storage()
    paused = PausedTrials(storage.read, storage.forgotten.append, most)
    held: list[int] = []  # those with a checkpoint, the oldest first
    expected: set[int] = set()
    for comes, number in moves:
        if comes and number not in expected:
            paused.add(trial(number))
            expected.add(number)
            held = [*held, number][-most:] if most else []
        elif not comes and number in expected:
            reads = len(storage.read_back)
            assert paused.take(number).number == number
            assert (len(storage.read_back) > reads) == (number not in held)
            expected.remove(number)
            held = [n for n in held if n != number]
        assert paused.numbers == tuple(sorted(expected))
        assert len(paused) == len(expected)
    assert set(storage.read_back) <= set(storage.forgotten)


def test_a_paused_trial_holds_no_checkpoint_in_memory():
    storage, one = Storage(), trial(0)
    PausedTrials(storage.read, storage.forgotten.append).add(one)
    assert one.checkpoint is None
    assert not storage.forgotten
