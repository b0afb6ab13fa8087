"""A sampler for lstmopt: one scrambled Sobol sequence over the whole space.

Optuna's ``QMCSampler`` leaves choices and conditional hyperparameters to chance. Here every
hyperparameter has a coordinate of its own, choices too, so that any prefix of a study covers the
space evenly; what does not apply to a candidate is a coordinate that is not looked at.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats import qmc

from lstmopt import Space, Strategy, hookimpl


class SobolSampler(optuna.samplers.BaseSampler):
    """Gives trial n the n-th point of a sequence; what it must remember is the trial's number."""

    def __init__(self, names: list[str], seed: int) -> None:
        self.names, self.seed = names, seed

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return no hyperparameter: each is drawn by itself."""
        return {}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return nothing, as `infer_relative_search_space` does."""
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the hyperparameter's coordinate of the trial's point, as a value."""
        point = self._point(trial.number)
        return place(param_distribution, float(point[self.names.index(param_name)]))

    def _point(self, number: int) -> np.ndarray:
        """Return a point [hyperparameters] of the unit cube."""
        sequence = qmc.Sobol(len(self.names), scramble=True, rng=self.seed)
        if number:  # scipy refuses to go forward by nothing
            sequence.fast_forward(number)
        return np.asarray(sequence.random(1)[0])


def place(distribution: BaseDistribution, share: float) -> Any:
    """Find the value at a share of a distribution, on its own scale.

    Args:
        distribution: What Optuna draws a hyperparameter from.
        share: From 0 to below 1.

    Returns:
        A choice, a whole number or a number, as the distribution has them.
    """
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(share * len(distribution.choices))]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = float(distribution.low), float(distribution.high)
    if isinstance(distribution, IntDistribution):
        low, high = low - 0.5, high + 0.5  # an integer stands for the unit interval around it
    if distribution.log:
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        value = low + share * (high - low)
    if isinstance(distribution, IntDistribution):
        return min(max(round(value), distribution.low), distribution.high)
    return min(max(value, distribution.low), distribution.high)


def make(*, study_seed: int, space: Space) -> optuna.samplers.BaseSampler:
    """Make a sampler whose trial n is point n of one sequence.

    Args:
        study_seed: Scrambles the sequence; the same for every trial.
        space: The study's space, each of whose hyperparameters is a coordinate.

    Returns:
        A sampler of Optuna's.

    References:
        https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.qmc.Sobol.html
    """
    return SobolSampler(list(space.parameters), study_seed)


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
    """Return ``sobol``."""
    return [
        Strategy(
            "sobol",
            make,
            "covers the space evenly with one scrambled Sobol sequence",
            "https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.qmc.Sobol.html",
            tell_stopped="nothing",
            sees=1,
        )
    ]
