"""Ask, prune and tell in studies of 100, 1,000 and 10,000 trials."""

from __future__ import annotations

from functools import cache

import optuna
import pytest

from lstmopt.pruning import TrialView, as_pruner
from lstmopt.registry import load_registry, make
from lstmopt.space import CLASSIC, Space

SIZES = [100, 1_000, 10_000]
EPOCHS = 27
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


@pytest.mark.parametrize("trials", SIZES)
@pytest.mark.parametrize("pruner", ["median", "percentile"])
def bench_prune(benchmark, pruner, trials):
    """One decision about a trial that every finished trial is a peer of."""
    rule = as_pruner(make(load_registry().strategy("pruner", pruner), "pruner", {}), pruner)
    others = [
        TrialView(n, True, {"latency_ms": 1.0}, {"val_loss": [1 + n / 1e6] * EPOCHS})
        for n in range(trials)
    ]
    trial = TrialView(trials, False, {"latency_ms": 2.0}, {"val_loss": [0.5] * (EPOCHS // 2)})
    benchmark(rule.decide, trial, others)
