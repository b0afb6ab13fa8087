"""What a series is known by, whether it stands alone or in a panel."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lstmopt.data.calendar import calendar_features
from lstmopt.data.raw_table import Source


@dataclass(frozen=True)
class ForModel:
    """What a model says of a table that is read for its forecasts.

    ``step`` is its own. It reads ``window`` rows and forecasts ``horizon``, of which ``future``
    says what is known in advance: a table, or a value a column. No column is left out, and a short
    table will do. Of a long file its end is read, or the ``whole``.
    """

    step: str
    window: int
    horizon: int
    future: Source | Mapping[str, float | str] | None = None
    whole: bool = False


def calendar_of(grid: pd.DatetimeIndex, step: str) -> tuple[str, ...]:
    """Name the cycles that a training part of two thirds of the series shows twice."""
    names = calendar_features(grid[:1], step)[0]
    long_enough = grid[-1] - grid[0] >= pd.Timedelta(days=3 * 365)
    return tuple(n for n in names if long_enough or not n.startswith("year"))


def fingerprint(numbers: pd.DataFrame) -> str:
    """Return 64 hexadecimal digits of all names, times and numbers [rows, columns]."""
    digest = hashlib.sha256("\0".join(numbers.columns).encode())
    times = pd.DatetimeIndex(numbers.index)
    try:
        counted = times.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:  # before 1678 or after 2261
        counted = times.as_unit("us")
    digest.update(counted.asi8.tobytes())
    digest.update(str(times.tz or "").encode())
    for name in numbers.columns:
        digest.update(np.ascontiguousarray(numbers[name].to_numpy(float)).data)
    return digest.hexdigest()
