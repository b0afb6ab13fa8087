"""A regular series, and moving along it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.options import DataOptions
from lstmopt.data.steps import following

Floats = NDArray[np.float64]

_FIRST = 1_000
"""Values by which a series is known again."""


@dataclass(frozen=True)
class Series:
    """A regular series.

    ``values`` [rows, past], the target first: gaps up to the limit filled forward, longer ones
    NaN. ``known_values`` [rows, known] likewise. ``observed`` [rows] says where the target was
    really there. ``step`` is a pandas offset alias; ``season`` holds plausible season lengths in
    rows; ``notices`` say in a line each what was found and done. ``reading``
    is how a later table is read that is to give the same columns.
    """

    target: str
    past: tuple[str, ...]
    known: tuple[str, ...]
    calendar: tuple[str, ...]
    values: Floats
    known_values: Floats
    observed: NDArray[np.bool_]
    times: pd.DatetimeIndex
    step: str
    season: tuple[int, ...]
    notices: tuple[str, ...]
    fingerprint: str
    reading: DataOptions

    @property
    def target_fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the first `_FIRST` values that were observed.

        Whatever stands beside the target, and also when the series has grown.
        """
        first = np.flatnonzero(self.observed)[:_FIRST]
        values = np.ascontiguousarray(self.values[first, 0], "<f4")
        return hashlib.sha256(values.tobytes()).hexdigest()[:16]


def last_observed(series: Series) -> int:
    """Return how many rows there are up to the last observed target."""
    return int(np.flatnonzero(series.observed)[-1]) + 1


def next_times(
    series: Series, steps: int, times: pd.DatetimeIndex | None = None
) -> pd.DatetimeIndex:
    """Return the ``steps`` times after the last row, or ``times`` moved on by ``steps``."""
    if times is None:
        return following(series.times[-1], series.step, steps)
    return pd.DatetimeIndex(times[steps:].append(next_times(series, steps)))


def truncate(series: Series, end: int) -> Series:
    """Return the series without the rows from ``end`` on."""
    return replace(
        series,
        values=series.values[:end],
        known_values=series.known_values[:end],
        observed=series.observed[:end],
        times=series.times[:end],
    )


def joined(older: Series, newer: Series) -> Series:
    """Return a series with the rows of an older one before it; as it is where some lie between.

    Both were read for one model, so that their columns and steps are the same.
    """
    end = int(older.times.searchsorted(newer.times[0]))
    if end == 0 or next_times(truncate(older, end), 1)[0] != newer.times[0]:
        return newer
    before = truncate(older, end)
    return replace(
        newer,
        values=np.concatenate([before.values, newer.values]),
        known_values=np.concatenate([before.known_values, newer.known_values]),
        observed=np.concatenate([before.observed, newer.observed]),
        times=pd.DatetimeIndex(before.times.append(newer.times)),
    )
