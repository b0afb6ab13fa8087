"""Every built-in holds to the contract of its kind, and a contract finds what breaks it."""

from __future__ import annotations

import dataclasses

import numpy as np
import optuna
import pytest

from lstmopt import Objective, Strategy
from lstmopt.forecasting.baselines import repeat
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.pruners import Decision
from lstmopt.testing import (
    BaselineContract,
    ObjectiveContract,
    PrunerContract,
    SamplerContract,
    WarmStartContract,
    broken_laws,
    optuna_cases,
)
from lstmopt.warm_start.protocols import Beginning

REGISTRY = load_registry()
NEEDED = {
    "optuna:PercentilePruner": {"percentile": 25.0},
    "optuna:ThresholdPruner": {"upper": 3.0},
    "patient": {"wraps": "median:n_startup_trials=1"},
    "floor": {"wraps": "median:n_startup_trials=1"},
}
"""Options that a strategy cannot do without."""
FIXED_BOUND = {"optuna:ThresholdPruner"}


def laws_of(contract, kind):
    """Every law for every strategy; the quick tests leave out those that are Optuna's classes."""
    return [
        pytest.param(name, law, marks=[pytest.mark.system] if name.startswith("optuna:") else [])
        for name in REGISTRY.names(kind)
        for law in contract.laws()
    ]


def hold(contract, law, **attributes):
    getattr(type("Checked", (contract,), attributes)(), law)()


@pytest.mark.parametrize(("name", "law"), laws_of(SamplerContract, "sampler"))
def test_a_sampler_holds_to_its_contract(name, law):
    hold(SamplerContract, law, strategy=REGISTRY.strategy("sampler", name))


@pytest.mark.parametrize(("name", "law"), laws_of(PrunerContract, "pruner"))
def test_a_pruner_holds_to_its_contract(name, law):
    strategy = REGISTRY.strategy("pruner", name)
    peers = name not in FIXED_BOUND
    hold(PrunerContract, law, strategy=strategy, options=NEEDED.get(name, {}), needs_peers=peers)


@pytest.mark.parametrize(("name", "law"), laws_of(WarmStartContract, "warm-start"))
def test_a_warm_start_holds_to_its_contract(name, law):
    hold(WarmStartContract, law, strategy=REGISTRY.strategy("warm-start", name))


@pytest.mark.parametrize(("name", "law"), laws_of(ObjectiveContract, "objective"))
def test_an_objective_holds_to_its_contract(name, law):
    hold(ObjectiveContract, law, objective=REGISTRY.objective(name))


@pytest.mark.parametrize(("name", "law"), laws_of(BaselineContract, "baseline"))
def test_a_baseline_holds_to_its_contract(name, law):
    hold(BaselineContract, law, strategy=REGISTRY.strategy("baseline", name))


class TestTpeInOptunasCases(optuna_cases(REGISTRY.strategy("sampler", "tpe"))):
    pass


class TestNsga2InOptunasCases(optuna_cases(REGISTRY.strategy("sampler", "nsga2"))):
    pass


class TestRandomInOptunasCases(optuna_cases(REGISTRY.strategy("sampler", "random"))):
    pass


def broken(contract, **attributes):
    return {law: words for law, words in broken_laws(contract, **attributes) if words}


def sampler_strategy(make, **flags):
    return Strategy("mine", make, "a summary", "", **flags)


class Stubborn(optuna.samplers.RandomSampler):
    def sample_independent(self, study, trial, name, distribution):
        return (
            distribution.to_external_repr(distribution.to_internal_repr(0.01))
            if (name == "learning_rate")
            else distribution.choices[0]
            if hasattr(distribution, "choices")
            else distribution.low
        )


def unseeded():
    return optuna.samplers.RandomSampler()


@pytest.mark.parametrize(
    ("strategy", "law"),
    [
        (sampler_strategy(lambda: Stubborn(seed=0)), "it does not propose one candidate all"),
        (sampler_strategy(unseeded), "the same seed proposes the same"),
        (sampler_strategy(lambda *, seed: {}), "it makes a sampler of optuna"),
        (sampler_strategy(lambda *, seed, must: None), "it makes a sampler of optuna"),
        (dataclasses.replace(sampler_strategy(unseeded), summary=""), "it says what it is"),
    ],
)  # fmt: skip
def test_a_sampler_that_breaks_a_law_is_found(strategy, law):
    assert any(found.startswith(law) for found in broken(SamplerContract, strategy=strategy))


class Decides:
    def __init__(self, action):
        self.action = action

    def decide(self, trial, trials):
        return Decision(self.action(trial, trials), "a reason")


def by_order(trial, trials):
    return "stop" if len(trials) > 2 and trials.numbers[0] % 2 else "go on"


calls = iter(range(10**9))


@pytest.mark.parametrize(
    ("action", "law"),
    [
        (lambda t, ts: "stop", "with nobody finished it stops nothing"),
        (lambda t, ts: "stop", "a trial better than all others"),
        (lambda t, ts: "perhaps", "what it saw can be recorded"),
        (by_order, "the order in which trials came changes nothing"),
        (lambda t, ts: "pause" if next(calls) % 3 else "go on", "a pruner made anew decides"),
    ],
)
def test_a_pruner_that_breaks_a_law_is_found(action, law):
    strategy = Strategy("mine", lambda: Decides(action), "a summary", "")
    assert any(found.startswith(law) for found in broken(PrunerContract, strategy=strategy))


class Begins:
    def __init__(self, give):
        self.give = give

    def begin(self, space, past):
        return self.give(space, past)


def outside(space, past):
    return Beginning(space, ({"hidden_size": 3},))


def changing(space, past):
    return Beginning(space, ({"learning_rate": 0.001 + next(calls) % 50 / 1000},))


def all_of(space, past):
    return Beginning(space, finished=tuple(trial for study in past for trial in study.trials))


@pytest.mark.parametrize(
    ("give", "law"),
    [
        (outside, "it proposes candidates inside the space only"),
        (changing, "it begins the same every time"),
        (all_of, "it takes over trials of the same work alone"),
        (
            lambda space, past: Beginning(space, (past[0].trials[0].params,)),
            "it lives with no study",
        ),
    ],
)
def test_a_warm_start_that_breaks_a_law_is_found(give, law):
    strategy = Strategy("mine", lambda: Begins(give), "a summary", "")
    assert any(found.startswith(law) for found in broken(WarmStartContract, strategy=strategy))


@pytest.mark.parametrize(
    ("measure", "law"),
    [
        (lambda cost: float("inf"), "it measures finite numbers"),
        (lambda cost: 1, "it measures finite numbers"),
        (lambda cost: 1.0, "it tells one from another"),
        (lambda cost: float(next(calls)), "it measures the same every time"),
        (lambda cost: -float(cost.parameters), "a logarithm needs what is above 0"),
    ],
)
def test_an_objective_that_breaks_a_law_is_found(measure, law):
    mine = Objective("mine", "minimize", "static", measure, "a summary", scale="log")
    assert law in broken(ObjectiveContract, objective=mine)


def ahead(part):
    """Forecast what comes, which nobody knows."""
    rows = np.minimum(part.origins()[:, None] + np.arange(1, part.shape.horizon + 1), 399)
    return part.targets[rows]


def spoils(part):
    part.targets[:] = 0
    return repeat(part)


@pytest.mark.parametrize(
    ("forecast", "law"),
    [
        (lambda part: repeat(part)[:, :1], "it forecasts every window and lead"),
        (lambda part: repeat(part) * np.nan, "it forecasts every window and lead"),
        (lambda part: repeat(part) + next(calls), "it forecasts the same every time"),
        (ahead, "it sees nothing of the future"),
        (spoils, "it leaves its parts as they are"),
    ],
)
def test_a_baseline_that_breaks_a_law_is_found(forecast, law):
    class Mine:
        def fit(self, train, validation, seasons):
            return forecast

    assert law in broken(BaselineContract, strategy=Strategy("mine", Mine, "a summary", ""))
