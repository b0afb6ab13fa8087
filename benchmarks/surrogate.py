"""Answers for candidates between a table's rows: a Gaussian process over the configuration."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.preprocessing import StandardScaler

from lstmopt.space import Choice, Params, Range, Space

from .tables import Table

Floats = NDArray[np.float64]

_ROWS_FOR_KERNEL = 300
"""The kernel's parameters are fitted on so many rows (its cost grows with their cube)."""


class Surrogate:
    """Predicts a candidate's loss after each epoch and the seconds of an epoch.

    One Gaussian process with a Matérn kernel over the configuration (Rasmussen and Williams, 2006,
    chapter 4) for all epochs together, on the logarithm of the losses. An answer stays within what
    was recorded at its epoch: an extrapolated corner must not become the optimum. A row that failed
    counts with the worst loss recorded, so a surrogate never fails.
    """

    def __init__(self, table: Table, rows: Sequence[int] | None = None) -> None:
        chosen = np.arange(table.rows) if rows is None else np.asarray(rows)
        self._encode = _Encoder(table.space)
        points = self._encode([table.params[row] for row in chosen])
        answers = _answers(table)[chosen]  # [rows, epochs + 1]
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

    def predict(self, candidates: Sequence[Params]) -> tuple[Floats, Floats]:
        """Return losses [candidates, epochs] and seconds of an epoch [candidates]."""
        predicted = self._process.predict(self._scaler.transform(self._encode(candidates)))
        answers: Floats = np.exp(np.clip(predicted, self._least, self._most))
        return answers[:, :-1], answers[:, -1]


def rank_correlation(table: Table, share: float = 0.2) -> float:
    """Return Spearman's correlation of best losses, predicted and recorded, on held-out rows."""
    order = np.random.default_rng(1).permutation(table.rows)
    held_out, known = np.split(order, [max(2, round(share * table.rows))])
    losses, _ = Surrogate(table, known.tolist()).predict([table.params[row] for row in held_out])
    recorded = np.exp(_answers(table)[held_out, :-1]).min(1)
    return float(spearmanr(losses.min(1), recorded).statistic)


def _answers(table: Table) -> Floats:
    """Return what is predicted [rows, epochs + 1]: log losses, then the log seconds of an epoch."""
    failed = np.isnan(table.best_losses)
    losses = table.losses.copy()
    losses[failed] = table.losses[~failed].max()
    seconds = np.nanmean(table.seconds, axis=1)
    answers: Floats = np.log(np.column_stack([losses, np.maximum(seconds, 1e-6)]))
    return answers


@dataclass(frozen=True)
class _Encoder:
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
                return np.array([[math.log(_number(v))] for v in values])
            case Range(low, _, log):
                # dropout does not apply to one layer, which is as good as none of it
                known = [low if v is None and log else 0.0 if v is None else v for v in values]
                return np.array([[math.log(_number(v)) if log else _number(v)] for v in known])


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
