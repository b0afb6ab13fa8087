"""What a series is like, in a few figures that do not depend on its units."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike

_MOST_ROWS = 20_000
"""The latest rows that are looked at; a decomposition of more takes seconds."""


@dataclass(frozen=True)
class SeriesFeatures:
    """``length`` is the logarithm (base 10) of the rows; all others lie between 0 and 1.

    ``seasonality``, ``trend`` and ``noise`` as in Wang, Smith and Hyndman, Characteristic-based
    clustering for time series data, Data Mining and Knowledge Discovery 13, 2006: how much of the
    variance of season (trend) and remainder together the season (trend) explains, and the share of
    the whole variance that the remainder keeps. ``autocorrelation`` is that of one step.
    """

    length: float
    seasonality: float
    trend: float
    noise: float
    autocorrelation: float


def series_features(values: ArrayLike, seasons: tuple[int, ...]) -> SeriesFeatures:
    """Describe a target [rows]; ``seasons`` are plausible season lengths, in rows.

    The shortest season that fits twice is taken out (STL by statsmodels); where none does, a trend
    alone is.
    """
    from statsmodels.tsa.seasonal import STL
    from statsmodels.tsa.stattools import acf

    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    length = math.log10(max(1, len(known)))
    known = known[-_MOST_ROWS:]
    spread = known.std() if len(known) else 0.0
    if len(known) < _FEWEST or spread == 0:
        return SeriesFeatures(length, 0.0, 0.0, 1.0, 0.0)
    known = (known - known.mean()) / spread
    season = next((s for s in sorted(seasons) if 2 <= s <= len(known) / 2), None)
    parts = STL(known, period=season or max(2, len(known) // 10)).fit()
    seasonal = parts.seasonal if season else np.zeros_like(known)
    remainder = known - parts.trend - seasonal
    return SeriesFeatures(
        length,
        _strength(remainder, seasonal),
        _strength(remainder, parts.trend),
        min(1.0, float(remainder.var())),
        min(1.0, abs(float(acf(known, nlags=1, fft=True)[1]))),
    )


_FEWEST = 10


def _strength(remainder: np.ndarray, part: np.ndarray) -> float:
    """Return how much of the variance of a part and the remainder the part explains, 0 to 1."""
    whole = float((remainder + part).var())
    return max(0.0, 1 - float(remainder.var()) / whole) if whole else 0.0


def similarity(one: SeriesFeatures | None, other: SeriesFeatures | None) -> float | None:
    """Compare two series, 1 for alike and 0 for nothing in common; None where one is unknown."""
    if one is None or other is None:
        return None
    apart = np.abs(np.array(astuple(one)) - np.array(astuple(other)))
    return float(np.exp(-apart.sum()))
