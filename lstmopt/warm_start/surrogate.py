"""What a candidate would give, judged by others: a Gaussian process over hyperparameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.preprocessing import StandardScaler

from lstmopt.search_space import Choice, Params, Range, Space, Value

Floats = NDArray[np.float64]

_ROWS_FOR_KERNEL = 300
"""The kernel's parameters are fitted on so many rows (its cost grows with their cube)."""


class Surrogate:
    """Predicts answers [candidates, answers] from those of known ``candidates``.

    One Gaussian process with a Matérn kernel for all answers together (Rasmussen and Williams,
    2006, chapter 4). A prediction stays within what was known of its answer: an extrapolated
    corner must not become the optimum.
    """

    def __init__(self, space: Space, candidates: Sequence[Params], answers: Floats) -> None:
        self._encode = Encoder(space)
        points = self._encode(candidates)
        self._least, self._most = answers.min(0), answers.max(0)
        self._scaler = StandardScaler().fit(points)
        points = self._scaler.transform(points)
        kernel = ConstantKernel(1.0) * Matern(
            [2.0] * points.shape[1], length_scale_bounds=(0.05, 100.0), nu=2.5
        ) + WhiteKernel(0.05)
        few = np.random.default_rng(0).permutation(len(points))[:_ROWS_FOR_KERNEL]
        with warnings.catch_warnings():
            # a parameter that does not matter sends its length to the bound
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(
                points[few], answers[few]
            )
            self._process = GaussianProcessRegressor(
                fitted.kernel_, optimizer=None, normalize_y=True
            ).fit(points, answers)

    def predict(self, candidates: Sequence[Params]) -> Floats:
        """Return the answers [candidates, answers]."""
        points = self._scaler.transform(self._encode(candidates))
        predicted = self._process.predict(points).reshape(len(candidates), -1)
        answers: Floats = np.clip(predicted, self._least, self._most)
        return answers


@dataclass(frozen=True)
class Encoder:
    """Turns hyperparameters into numbers, on the scale on which they are searched."""

    space: Space

    def __call__(self, candidates: Sequence[Params]) -> Floats:
        columns = [self._column(name, candidates) for name in self.space.parameters]
        points: Floats = np.concatenate(columns, axis=1)
        return points

    def _column(self, name: str, candidates: Sequence[Params]) -> Floats:
        """Return one column for a number, one for each value of a choice of texts."""
        parameter = self.space.parameters[name]
        values = [params.get(name) for params in candidates]
        match parameter:
            case Choice(choices) if any(isinstance(choice, str) for choice in choices):
                return np.array([[float(v == c) for c in choices] for v in values])
            case Choice(choices):
                return np.array([[_log(choices[0] if v is None else v)] for v in values])
            case Range(low, _, log):
                # dropout does not apply to one layer, which is as good as none of it
                known = [low if v is None and log else 0.0 if v is None else v for v in values]
                return np.array([[_log(v) if log else float(cast(float, v))] for v in known])


def _log(value: Value) -> float:
    """Return the logarithm of a number that may be 0."""
    return math.log(max(float(cast(float, value)), 1e-12))
