"""What a warm start brings really reaches storage, sampler, pruner and front."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import optuna
import pytest

from lstmopt.epoch import Epoch
from lstmopt.objectives import ForecastCosts, Limits
from lstmopt.plugin.network import known_hyperparameters
from lstmopt.pruning.trial_curves import Trials
from lstmopt.search.driver import Driver
from lstmopt.search.initial_trials import add_initial_trials
from lstmopt.search.solved_families import asked_params, untried_solved
from lstmopt.search.warm_start_observations import WarmStartObservations
from lstmopt.search_space import parse_space
from lstmopt.storage.trial_record import front_of
from lstmopt.warm_start.protocols import Beginning, Observation, PastTrial
from lstmopt.workflow.pruning_audit import _events
from support.drivers import (
    COSTS,
    GOALS,
    REGISTRY,
    SPACE,
    Scripted,
    in_process,
    make_context,
    make_plan,
    open_here,
    outcome,
)

BEST_RATE = 0.05
NO_LIMITS = ForecastCosts(COSTS, GOALS, Limits())
GOOD = [0.04 + 0.002 * n for n in range(10)]


def off(params) -> float:
    """How far a candidate is from the best learning rate, in powers of ten."""
    return abs(np.log10(params["learning_rate"] / BEST_RATE))


def losses(candidate):
    return [0.1 + off(candidate.params) + 1 / n for n in range(1, 5)]


def past_trial(rate, size=4, number=0):
    params = {"hidden_size": size, "learning_rate": rate}
    loss = 0.1 + off(params) + 1 / 4
    curve = tuple(Epoch(n, v, v, v, 0.0, 1.0) for n, v in enumerate((loss + 1, loss), 1))
    return PastTrial(number, params, (loss,), (size / 10,), curve=curve)


def candidates(rates=GOOD):
    return tuple({"hidden_size": 8, "learning_rate": rate} for rate in rates)


def observations(rates):
    trials = sorted((past_trial(rate) for rate in rates), key=lambda t: t.losses)
    return tuple(
        Observation(t.params, (n / (len(trials) - 1),), t.static) for n, t in enumerate(trials)
    )


def begin_with(path, beginning, plan=None, engine=None, limits=None):
    """Return a driver of a study that begins so."""
    plan = dataclasses.replace(plan or make_plan(20), limits=limits or Limits()).after(beginning)
    context = make_context(path, plan)
    notices = add_initial_trials(context.stored, plan, context.costs)
    driver = Driver(context, engine or in_process(Scripted(losses)))
    return driver, notices


SPREAD = np.geomspace(1e-3, 1e-1, 30).tolist()
BEGINNINGS = {
    "candidates": Beginning(SPACE, candidates()),
    "finished trials": Beginning(SPACE, finished=tuple(map(past_trial, [*GOOD, *SPREAD]))),
    "observations": Beginning(SPACE, observations=observations([*GOOD, *SPREAD])),
}


@pytest.mark.parametrize("what", BEGINNINGS)
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_the_next_suggestions_of_a_sampler_that_learns_move(tmp_path, sampler, what):
    def distance(beginning):
        tried = []
        for seed in range(5):
            plan = dataclasses.replace(make_plan(20, sampler), seed=seed)
            driver, _ = begin_with(tmp_path / f"{seed}{len(tried)}{what}", beginning, plan)
            records = [r for r in driver.search() if not r.taken_over]
            tried += [off(r.params) for r in records[len(beginning.candidates) :][:10]]
        return np.mean(tried)

    random = np.mean([off({"learning_rate": rate}) for rate in SPREAD])
    assert distance(BEGINNINGS[what]) < 0.6 * random


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
@pytest.mark.parametrize("what", BEGINNINGS)
@pytest.mark.parametrize("after", [0, 3, 30])
def test_a_warm_study_that_was_interrupted_goes_on_as_it_would_have(tmp_path, sampler, what, after):
    beginning, plan = BEGINNINGS[what], make_plan(24, sampler)
    whole, _ = begin_with(tmp_path / "whole", beginning, plan)
    expected = outcome(whole.search())
    calls = iter(range(1000))

    def stop_later(*args):
        if next(calls) == after:
            raise KeyboardInterrupt
        return Scripted(losses)(*args)

    cut, _ = begin_with(tmp_path / "cut", beginning, plan, in_process(stop_later))
    with contextlib.suppress(KeyboardInterrupt):
        cut.search()
    again, _ = begin_with(tmp_path / "cut", beginning, plan)
    assert outcome(again.search()) == expected


def test_what_was_entered_in_part_is_completed_and_never_entered_twice(tmp_path):
    beginning = Beginning(SPACE, candidates(), tuple(map(past_trial, SPREAD)))
    half = dataclasses.replace(
        beginning, candidates=beginning.candidates[:4], finished=beginning.finished[:7]
    )
    for part in (half, beginning, beginning):
        begin_with(tmp_path, part)
    states = [trial.state.name for trial in open_here(tmp_path).study.get_trials()]
    assert states.count("WAITING") == len(beginning.candidates)
    assert states.count("COMPLETE") == len(beginning.finished)


def test_no_more_candidates_wait_than_may_begin_and_the_rest_comes_with_more_trials(tmp_path):
    beginning = Beginning(SPACE, candidates())
    driver, notices = begin_with(tmp_path, beginning, make_plan(3))
    assert notices == ["3 candidates are tried first"]
    assert len(driver.search()) == len(open_here(tmp_path).study.get_trials()) == 3
    more, _ = begin_with(tmp_path, beginning, make_plan(12))
    tried = [r.params["learning_rate"] for r in more.search()]
    assert tried[:10] == [params["learning_rate"] for params in beginning.candidates]


def test_candidates_are_tried_first_in_their_order_and_what_they_leave_open_is_drawn(tmp_path):
    beginning = Beginning(SPACE, ({"learning_rate": 0.02}, {"hidden_size": 8}))
    driver, notices = begin_with(tmp_path, beginning, make_plan(4))
    first, second, *_ = driver.search()
    assert first.params["learning_rate"] == 0.02
    assert first.params["hidden_size"] in (4, 8)
    assert second.params["hidden_size"] == 8
    assert notices == ["2 candidates are tried first"]


def test_trials_taken_over_take_no_trial_of_the_budget_and_stand_on_the_front(tmp_path):
    finished = tuple(past_trial(BEST_RATE, size, n) for n, size in enumerate((4, 8)))
    driver, notices = begin_with(tmp_path, Beginning(SPACE, finished=finished), make_plan(6))
    records = driver.search()
    assert notices == ["2 finished trials of earlier runs are taken over"]
    assert [r.taken_over for r in records] == [True] * 2 + [False] * 6
    assert all(r.epochs_trained == 0 and r.state == "complete" for r in records[:2])
    assert records[0].reason == "taken over from trial 0 of an earlier run"
    assert {r.number for r in front_of(records, GOALS)} == {0}
    assert open_here(tmp_path).study.best_trials[0].values == [pytest.approx(0.35), 0.4]


def test_trials_taken_over_are_peers_from_the_first_report_on(tmp_path):
    finished = tuple(past_trial(rate, 4, n) for n, rate in enumerate(GOOD[:5]))
    plan = make_plan(8, pruner="median:n_startup_trials=1,n_warmup_steps=0")
    driver, _ = begin_with(tmp_path, Beginning(SPACE, finished=finished), plan)
    assert any(r.state == "pruned" for r in driver.search()[5:7])


def test_what_exceeds_a_limit_is_not_taken_over(tmp_path):
    finished = (past_trial(BEST_RATE, 4), past_trial(BEST_RATE, 8))
    _, notices = begin_with(
        tmp_path, Beginning(SPACE, finished=finished), limits=Limits(max_latency_ms=0.5)
    )
    assert [t.params["hidden_size"] for t in open_here(tmp_path).study.get_trials()] == [4]
    assert notices == [
        "1 finished trials of earlier runs are taken over",
        "1 finished trials of earlier runs exceed a limit",
    ]


def test_an_audit_puts_trials_taken_over_before_everything_else(tmp_path):
    driver, _ = begin_with(tmp_path, Beginning(SPACE, finished=(past_trial(0.01),)), make_plan(2))
    driver.search()
    first, *rest = _events(open_here(tmp_path).study.get_trials())
    assert first.trial.number == 0
    assert first.segment is None
    assert all(event.trial.number > 0 for event in rest)


def test_a_candidate_that_was_taken_over_is_not_trained_again(tmp_path):
    finished = (past_trial(0.01),)
    trained = []

    def call(candidate, *rest):
        trained.append(candidate.params)
        return Scripted(losses)(candidate, *rest)

    beginning = Beginning(SPACE, (finished[0].params,), finished)
    driver, _ = begin_with(tmp_path, beginning, make_plan(1), in_process(call))
    assert driver.search()[1].reason == "the same candidate as trial 0, not trained again"
    assert not trained


def test_the_storage_never_sees_an_observation(tmp_path):
    beginning = Beginning(SPACE, observations=observations(SPREAD))
    driver, notices = begin_with(tmp_path, beginning, make_plan(5, "nsga2"))
    driver.search()
    assert notices == ["30 observations of other data may be shown"]
    assert [t.number for t in open_here(tmp_path).study.get_trials()] == list(range(5))
    assert (
        len(optuna.load_study(study_name="s", storage=open_here(tmp_path).study._storage).trials)
        == 5
    )


def test_an_observation_has_the_loss_that_its_rank_has_here(tmp_path):
    shown = WarmStartObservations(
        Beginning(SPACE, observations=observations(SPREAD[:3])), GOALS, NO_LIMITS
    )
    empty = Trials(["latency_ms"], ["val_loss"])
    assert sorted(t.values[0] for t in shown.trials([], empty, 0)) == [0.0, 0.5, 1.0]
    own = Trials(["latency_ms"], ["val_loss"])
    for number, loss in enumerate((5.0, 7.0, 9.0)):
        curve = (Epoch(1, loss, loss, loss, 0.0, 1.0),)
        own.put(GOALS.trial_view(number, {"latency_ms": 1.0}, curve), finished=True)
    known = [past_trial(0.01)] * 3
    found = shown.trials(known, own, 0)
    assert sorted(t.values for t in found) == [[5.0, 0.4], [7.0, 0.4], [9.0, 0.4]]
    assert all(t.number < 0 for t in found)


def test_an_adviser_decides_what_is_shown():
    class Adviser:
        def shown(self, own):
            return [0] if own else [0, 1, 2]

    beginning = Beginning(SPACE, observations=observations(SPREAD), adviser=Adviser())
    shown, nothing = (
        WarmStartObservations(beginning, GOALS, NO_LIMITS),
        Trials(["latency_ms"], ["val_loss"]),
    )
    assert [t.number for t in shown.trials([], nothing, 0)] == [-1, -2, -3]
    assert [t.number for t in shown.trials([past_trial(0.01)], nothing, 0)] == [-1]


def test_a_narrower_space_is_the_one_that_is_searched(tmp_path):
    narrow = dataclasses.replace(SPACE.parameters["learning_rate"], low=0.04, high=0.06)
    space = dataclasses.replace(SPACE, parameters=SPACE.parameters | {"learning_rate": narrow})
    driver, _ = begin_with(tmp_path, Beginning(space), make_plan(10))
    assert all(0.04 <= r.params["learning_rate"] <= 0.06 for r in driver.search())


NETWORKS = parse_space(
    {"network": ["segment", "linear"], "window": [8, 16], "hidden_size": [4]},
    known_hyperparameters(REGISTRY.networks),
)
SEGMENT = {"network": "segment", "window": 8, "hidden_size": 4}


@pytest.mark.parametrize(("trials", "brought"), [(20, 1), (3, 1), (2, 0), (1, 0)])
def test_what_is_solved_waits_before_a_warm_starts_candidates(tmp_path, trials, brought):
    plan = make_plan(trials, space=NETWORKS, solved=("linear",))
    plan = plan.after(Beginning(NETWORKS, (SEGMENT,)))
    for _ in range(2):  # it may be called again
        notices = add_initial_trials(open_here(tmp_path), plan, NO_LIMITS)
    waiting = [asked_params(trial) for trial in open_here(tmp_path).study.get_trials()]
    linear = [{"network": "linear", "window": window} for window in (8, 16)]
    assert waiting == [*linear, SEGMENT][:trials]
    assert notices == ["1 candidates are tried first"] * brought


def test_a_study_whose_solved_candidates_wait_tries_each_once():
    waiting = [{"network": "linear", "window": 8}]
    assert untried_solved(NETWORKS, ("linear",), waiting) == [{"network": "linear", "window": 16}]
