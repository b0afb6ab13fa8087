"""A regular series, and moving along it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.layout import Layout, ranges
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
    is how a later table is read that is to give the same columns. ``panel`` says which rows are of
    which series where there are several, one after the other, each ascending; None for one.
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
    panel: Layout | None = None

    @property
    def layout(self) -> Layout:
        """Which rows are of which series: of a single one all."""
        return self.panel or Layout.one(len(self.times))

    @property
    def target_fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the first `_FIRST` values that were observed.

        Whatever stands beside the target, and also when the series has grown.
        """
        first = np.flatnonzero(self.observed)[:_FIRST]
        values = np.ascontiguousarray(self.values[first, 0], "<f4")
        return hashlib.sha256(values.tobytes()).hexdigest()[:16]


def last_observed(series: Series) -> int:
    """Return how many rows there are up to the last observed target; of a panel in all series."""
    return int(observed_lengths(series).sum())


def observed_lengths(series: Series) -> NDArray[np.int64]:
    """Return how many rows each series has up to its last observed target [series]."""
    return series.layout.last_where(series.observed)


def next_times(series: Series, steps: int) -> pd.DatetimeIndex:
    """Return the ``steps`` times after the last row of a single series."""
    return following(series.times[-1], series.step, steps)


def times_after(series: Series, rows: NDArray[np.int64], steps: int) -> pd.DatetimeIndex:
    """Return the ``steps`` times after each of some rows, one row's after another's."""
    ends, places = np.unique(series.times[rows].asi8, return_inverse=True)
    first = np.full(len(ends), len(rows))
    np.minimum.at(first, places, np.arange(len(rows)))
    each = [following(series.times[row], series.step, steps) for row in rows[first]]
    found = each[0].append(each[1:])
    return pd.DatetimeIndex(found[(places[:, None] * steps + np.arange(steps)).ravel()])


def times_of_next_rows(series: Series) -> pd.DatetimeIndex:
    """Return the time of the row after each row [rows], within its own series."""
    last = series.layout.starts[1:] - 1
    after = times_after(series, last, 1)
    rows = np.arange(1, len(series.times) + 1)
    rows[last] = len(series.times) + np.arange(len(last))
    return pd.DatetimeIndex(series.times.append(after)[rows])


def truncate(series: Series, end: int | NDArray[np.int64]) -> Series:
    """Return the series without the rows from ``end`` on.

    Of a panel every row stays, so that its number does, and what comes from ``end`` on in its
    series [series] is missing there, but for what is known in advance.
    """
    if series.panel is not None:
        gone = ranges(series.panel.starts[:-1] + end, series.panel.starts[1:])
        values, observed = series.values.copy(), series.observed.copy()
        values[gone], observed[gone] = np.nan, False
        return replace(series, values=values, observed=observed)
    end = int(np.max(end))
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
