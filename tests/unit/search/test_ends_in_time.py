"""A search that ends by the clock: what it leaves, and what it finishes first."""

from __future__ import annotations

import dataclasses
import math

import pytest

from lstmopt.epoch import Epoch
from lstmopt.search.driver import Driver
from lstmopt.storage.trial_record import PROMOTIONS
from lstmopt.system.deadline import Deadline
from lstmopt.training.trainer import Progress
from support.clock import Clock
from support.drivers import in_process, make_context, make_plan


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


class Timed:
    """Trains a report in a second of the clock; gives up where it was given fewer."""

    def __init__(self, clock, losses, reports=4) -> None:
        self.clock, self.losses, self.reports = clock, losses, reports

    def __call__(self, candidate, checkpoint, epochs, seconds=math.inf):
        begun, rows = int(checkpoint or b"0"), []
        for n in range(begun, min(begun + epochs, self.reports)):
            if seconds < 1:
                self.clock.now += max(0.0, seconds)
                return Progress(str(n).encode(), tuple(rows), False, None, True)
            seconds, self.clock.now = seconds - 1, self.clock.now + 1
            loss = self.losses(candidate, n)
            rows.append(Epoch(n + 1, loss, loss, loss, 1 - loss, 1.0))
        done = begun + len(rows)
        return Progress(str(done).encode(), tuple(rows), done == self.reports)


def falling(candidate, n):
    return candidate["learning_rate"] + 1 / (n + 1)


def search(tmp_path, clock, plan, deadline, train=None, afterwards=lambda front: 0.0):
    context = dataclasses.replace(
        make_context(tmp_path, plan), deadline=deadline, afterwards=afterwards
    )
    engine = in_process(train or Timed(clock, falling))
    return Driver(context, engine).search(), context


def test_a_stopped_trial_keeps_what_it_had_reached(tmp_path, clock):
    records, _ = search(tmp_path, clock, make_plan(50), Deadline(10.5))
    assert clock.now == 1010.5
    *complete, last = records
    assert [r.state for r in complete] == ["complete", "complete"]
    assert last.state == "pruned"
    assert len(last.curve) == 2
    assert last.values["val_loss"] == min(epoch.val_loss for epoch in last.curve)
    assert last.has_values


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 0.5])
def test_one_report_is_waited_for_whatever_the_clock_says(tmp_path, clock, seconds):
    records, _ = search(tmp_path, clock, make_plan(50), Deadline(seconds))
    assert [len(record.curve) for record in records] == [1]
    assert records[0].has_values
    assert clock.now == 1001.0


def test_a_first_trial_that_fails_is_not_followed_by_others_once_time_is_up(tmp_path, clock):
    failed = Progress(b"", (Epoch(1, 0.5, 0.5, 0.5, 0.5, 0.1),), True, "out of memory")
    records, _ = search(tmp_path, clock, make_plan(50), Deadline(-1.0), lambda *_: failed)
    assert [record.state for record in records] == ["failed"]


def test_what_comes_after_the_search_has_its_time(tmp_path, clock):
    fronts = []

    def afterwards(front):
        fronts.append([record.number for record in front])
        return 6.0 if front else 0.0

    records, _ = search(tmp_path, clock, make_plan(50), Deadline(20), afterwards=afterwards)
    assert clock.now == 1014.0
    assert fronts[0] == []
    assert fronts[-1]
    assert records[-1].reason.startswith("the study's time was up")


def test_the_front_and_the_best_keep_their_checkpoints_and_nobody_else(tmp_path, clock):
    plan = make_plan(24, pruner="median:n_startup_trials=2,n_warmup_steps=0")
    records, context = search(tmp_path, clock, plan, Deadline(1000))
    points = {r.number: (r.values["val_loss"], r.values["latency_ms"]) for r in records}
    front = {
        n
        for n, mine in points.items()
        if not any(o != mine and o[0] <= mine[0] and o[1] <= mine[1] for o in points.values())
    }
    assert {r.state for r in records} == {"complete", "pruned"}
    unlike = [r for r in records if not r.duplicate]
    best = sorted(unlike, key=lambda r: (r.values["val_loss"], r.number))[:8]
    wanted = front | {r.number for r in best}
    assert len(wanted) < len(unlike)
    for record in records:
        kept = context.checkpoints.read_checkpoint(record.number, record.epochs_trained)
        assert (kept is not None) == (record.number in wanted)


def test_paused_trials_that_may_come_to_the_front_are_finished_before_time_is_up(tmp_path, clock):
    """Of fewer than thirty at a rung none is let go on while others still begin."""
    plan = make_plan(1000, pruner="halving:min_epochs=1,reduction_factor=30")
    records, context = search(tmp_path, clock, plan, Deadline(20))
    closings = [
        (record.number, closing)
        for record, trial in zip(records, context.stored.study.get_trials(), strict=True)
        for _, closing in trial.user_attrs.get(PROMOTIONS, ())
    ]
    late = [number for number, closing in closings if closing == "front"]
    assert late
    trained = [record for record in records if record.has_values]
    best = min(trained, key=lambda record: record.values["val_loss"])
    assert best.state == "complete"
    assert records[late[-1]].state == "complete"
