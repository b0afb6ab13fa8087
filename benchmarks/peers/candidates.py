"""Optuna's TPE with its default options, whose random start is the same for every peer.

Ten trials of TPE are random draws. Drawing them from (seed, trial, hyperparameter) instead of from
the sampler's own state gives every peer the same candidates, whatever the order in which it asks,
so that times are compared on equal work.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution


class SharedStart(optuna.samplers.TPESampler):
    """TPE after ``startup`` trials that depend on ``start_seed`` alone."""

    def __init__(self, start_seed: int, seed: int, startup: int = 10) -> None:
        super().__init__(seed=seed, n_startup_trials=startup)
        self._start_seed, self._startup = start_seed, startup

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        if trial.number >= self._startup:
            return super().sample_independent(study, trial, param_name, param_distribution)
        name = zlib.crc32(param_name.encode())
        rng = np.random.default_rng([self._start_seed, trial.number, name])
        return _draw(rng, param_distribution)


def _draw(rng: np.random.Generator, distribution: BaseDistribution) -> Any:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return choices[rng.integers(len(choices))]
        case FloatDistribution(low=low, high=high, log=True):
            return math.exp(rng.uniform(math.log(low), math.log(high)))
    raise TypeError(f"the task holds choices and log ranges, found {distribution}")
