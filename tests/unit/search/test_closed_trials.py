from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.search.closed_trials import ClosedTrials
from lstmopt.storage.trial_record import TrialRecord, front_of
from support.drivers import GOALS

STATES = st.sampled_from(["complete", "pruned", "failed", "infeasible"])


def make_record(number: int, state: str, loss: int, latency: int, by_pruner: bool) -> TrialRecord:
    values = {"val_loss": float(loss) if state == "complete" else None, "latency_ms": latency}
    params = {"hidden_size": latency, "learning_rate": loss / 10}
    return TrialRecord(number, state, params, values, (), 1, 0.0, "", by_pruner)


@given(st.lists(st.tuples(STATES, st.integers(1, 4), st.integers(1, 4), st.booleans())))
def test_what_is_counted_step_by_step_is_what_a_look_at_all_gives(rows):
    records = [make_record(number, *row) for number, row in enumerate(rows)]
    closed = ClosedTrials(GOALS)
    for record in records:
        closed.add(record)
    assert len(closed) == len(records)
    assert closed.epochs_trained == sum(r.epochs_trained for r in records)
    assert closed.spent == sum(r.state != "infeasible" for r in records)
    assert [(t.number, t.infeasible, t.static) for t in closed.without_value] == [
        (r.number, r.state == "infeasible", {"latency_ms": r.values["latency_ms"]})
        for r in records
        if r.state in ("failed", "infeasible")
    ]
    complete = [r.number for r in records if r.state == "complete"]
    assert [trial.number for trial in closed.finished] == complete
    points = {(r.values["val_loss"], r.values["latency_ms"]) for r in front_of(records, GOALS)}
    mine = {(records[n].values["val_loss"], records[n].values["latency_ms"]) for n in closed.front}
    assert mine == points
    assert len(closed.front) == len(points)  # a candidate that is proposed for ever counts once
    backwards = ClosedTrials(GOALS)
    for record in reversed(records):
        backwards.add(record)
    assert backwards.front == closed.front
    for record in records:
        alike = [r for r in records if r.params == record.params]
        ended = [r for r in alike if r.state == "complete" or r.by_pruner]
        assert closed.find_duplicate(record.params) == (ended[0].number if ended else None)


@pytest.mark.parametrize("rate", [np.float64(0.5), np.float32(0.5)])
@pytest.mark.parametrize("size", [3.0, np.int64(3)])
def test_a_candidate_is_the_same_whatever_the_types_of_its_numbers(size, rate):
    closed = ClosedTrials(GOALS)
    closed.add(make_record(7, "complete", 5, 3, False))
    assert closed.find_duplicate({"learning_rate": rate, "hidden_size": size}) == 7
    assert closed.find_duplicate({"learning_rate": rate, "hidden_size": 4}) is None
