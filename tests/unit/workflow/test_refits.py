"""Refits of a front, as many as there is time for."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmopt.epoch import Epoch
from lstmopt.execution.engine import Engine, InProcess
from lstmopt.objectives import ForecastCosts
from lstmopt.search.search_plan import training_seed
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.deadline import Deadline
from lstmopt.training.trainer import advance
from lstmopt.workflow.refits import SHARE, RefitPlan, as_searched, refit_all
from support.clock import Clock
from support.drivers import COSTS, GOALS
from support.parts import make_workload

EPOCHS = 3
FORECASTS = ForecastCosts(COSTS, GOALS, limits=None)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture(scope="module")
def workload():
    return make_workload(epochs=EPOCHS, patience=EPOCHS)


def trial(number, loss, seconds, state="complete", size=4):
    """A trial of whose reports each took a third of ``seconds``."""
    reports = EPOCHS if state == "complete" else 1
    curve = tuple(Epoch(n + 1, loss, loss, loss, 0.0, seconds / EPOCHS) for n in range(reports))
    values = {
        "val_loss": loss,
        "latency_ms": COSTS[next(a for a in COSTS if a["hidden_size"] == size)].latency_ms,
    }
    params = {
        "hidden_size": size,
        "num_layers": 1,
        "learning_rate": 0.01,
        "dropout": 0.0,
        "batch_size": 32,
        "weight_decay": 0.0,
        "optimizer": "Adam",
    }
    return TrialRecord(
        number, state, params, values, curve, reports, seconds * reports / EPOCHS, ""
    )


class Trains:
    """An engine of one worker on which a candidate takes as long as its trial did."""

    def __init__(self, clock, workload, seconds):
        self.clock, self.workload, self.took, self.asked = clock, workload, seconds, []
        self.engine = Engine(InProcess(), 1, self)

    def __call__(self, candidate, checkpoint, epochs, seconds=math.inf):
        took = self.took[candidate["hidden_size"]]
        self.asked.append((candidate["hidden_size"], candidate.seed))
        done = advance(self.workload, candidate, checkpoint, epochs)
        self.clock.now += min(took, seconds)
        if took <= seconds:
            return done
        return advance(self.workload, candidate, None, epochs, seconds=-1.0)


def plan(seconds=math.inf, seeds=3, pick="best", **more):
    return RefitPlan(seeds, EPOCHS, pick, 7, Deadline(seconds, began=1000.0), **more)


FRONT = [trial(0, 0.2, 6.0, size=8), trial(1, 0.4, 3.0, state="pruned", size=4)]


def refits(clock, workload, seconds, **more):
    trains = Trains(clock, workload, {8: 6.0, 4: 3.0})
    found = refit_all(FRONT, FORECASTS, trains.engine, plan(seconds, **more))
    return {f.trial.number: f.seeds for f in found}, trains


def test_with_time_every_candidate_is_trained_with_every_seed(clock, workload):
    seeds, trains = refits(clock, workload, math.inf)
    assert seeds == {0: 3, 1: 3}
    assert [size for size, _ in trains.asked] == [8, 4] * 3  # the longest is never left for last
    assert len(set(trains.asked)) == 6


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (27.5, {0: 3, 1: 3}),
        (26.0, {0: 3, 1: 2}),
        (10.0, {0: 1, 1: 1}),
        (7.0, {0: 1}),
        (2.5, {}),
        (0.0, {}),
    ],
)
def test_with_less_time_there_are_fewer_seeds_and_the_likely_choice_comes_first(
    clock, workload, seconds, expected
):
    seeds, _ = refits(clock, workload, seconds)
    assert clock.now <= 1000 + seconds
    assert seeds == expected


def test_what_could_hardly_end_in_time_is_not_begun(clock, workload):
    seeds, trains = refits(clock, workload, 2.5)
    assert [size for size, _ in trains.asked] == [4]  # 3 s may be predicted too long; 6 s are not
    assert seeds == {}


def test_a_refit_that_takes_longer_than_predicted_is_cut_short_and_left_out(clock, workload):
    trains = Trains(clock, workload, {8: 60.0, 4: 60.0})
    assert refit_all(FRONT, FORECASTS, trains.engine, plan(10.0)) == []
    assert clock.now == 1010.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    front=st.lists(st.tuples(st.floats(0.1, 9), st.booleans()), min_size=1, max_size=6),
    workers=st.integers(1, 8),
    seeds=st.integers(1, 4),
    limit=st.floats(1, 1000),
)
def test_what_is_kept_back_is_predicted_from_what_epochs_took(front, workers, seeds, limit):
    trials = [
        trial(n, 0.5, seconds, "complete" if whole else "pruned")
        for n, (seconds, whole) in enumerate(front)
    ]
    each = [seconds for seconds, _ in front]  # all reports take alike, and ends are alike
    asked = RefitPlan(seeds, EPOCHS, "best", 7, Deadline(limit))
    predicted = asked.seconds(trials, workers)
    assert predicted == pytest.approx(max(max(each), seeds * sum(each) / workers))
    most = SHARE * limit
    # a front of single reports does not say what training to the end takes
    expected = min(most, predicted) if any(len(t.curve) > 1 for t in trials) else most
    assert asked.kept_back(trials, workers) == pytest.approx(expected)
    assert asked.kept_back([], workers) == 0
    endless = RefitPlan(seeds, EPOCHS, "best", 7, Deadline())
    assert endless.kept_back(trials, workers) == pytest.approx(predicted)


def test_the_searchs_own_network_is_the_pick_of_the_front(clock, workload):
    """Its checkpoint, or trained again to where it was: the same bit for bit."""
    numbers = [FRONT[1]]
    candidate = plan().candidate(FRONT[1], 0)
    own = type(candidate)(FRONT[1].params, training_seed(7, 1))
    trained = advance(workload, own, None, 1)
    trains = Trains(clock, workload, {8: 6.0, 4: 3.0})
    kept = as_searched(numbers, FORECASTS, trains.engine, plan(), lambda t: trained.checkpoint)
    assert trains.asked == []
    again = as_searched(numbers, FORECASTS, trains.engine, plan(), lambda t: None)
    assert trains.asked == [(4, own.seed)]
    assert kept.seeds == again.seeds == 0
    for name, weights in kept.best.weights.items():
        assert (again.best.weights[name] == weights).all()


@pytest.mark.parametrize(("pick", "number"), [("best", 0), ("fastest", 1)])
def test_the_searchs_own_network_is_picked_as_the_study_says(clock, workload, pick, number):
    trains = Trains(clock, workload, {8: 6.0, 4: 3.0})
    found = as_searched(FRONT, FORECASTS, trains.engine, plan(pick=pick), lambda t: None)
    assert found.trial.number == number
