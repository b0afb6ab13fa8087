"""A target in its own units, and how forecasts of its z-scores come back to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.scaling import Scaling, fit_scaling
from lstmopt.data.series import Series
from lstmopt.data.split import Split
from lstmopt.data.target_scale import TargetScale
from lstmopt.data.windows import Fold, Rows
from lstmopt.training.metrics import Floats, Quantiles, ScoredForecasts, seasonal_naive_mae

_RESOLUTION = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class OwnUnits:
    """A target in its own units, up to the end of a part.

    Attributes:
        target: The target as it was read [rows], NaN where it was not observed.
        scaling: What made its z-scores.
        season: The shortest plausible season that the training rows show, in rows; else 1.
        naive_mae: Mean absolute error of the forecast of that season on the training rows.
    """

    target: Floats
    scaling: Scaling
    season: int
    naive_mae: float

    @classmethod
    def of(cls, split: Split, end: int) -> OwnUnits:
        """Return the target of a split up to row ``end``: nothing behind it is held."""
        return cls._of(split.series, split.scaling, split.train.rows, end)

    @classmethod
    def of_fold(cls, series: Series, fold: Fold, target: TargetScale | None = None) -> OwnUnits:
        """Return the target of a fold up to the end of its validation part, scaled as it is.

        ``target`` says how it is transformed and bounded.
        """
        first, end = fold.train.rows
        scaling = fit_scaling(series, end, first, target)
        return cls._of(series, scaling, fold.train.rows, fold.validation.rows[1])

    @classmethod
    def _of(cls, series: Series, scaling: Scaling, trained: Rows, end: int) -> OwnUnits:
        target = np.where(series.observed[:end], series.values[:end, 0], np.nan)
        training = target[slice(*trained)]
        for season in (*sorted(series.season), 1):
            naive_mae = seasonal_naive_mae(training, season)
            if not math.isnan(naive_mae):
                break
        return cls(target, scaling, season, naive_mae)

    def beside_truth(
        self,
        scaled: NDArray[np.float32],
        origins: NDArray[np.int64],
        quantiles: Quantiles | None = None,
    ) -> ScoredForecasts:
        """Return forecasts at some origins beside the truth, in own units.

        Args:
            scaled: Scaled forecasts [windows, horizon].
            origins: The last rows that were read [windows].
            quantiles: Scaled ones, where the forecaster has any.
        """
        truth = self._truth(origins, scaled.shape[1])
        if quantiles is not None:
            quantiles = replace(quantiles, values=self._own(quantiles.values))
        found = self._own(scaled), truth, np.isfinite(truth)
        return ScoredForecasts(*found, self.naive_mae, self.season, quantiles)

    def _own(self, scaled: NDArray[np.float32]) -> Floats:
        return self.scaling.target.own(self._transformed(scaled))

    def errors(self, scaled: NDArray[np.float32], origins: NDArray[np.int64]) -> Floats:
        """Return by how much the transformed truth is above scaled forecasts.

        Both [windows, horizon], in the units of the transformed target; NaN where no truth was
        observed.
        """
        truth = self.scaling.target.transformed(self._truth(origins, scaled.shape[1]))
        return truth - self._transformed(scaled)

    def moved(self, scaled: NDArray[np.float32], by: Floats) -> Floats:
        """Return scaled forecasts [windows, horizon], moved by errors, in own units."""
        return self.scaling.target.own(self._transformed(scaled) + by)

    def _truth(self, origins: NDArray[np.int64], horizon: int) -> Floats:
        truth: Floats = self.target[origins[:, None] + np.arange(1, horizon + 1)]
        return truth

    def _transformed(self, scaled: NDArray[np.float32]) -> Floats:
        found = self.scaling.transformed(scaled)
        # of what cancels the mean, float32 holds no digit: such a forecast is 0
        found[np.abs(found) <= _RESOLUTION * abs(self.scaling.target_mean)] = 0.0
        return found
