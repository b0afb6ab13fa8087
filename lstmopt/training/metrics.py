"""Errors of forecasts; loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.layout import Ints, Spans, ranges
from lstmopt.search_space.quantiles import MEDIAN

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Errors over every observed target of a part, in the units of its targets.

    Attributes:
        mse: Mean squared error.
        mae: Mean absolute error.
        r2: R², NaN where the targets do not vary.
    """

    mse: float
    mae: float
    r2: float


def score(forecasts: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Scores:
    """Score forecasts where a target was observed.

    Args:
        forecasts: Forecasts [windows, horizon].
        targets: What they should have been [windows, horizon].
        mask: Where that was observed [windows, horizon].

    Returns:
        The scores; R² compares with the mean of the scored targets.

    Raises:
        ValueError: Where the shapes differ.
    """
    _check_shapes(forecasts, targets, mask)
    truth = targets[mask].astype(np.float64)
    errors = forecasts[mask].astype(np.float64) - truth
    return Scores(float(np.mean(errors**2)), float(np.mean(np.abs(errors))), _r2(errors, truth))


@dataclass(frozen=True)
class ForecastMetrics:
    """What is said of forecasts in the target's own units; NaN for what is not defined.

    Attributes:
        mae: Mean absolute error.
        rmse: Root of the mean squared error.
        mase: ``mae`` over the mean absolute error of the seasonal naive forecast on the training
            rows; not defined where that makes no error.
        smape: Mean of |error| over the mean of |forecast| and |truth|, in per cent, from 0 to 200;
            0 where both are 0.
        r2: R² against the mean of the observed truth; not defined where that does not vary.
        bias: Mean of forecast minus truth.

    References:
        Hyndman and Koehler, Another look at measures of forecast accuracy, International Journal of
        Forecasting 22, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001 (MASE). Makridakis,
        Spiliotis and Assimakopoulos, The M4 Competition, International Journal of Forecasting 36,
        2020, https://doi.org/10.1016/j.ijforecast.2019.04.014 (sMAPE).
    """

    mae: float
    rmse: float
    mase: float
    smape: float
    r2: float
    bias: float


METRICS = tuple(ForecastMetrics.__dataclass_fields__)
"""The metrics' names."""


def forecast_metrics(
    forecasts: Floats, truth: Floats, observed: NDArray[np.bool_], naive_mae: float
) -> ForecastMetrics:
    """Measure forecasts where the truth was observed; every metric is NaN where none was.

    Args:
        forecasts: Forecasts in the target's own units, of any shape.
        truth: What they should have been, of the same shape.
        observed: Where that was observed, of the same shape.
        naive_mae: What MASE divides by, see `seasonal_naive_mae`.

    Returns:
        The metrics.

    Raises:
        ValueError: Where the shapes differ.
    """
    _check_shapes(forecasts, truth, observed)
    known, given = truth[observed], forecasts[observed]
    if not len(known):
        return ForecastMetrics(*[math.nan] * len(METRICS))
    errors = given - known
    absolute = np.abs(errors)
    mae = float(absolute.mean())
    level = np.abs(given) + np.abs(known)
    shares = np.divide(absolute, level, out=np.zeros_like(level), where=level > 0)
    return ForecastMetrics(
        mae=mae,
        rmse=float(np.sqrt(np.mean(errors**2))),
        mase=mae / naive_mae if naive_mae > 0 else math.nan,
        smape=200 * float(shares.mean()),
        r2=_r2(errors, known),
        bias=float(errors.mean()),
    )


def metrics_by_lead(
    forecasts: Floats, truth: Floats, observed: NDArray[np.bool_], naive_mae: float
) -> tuple[ForecastMetrics, ...]:
    """Measure forecasts lead by lead, as `forecast_metrics` does.

    Args:
        forecasts: Forecasts in the target's own units [windows, horizon].
        truth: What they should have been [windows, horizon].
        observed: Where that was observed [windows, horizon].
        naive_mae: What MASE divides by.

    Returns:
        The metrics of each lead, the next row first [horizon].
    """
    columns = zip(forecasts.T, truth.T, observed.T, strict=True)
    return tuple(forecast_metrics(*column, naive_mae) for column in columns)


def mean_known(values: Floats) -> float:
    """Return the mean of what is no NaN, NaN of nothing."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _r2(errors: Floats, known: Floats) -> float:
    """Return R² of errors [n] in targets [n]."""
    variance = float(known.var())
    # the mean of equal floats may be another float: their variance says nothing
    if not (np.ptp(known) > 0 and variance > 0):
        return math.nan
    return 1 - float(np.mean(errors**2)) / variance


def seasonal_naive_mae(target: Floats, season: int) -> float:
    """Return the mean absolute error of repeating what was observed a season ago.

    Args:
        target: Rows of the training part in the target's own units, NaN where not observed [rows].
        season: The season's length, in rows.

    Returns:
        The error over all rows that were observed as well as the row a season before; NaN where
        there is none.
    """
    changes = np.abs(target[season:] - target[:-season])
    changes = changes[np.isfinite(changes)]
    return float(changes.mean()) if len(changes) else math.nan


def seasonal_naive_maes(target: Floats, trained: Spans, season: int) -> Floats:
    """Return `seasonal_naive_mae` of each series.

    Args:
        target: Rows in the target's own units, NaN where not observed [rows].
        trained: The training rows of each series.
        season: The season's length, in rows.

    Returns:
        The errors [series], NaN of a series that has none.
    """
    if len(trained.first) == 1:
        rows = slice(int(trained.first[0]), int(trained.end[0]))
        return np.array([seasonal_naive_mae(target[rows], season)])
    later = ranges(trained.first + season, trained.end)
    counts = np.maximum(trained.end - trained.first - season, 0)
    of = np.repeat(np.arange(len(counts)), counts)
    changes = np.abs(target[later] - target[later - season])
    known = np.isfinite(changes)
    return _mean_by(changes[known], of[known], len(counts))


def _mean_by(values: Floats, of: Ints, count: int) -> Floats:
    """Return means of values [n] by series [count], NaN of one without any."""
    seen = np.bincount(of, minlength=count)
    sums = np.bincount(of, values, count)
    means: Floats = np.divide(sums, seen, out=np.full(count, np.nan), where=seen > 0)
    return means


@dataclass(frozen=True, eq=False)
class SeriesMetrics:
    """Metrics of each series of a panel, in its own units [series]; NaN for what is not defined.

    Attributes:
        mae: Mean absolute error.
        mse: Mean squared error.
        mase: Over the mean absolute error of the series' own seasonal naive forecast on its
            training rows.
        smape: In per cent, from 0 to 200.
    """

    mae: Floats
    mse: Floats
    mase: Floats
    smape: Floats


def metrics_by_series(
    forecasts: Floats, truth: Floats, observed: NDArray[np.bool_], naive_mae: Floats, of: Ints
) -> SeriesMetrics:
    """Measure forecasts series by series.

    Args:
        forecasts: Forecasts in the target's own units [windows, horizon] or [windows].
        truth: What they should have been, of the same shape.
        observed: Where that was observed, of the same shape.
        naive_mae: What the MASE of each series divides by [series].
        of: Which series each window is of [windows].

    Returns:
        The metrics.

    Raises:
        ValueError: Where the shapes differ.
    """
    _check_shapes(forecasts, truth, observed)
    count = len(naive_mae)
    each = np.broadcast_to(of.reshape(-1, *(1,) * (truth.ndim - 1)), truth.shape)[observed]
    given, known = forecasts[observed], truth[observed]
    absolute, level = np.abs(given - known), np.abs(given) + np.abs(known)
    shares = np.divide(absolute, level, out=np.zeros_like(level), where=level > 0)
    mae = _mean_by(absolute, each, count)
    return SeriesMetrics(
        mae,
        _mean_by(absolute**2, each, count),
        np.divide(mae, naive_mae, out=np.full(count, np.nan), where=naive_mae > 0),
        200 * _mean_by(shares, each, count),
    )


def _check_shapes(forecasts: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> None:
    if not forecasts.shape == targets.shape == mask.shape:
        raise ValueError(f"shapes differ: {forecasts.shape}, {targets.shape}, {mask.shape}")


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Forecasts of quantiles.

    Attributes:
        probabilities: Shares below 1, ascending [quantiles].
        values: Forecasts, ascending [windows, horizon, quantiles].
    """

    probabilities: tuple[float, ...]
    values: NDArray[Any]

    def spreads(self) -> Floats:
        """Return how far the outer quantiles lie below and above the median.

        A side without a quantile is as the other.

        Returns:
            Distances over that of a standard normal target [2, windows, horizon].
        """
        values, (first, *_, last) = self.values.astype(np.float64), self.probabilities
        median = values[..., self.probabilities.index(MEDIAN)]
        outer = {first: values[..., 0], last: values[..., -1]}
        sides = [
            np.abs(end - median) / abs(NormalDist().inv_cdf(share))
            for share, end in outer.items()
            if share != MEDIAN
        ]
        return np.stack([sides[0], sides[-1]])


def pinball_loss(quantiles: Quantiles, truth: Floats) -> float:
    """Return the mean pinball loss over quantiles and what was observed.

    Args:
        quantiles: Forecasts.
        truth: What came, in their units [windows, horizon], NaN where it was not observed.

    Returns:
        The loss, in these units: of the median alone half the mean absolute error.

    References:
        Koenker and Bassett, Regression quantiles, Econometrica 46, 1978,
        https://doi.org/10.2307/1913643
    """
    apart = (truth[..., None] - quantiles.values)[np.isfinite(truth)]
    shares = np.array(quantiles.probabilities)
    return float(np.maximum(shares * apart, (shares - 1) * apart).mean())


@dataclass(frozen=True, eq=False)
class ScoredForecasts:
    """Forecasts of a part beside the truth; what an objective of the kind ``forecast`` measures.

    The arrays cannot be written to: all objectives see the same.

    Attributes:
        forecasts: Forecasts in the target's own units [windows, horizon].
        truth: What they should have been [windows, horizon], NaN where it was not observed.
        observed: Where it was [windows, horizon].
        naive_mae: Mean absolute error of the seasonal naive forecast on the training rows, in the
            target's own units; MASE divides by it.
        season: That forecast's season, in rows; 1 where the series has none.
        own_quantiles: Quantiles in the target's own units; None where the forecaster has none.
        of: Which series of a panel each window is of [windows]; None of a single one. Of a panel
            ``naive_mae`` is that of each series [series].
    """

    forecasts: Floats
    truth: Floats
    observed: NDArray[np.bool_]
    naive_mae: float | Floats
    season: int
    own_quantiles: Quantiles | None = None
    of: Ints | None = None

    def __post_init__(self) -> None:
        """Lock the arrays."""
        for array in (self.forecasts, self.truth, self.observed, self.quantiles.values):
            array.flags.writeable = False

    @property
    def quantiles(self) -> Quantiles:
        """Quantiles; of a forecaster without any its forecast, as the median."""
        return self.own_quantiles or Quantiles((MEDIAN,), self.forecasts[..., None])

    @property
    def leads(self) -> NDArray[np.int64]:
        """How many rows ahead each column is [horizon]."""
        return np.arange(1, self.forecasts.shape[1] + 1)

    @property
    def scale(self) -> float:
        """What scaled errors divide by; of a panel the mean over series of what each does."""
        return mean_known(np.atleast_1d(self.naive_mae))

    def metrics(self) -> ForecastMetrics:
        """Return the metrics over all leads; of a panel MASE and sMAPE are means over series."""
        return self._metrics(self.forecasts, self.truth, self.observed)

    def by_lead(self) -> tuple[ForecastMetrics, ...]:
        """Return the metrics of each lead by itself, the next row first [horizon]."""
        columns = zip(self.forecasts.T, self.truth.T, self.observed.T, strict=True)
        return tuple(self._metrics(*column) for column in columns)

    def by_series(self) -> SeriesMetrics:
        """Return the metrics of each series of a panel over all leads."""
        assert self.of is not None
        each = np.asarray(self.naive_mae)
        return metrics_by_series(self.forecasts, self.truth, self.observed, each, self.of)

    def _metrics(
        self, forecasts: Floats, truth: Floats, observed: NDArray[np.bool_]
    ) -> ForecastMetrics:
        if self.of is None:
            return forecast_metrics(forecasts, truth, observed, float(self.naive_mae))
        found = forecast_metrics(forecasts, truth, observed, math.nan)
        each = metrics_by_series(forecasts, truth, observed, np.asarray(self.naive_mae), self.of)
        return replace(found, mase=mean_known(each.mase), smape=mean_known(each.smape))

    def pinball_loss(self) -> float:
        """Return the mean pinball loss over all quantiles and leads, in the target's own units."""
        return pinball_loss(self.quantiles, self.truth)

    def scaled_quantile_loss(self) -> float:
        """Return twice the pinball loss over what MASE divides by; of a panel by series, averaged.

        NaN where that is nothing.
        """
        if self.of is None:
            return 2 * self.pinball_loss() / self.scale if self.scale > 0 else math.nan
        unit = np.asarray(self.naive_mae)[self.of][:, None]
        unit = np.where(unit > 0, unit, math.nan)
        scaled = replace(self.quantiles, values=self.quantiles.values / unit[..., None])
        return 2 * pinball_loss(scaled, self.truth / unit)

    def __repr__(self) -> str:
        windows, horizon = self.forecasts.shape
        return f"forecasts of {windows} windows, {horizon} rows ahead"
