"""The front of everything trained, against brute force."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lstmopt.epoch import Epoch
from lstmopt.storage.trial_record import TrialRecord, best_of, finished_front_of, front_of
from support.drivers import GOALS

losses = st.lists(st.integers(0, 6), max_size=4)
trials = st.lists(
    st.tuples(st.sampled_from(["complete", "pruned", "failed", "infeasible"]), losses, losses),
    max_size=8,
)


def record(number, state, curve, latency):
    epochs = tuple(Epoch(n + 1, loss, loss, loss, 0.0, 1.0) for n, loss in enumerate(curve))
    known = epochs and state in ("complete", "pruned")
    values = {"val_loss": min(curve) if known else None, "latency_ms": latency}
    return TrialRecord(number, state, {}, values, epochs, len(epochs), 1.0, "")


@given(trials)
def test_whoever_is_beaten_by_no_report_of_another_is_on_the_front(drawn):
    records = [
        record(n, state, curve, float(len(latency)))
        for n, (state, curve, latency) in enumerate(drawn)
    ]
    points = {
        r.number: (min(e.val_loss for e in r.curve), r.values["latency_ms"])
        for r in records
        if r.curve and r.state in ("complete", "pruned")
    }
    beaten = {
        n
        for n, mine in points.items()
        for k, other in points.items()
        if (other != mine and all(a <= b for a, b in zip(other, mine, strict=True)))
        or (other == mine and k < n)
    }
    front = front_of(records, GOALS)
    assert {r.number for r in front} == set(points) - beaten
    assert [r.values["val_loss"] for r in front] == sorted(r.values["val_loss"] for r in front)
    finished = finished_front_of(records, GOALS)
    assert finished == front_of([r for r in records if r.state == "complete"], GOALS)


@given(trials, st.integers(0, 8), st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_the_best_are_those_of_lowest_loss_that_were_trained_here(drawn, most, twins, taken):
    records = [
        replace(record(n, state, curve, 1.0), duplicate=n in twins, taken_over=n in taken)
        for n, (state, curve, _) in enumerate(drawn)
    ]
    own = [
        (r.values["val_loss"], r.number)
        for r in records
        if r.curve and r.state in ("complete", "pruned") and r.number not in twins | taken
    ]
    best = [r.number for r in best_of(records, GOALS, most)]
    assert best == [number for _, number in sorted(own)[:most]]
