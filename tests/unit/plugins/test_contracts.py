"""Every built-in holds to the contract of its kind, and a contract finds what breaks it."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import optuna
import pytest
import torch

from lstmopt import Hyperparameter, Network, Objective, Strategy
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baselines import repeat
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.pruners import Decision
from lstmopt.search_space import Choice, Range
from lstmopt.testing import (
    BaselineContract,
    NetworkContract,
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


@pytest.mark.parametrize(("name", "law"), laws_of(NetworkContract, "network"))
def test_a_family_of_networks_holds_to_its_contract(name, law):
    hold(NetworkContract, law, network=REGISTRY.network(name))


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


class Encoder(torch.nn.Module):
    """Reads a whole window with one map, and says of itself what a test asks it to."""

    def __init__(self, features, window, units, **says):
        super().__init__()
        self.size, self.window, self.per_row = units, window, False
        self.inner = torch.nn.Linear(features * window, units)
        for name, value in says.items():
            setattr(self, name, value)

    def forward(self, x):
        states = torch.tanh(self.inner(x[:, -self.window :].flatten(1))).unsqueeze(1)
        return self.change(x, states) if hasattr(self, "change") else states


LOCK = threading.Lock()
"""What no worker can be given."""
UNITS = Hyperparameter(4, Choice((2, 4)), costs=True, least=1)


def family(build=None, units=UNITS, name="mine", summary="a summary", **more):
    def own(params, features, window):
        return Encoder(features, window, params["units"])

    return Network(name, build or own, {"units": units, **more}, summary, "")


def changed(change):
    """Return a family whose states a function changes."""
    return family(lambda p, features, window: Encoder(features, window, p["units"], change=change))


class Unused(Encoder):
    def __init__(self, *args):
        super().__init__(*args)
        self.other = torch.nn.Linear(2, 2)


class Forgetful(Encoder):
    def __init__(self, *args):
        super().__init__(*args)
        self.shift = float(torch.rand(()))

    def forward(self, x):
        return super().forward(x) + self.shift


class Ahead(Encoder):
    """Says that it has a state for each row, of which each sees all rows."""

    def __init__(self, features, window, units):
        super().__init__(features, window, units, per_row=True)
        self.inner = torch.nn.Linear(features, units)

    def forward(self, x):
        return torch.tanh(self.inner(x) + self.inner(x).mean(1, keepdim=True))


def of(encoder):
    return family(lambda p, features, window: encoder(features, window, p["units"]))


def test_a_family_that_a_test_needs_breaks_nothing():
    assert broken(NetworkContract, network=family()) == {}


@pytest.mark.parametrize(
    ("network", "law"),
    [
        (family(name="not a word"), "it says what it is"),
        (family(summary=""), "it says what it is"),
        (
            family(units=Hyperparameter(4, Choice((0, 4)), costs=True, least=1)),
            "its default domains lie within what its hyperparameters take",
        ),
        (
            family(units=Hyperparameter(4, Range(1.5, 4), costs=True)),
            "its default domains lie within what its hyperparameters take",
        ),
        (
            family(more=Hyperparameter(0.1, Choice((0.1,)), when={"nothing": (1,)})),
            "its default domains lie within what its hyperparameters take",
        ),
        (
            changed(lambda x, states: states * float("nan")),
            "it forecasts from any window horizon and columns",
        ),
        (
            family(lambda p, features, window: Encoder(features, 12, p["units"])),
            "it forecasts from any window horizon and columns",
        ),
        (of(Ahead), "a state of each row sees no later row"),
        (of(Unused), "every weight learns"),
        (changed(lambda x, states: states.detach()), "every weight learns"),
        (
            changed(lambda x, states: states - states.mean(0, keepdim=True)),
            "no item of a batch sees another",
        ),
        (of(Forgetful), "what is saved forecasts as before"),
        (
            family(units=Hyperparameter(4, Choice((2, 4)), least=1)),
            "what does not cost changes no weights",
        ),
        (
            family(lambda p, features, window: Encoder(features, window, p["batch_size"])),
            "what changes the weights is of the architecture",
        ),
        (
            changed(lambda x, states: states + np.random.random()),
            "two segments of training are exactly one",
        ),
        (
            family(lambda p, features, window, kept=LOCK: Encoder(features, window, 2)),
            "workers can be given it",
        ),
    ],
)  # fmt: skip
def test_a_family_of_networks_that_breaks_a_law_is_found(network, law):
    with pytest.raises((AssertionError, LstmoptError, RuntimeError)):
        hold(NetworkContract, f"test_{law.replace(' ', '_')}", network=network)
