"""Ask, prune and tell in studies of 100, 1,000 and 10,000 trials."""

from __future__ import annotations

from functools import cache

import numpy as np
import optuna
import pytest

from lstmopt.plugin.options import make
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.pruners import make_pruner
from lstmopt.pruning.trial_curves import Trials, TrialView
from lstmopt.search_space import CLASSIC, Space

SIZES = [100, 1_000, 10_000]
EPOCHS, RUNG = 27, 9
SPACE = Space(dict(CLASSIC))


@cache
def study_of(trials: int) -> optuna.Study:
    """A finished random search over the classic space, made without training."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    directions = ["minimize", "minimize"]
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(directions=directions, sampler=sampler)
    for _ in range(trials):
        trial = study.ask()
        params = SPACE.suggest(trial)
        size = float(params["hidden_size"] * params["num_layers"])
        study.tell(trial, [abs(params["learning_rate"] - 1e-3) + 1 / size, size])
    return study


@pytest.mark.parametrize("trials", SIZES)
@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def bench_ask_and_tell(benchmark, sampler, trials):
    """One trial proposed, all its hyperparameters drawn, and stopped."""
    study = study_of(trials)
    strategy = load_registry().strategy("sampler", sampler)
    study.sampler = make(strategy, "sampler", {}, seed=0, space=SPACE)

    def ask():
        trial = study.ask()
        SPACE.suggest(trial)
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)

    benchmark.pedantic(ask, rounds=5, warmup_rounds=1)


@cache
def trials_of(finished: int) -> Trials:
    """A study over 16 architectures with so many finished trials."""
    rng = np.random.default_rng(0)
    trials = Trials(["latency_ms"], ["val_loss"])
    for number in range(finished):
        trials.put(drawn(number, rng), finished=True)
    return trials


def drawn(number: int, rng: np.random.Generator) -> TrialView:
    falls = np.sort(rng.uniform(0, 1, EPOCHS))[::-1]
    curve = (rng.uniform(0, 1) + 0.1 * falls).tolist()
    return TrialView(number, {"latency_ms": float(rng.integers(16))}, {"val_loss": curve})


@pytest.mark.parametrize("finished", [300, 10_000])
@pytest.mark.parametrize(
    "pruner", ["median", "percentile", "plausible", "halving", "plausible_halving"]
)
def bench_decide(benchmark, pruner, finished):
    """The decision about a trial that has just come to a rung, as one more of the study."""
    rule = make_pruner(load_registry(), pruner)
    trials, rng = trials_of(finished), np.random.default_rng(1)
    rule.decide(trials.view(0).until(RUNG), trials)  # what was there before is known

    def arrive():
        trial = drawn(len(trials), rng).until(RUNG)
        trials.put(trial)
        return (trial, trials), {}

    benchmark.pedantic(rule.decide, setup=arrive, rounds=100)
