"""A target in its own units, and how forecasts of its z-scores come back to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.layout import Ints, Layout, Spans, ranges
from lstmopt.data.scaling import Scaling, fit_scaling
from lstmopt.data.series import Series
from lstmopt.data.split import Split
from lstmopt.data.target_scale import TargetScale
from lstmopt.data.windows import Fold
from lstmopt.training.metrics import (
    Floats,
    Quantiles,
    ScoredForecasts,
    mean_known,
    seasonal_naive_maes,
)

_RESOLUTION = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class OwnUnits:
    """A target in its own units, up to the end of a part.

    Attributes:
        target: The target as it was read [rows], NaN where it was not observed.
        scaling: What made its z-scores.
        season: The shortest plausible season that the rows before show, in rows; else 1.
        naive_mae: Mean absolute error of the forecast of that season on the rows before, in a panel
            that of each series [series].
        layout: Which rows are of which series of a panel; None for a single one.
    """

    target: Floats
    scaling: Scaling
    season: int
    naive_mae: float | Floats
    layout: Layout | None = None

    @classmethod
    def of(cls, split: Split, rows: Spans) -> OwnUnits:
        """Return the target of a split up to the end of some rows: nothing behind them is held.

        ``naive_mae`` is that on all rows before them, but for those that training leaves out.
        """
        trained = split.train.spans
        before = Spans(trained.starts, trained.first, np.maximum(trained.end, rows.first))
        return cls._of(split.series, split.scaling, before, rows)

    @classmethod
    def of_fold(
        cls,
        series: Series,
        fold: Fold,
        target: TargetScale | None = None,
        by_series: bool = True,
    ) -> OwnUnits:
        """Return the target of a fold up to the end of its validation part, scaled as it is.

        ``target`` says how it is transformed and bounded, ``by_series`` whether a panel is scaled
        series by series.
        """
        scaling = fit_scaling(series, fold.train.spans, target, by_series)
        return cls._of(series, scaling, fold.train.spans, fold.validation.spans)

    @classmethod
    def _of(cls, series: Series, scaling: Scaling, trained: Spans, seen: Spans) -> OwnUnits:
        end = len(series.times) if series.panel else int(seen.end[0])
        target = np.where(series.observed[:end], series.values[:end, 0], np.nan)
        if series.panel is not None:
            target[ranges(seen.end, series.panel.starts[1:])] = np.nan
        naive_mae: float | Floats = math.nan
        for season in (*sorted(series.season), 1):
            found = seasonal_naive_maes(target, trained, season)
            naive_mae = found if series.panel is not None else float(found[0])
            if np.isfinite(found).any():
                break
        return cls(target, scaling, season, naive_mae, series.panel)

    @property
    def scale(self) -> float:
        """What scaled errors divide by; of a panel the mean over series of what each does."""
        return mean_known(np.atleast_1d(self.naive_mae))

    def series_of(self, origins: NDArray[np.int64]) -> Ints | None:
        """Return which series of a panel each origin is of [windows]; None of a single one."""
        return None if self.layout is None else self.layout.of_rows(origins)

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
        of = self.series_of(origins)
        truth = self._truth(origins, scaled.shape[1])
        if quantiles is not None:
            quantiles = replace(quantiles, values=self._own(quantiles.values, of))
        found = self._own(scaled, of), truth, np.isfinite(truth)
        return ScoredForecasts(*found, self.naive_mae, self.season, quantiles, of)

    def _own(self, scaled: NDArray[np.float32], of: Ints | None) -> Floats:
        return self.scaling.target.own(self._transformed(scaled, of))

    def errors(self, scaled: NDArray[np.float32], origins: NDArray[np.int64]) -> Floats:
        """Return by how much the transformed truth is above scaled forecasts.

        Both [windows, horizon], in the units of errors (see `Scaling.error_unit`); NaN where no
        truth was observed.
        """
        of = self.series_of(origins)
        truth = self.scaling.target.transformed(self._truth(origins, scaled.shape[1]))
        found: Floats = (truth - self._transformed(scaled, of)) / self.scaling.error_unit(of)
        return found

    def moved(self, scaled: NDArray[np.float32], by: Floats, origins: NDArray[np.int64]) -> Floats:
        """Return scaled forecasts [windows, horizon], moved by errors, in own units."""
        of = self.series_of(origins)
        moved = self._transformed(scaled, of) + by * self.scaling.error_unit(of)
        return self.scaling.target.own(moved)

    def _truth(self, origins: NDArray[np.int64], horizon: int) -> Floats:
        truth: Floats = self.target[origins[:, None] + np.arange(1, horizon + 1)]
        return truth

    def _transformed(self, scaled: NDArray[np.float32], of: Ints | None) -> Floats:
        found = self.scaling.transformed(scaled, of)
        if of is None:
            # of what cancels the mean, float32 holds no digit: such a forecast is 0
            found[np.abs(found) <= _RESOLUTION * abs(self.scaling.target_mean)] = 0.0
        return found
