"""Rows of many series in one table -> each regular, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.layout import Ints, Layout
from lstmopt.data.steps import fixed_length, grid, on_wall_clock, parse_sessions, put_on_steps
from lstmopt.errors import LstmoptError

Floats = NDArray[np.float64]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FEWEST_ROWS = 3
_SPARSE = 20
"""Of so many rows of its grid a series has one at least; else a time is mistyped."""


@dataclass(frozen=True)
class PanelRows:
    """Series on the grid of one step, one after the other.

    Attributes:
        layout: Which rows are of which series.
        times: The time of each row [rows].
        numbers: Columns of numbers [rows, columns], NaN where there was no row.
        step: A pandas offset alias.
    """

    layout: Layout
    times: pd.DatetimeIndex
    numbers: Floats
    step: str


@dataclass(frozen=True)
class _Sorted:
    """Rows by series and time; ``of`` says which series each is of, of those with these ``ids``."""

    ids: tuple[str, ...]
    of: Ints
    times: pd.DatetimeIndex
    numbers: Floats

    def kept(self, series: NDArray[np.bool_]) -> _Sorted:
        """Return the rows of some of the series."""
        numbers = np.cumsum(series) - 1
        rows = series[self.of]
        ids = tuple(np.array(self.ids, object)[series])
        return _Sorted(ids, numbers[self.of[rows]], self.times[rows], self.numbers[rows])

    @property
    def counts(self) -> Ints:
        """How many rows each series has [series]."""
        return np.bincount(self.of, minlength=len(self.ids))

    @property
    def first(self) -> Ints:
        """The first row of each series [series]."""
        return np.cumsum(self.counts) - self.counts


def regular_panel(
    ids: pd.Series,
    times: pd.DatetimeIndex,
    numbers: Floats,
    notices: list[str],
    step: str = "",
    to_come: int = 0,
) -> PanelRows:
    """Put the series of a table on one step.

    What cannot be mended leaves its series out, with a notice that counts and names them: the same
    time twice with other values, another step than most, fewer than three rows.

    Args:
        ids: Which series each row is of [rows].
        times: The time of each row [rows].
        numbers: Columns of numbers [rows, columns], the target first.
        notices: Takes a line for what was found and done.
        step: A model's; that of the longest series without it.
        to_come: Rows of each series after its last target, which may have no row in the table.

    Returns:
        The series, in the order in which they first stand in the table.

    Raises:
        LstmoptError: Where none is left, and for a table whose times follow no step.
    """
    if not len(ids):
        raise LstmoptError("a panel holds rows, found none: give a full table")
    rows = _once(_in_order(ids, times, numbers), notices)
    rows = _without(rows, rows.counts < _FEWEST_ROWS, f"fewer than {_FEWEST_ROWS} rows", notices)
    longest = rows.times[rows.of == int(rows.counts.argmax())]
    step = step or put_on_steps(longest)[1]
    places, rows = _places(rows, step, notices)
    return _on_grid(rows, places, step, to_come)


def _in_order(ids: pd.Series, times: pd.DatetimeIndex, numbers: Floats) -> _Sorted:
    """Sort rows by series, in the order in which these first stand, and by time."""
    of, names = pd.factorize(ids)
    ordered = np.all((np.diff(of) > 0) | ((np.diff(of) == 0) & (np.diff(times.asi8) >= 0)))
    if not ordered:
        order = np.lexsort((times.asi8, of))
        of, times, numbers = of[order], times[order], numbers[order]
    return _Sorted(tuple(map(str, names)), of.astype(np.int64), times, numbers)


def _once(rows: _Sorted, notices: list[str]) -> _Sorted:
    """Keep one of the rows that are the same; leave out series with other values at one time."""
    again = np.zeros(len(rows.of), bool)
    again[1:] = (np.diff(rows.of) == 0) & (np.diff(rows.times.asi8) == 0)
    if not again.any():
        return rows
    places = np.flatnonzero(again)
    now, before = rows.numbers[places], rows.numbers[places - 1]
    differs = ~((now == before) | (np.isnan(now) & np.isnan(before))).all(axis=1)
    bad = np.zeros(len(rows.ids), bool)
    bad[rows.of[places[differs]]] = True
    same = int((~differs).sum())
    if same:
        notices.append(f"{same} rows stood twice in their series: each was kept once")
    kept = ~again
    once = _Sorted(rows.ids, rows.of[kept], rows.times[kept], rows.numbers[kept])
    return _without(once, bad, "other values at a time that stands again", notices)


def _without(rows: _Sorted, bad: NDArray[np.bool_], why: str, notices: list[str]) -> _Sorted:
    """Leave out series. Raises LstmoptError where none is left."""
    if not bad.any():
        return rows
    names = named([rows.ids[place] for place in np.flatnonzero(bad)])
    if bad.all():
        raise LstmoptError(
            f"a panel holds a series of at least {_FEWEST_ROWS} rows of one step, found "
            f"{len(rows.ids)} with {why} ({names}): mend the table"
        )
    notices.append(f"{int(bad.sum())} of {len(bad)} series have {why} and were left out: {names}")
    return rows.kept(~bad)


def named(ids: Sequence[str]) -> str:
    """Return the first few names of series."""
    return ", ".join(map(str, ids[:4])) + (", …" if len(ids) > 4 else "")


def _places(rows: _Sorted, step: str, notices: list[str]) -> tuple[Ints, _Sorted]:
    """Return how many steps after its series' first row each row comes; leave out what has others.

    A step of one length is counted from each series' own first time, another on one calendar.
    """
    walls = _comparable(rows.times, step)
    first, length = rows.first, _length(step, walls)
    if length is not None:
        since = walls.asi8 - walls.asi8[first][rows.of]
        places, rest = np.divmod(since, length)
        off = rest != 0
    else:
        calendar = grid(walls.min(), walls.max(), step)
        where = calendar.get_indexer(walls)
        places, off = where - where[first][rows.of], where < 0
    apart = np.diff(places, prepend=0)
    apart[first] = 1
    coarse = np.bincount(rows.of, apart == 1, len(rows.ids)) * 2 < rows.counts
    odd = np.bincount(rows.of, off, len(rows.ids)) > 0
    lengths = places[first + rows.counts - 1] + 1
    sparse = lengths > _SPARSE * rows.counts
    bad = odd | coarse | sparse
    kept = _without(rows, bad, f"another step than {step}", notices)
    return places[~bad[rows.of]], kept


def _comparable(times: pd.DatetimeIndex, step: str) -> pd.DatetimeIndex:
    """Return times without a zone: clocks on the wall where the step follows these, else UTC."""
    if times.tz is None:
        return times
    walls = times if on_wall_clock(step) else times.tz_convert("UTC")
    return walls.tz_localize(None)


def _length(step: str, walls: pd.DatetimeIndex) -> int | None:
    """Return how long a step is in the unit of times, None where it has no length of its own."""
    seconds = None if parse_sessions(step) else fixed_length(step)
    return None if seconds is None else round(seconds * _PER_SECOND[walls.unit])


def _on_grid(rows: _Sorted, places: Ints, step: str, to_come: int) -> PanelRows:
    """Spread rows over the grid of each series, with so many rows after its last target."""
    lengths = places[rows.first + rows.counts - 1] + 1
    if to_come:
        known = np.isfinite(rows.numbers[:, 0])
        last = np.zeros(len(rows.ids), np.int64)
        np.maximum.at(last, rows.of[known], places[known] + 1)
        there = places < (last + to_come)[rows.of]
        rows = replace(
            rows, of=rows.of[there], times=rows.times[there], numbers=rows.numbers[there]
        )
        places, lengths = places[there], last + to_come
    layout = Layout.of_lengths(rows.ids, lengths)
    into = layout.starts[:-1][rows.of] + places
    total = int(layout.starts[-1])
    if len(into) == total:  # nothing is missing
        return PanelRows(layout, rows.times, rows.numbers, step)
    numbers = np.full((total, rows.numbers.shape[1]), np.nan)
    numbers[into] = rows.numbers
    return PanelRows(layout, _grid_times(rows, places, layout, step), numbers, step)


def _grid_times(rows: _Sorted, places: Ints, layout: Layout, step: str) -> pd.DatetimeIndex:
    """Return the time of every row of the grid."""
    walls = _comparable(rows.times, step)
    begins = walls[rows.first]
    inside = np.arange(layout.starts[-1]) - np.repeat(layout.starts[:-1], layout.lengths)
    length = _length(step, walls)
    if length is not None:
        counted = np.repeat(begins.asi8, layout.lengths) + inside * length
        found = pd.DatetimeIndex(counted.view(f"M8[{walls.unit}]"))
    else:
        latest = begins.max() + (walls.max() - walls.min()) + _span(step, layout)
        calendar = grid(begins.min(), latest, step)
        found = calendar[np.repeat(calendar.get_indexer(begins), layout.lengths) + inside]
    if rows.times.tz is None:
        return found
    if on_wall_clock(step):
        return found.tz_localize(rows.times.tz, ambiguous=True, nonexistent="shift_forward")
    return found.tz_localize("UTC").tz_convert(rows.times.tz)


def _span(step: str, layout: Layout) -> pd.Timedelta:
    """Return more time than the longest series takes."""
    one = grid(pd.Timestamp("2000-01-01"), pd.Timestamp("2004-01-01"), step)
    each = (one[-1] - one[0]).total_seconds() / 86_400 / max(1, len(one) - 1)
    return pd.Timedelta(days=int(1.1 * each * (int(layout.lengths.max()) + 2)) + 7)


def fill_panel_gaps(numbers: Floats, layout: Layout, limit: int) -> tuple[Floats, int]:
    """Fill gaps of up to ``limit`` rows forward within each series, as `rows.fill_gaps` does.

    Args:
        numbers: Columns [rows, columns], NaN where a value is missing.
        layout: Which rows are of which series.
        limit: The longest gap that is filled.

    Returns:
        The columns, and how many values of the target were missing between its first and its last.
    """
    if np.isfinite(numbers).all():
        return numbers, 0
    filled, rows = numbers.copy(), np.arange(len(numbers))
    first = np.repeat(layout.starts[:-1], layout.lengths)
    end = np.repeat(layout.starts[1:], layout.lengths)
    between = 0
    for column in range(numbers.shape[1]):
        there = np.isfinite(numbers[:, column])
        if there.all():
            continue
        before = np.maximum.accumulate(np.where(there, rows, -1))
        after = np.minimum.accumulate(np.where(there, rows, len(rows))[::-1])[::-1]
        inside = ~there & (before >= first)
        if column == 0:
            between = int((inside & (after < end)).sum())
        short = inside & (np.minimum(after, end) - before - 1 <= limit)
        filled[short, column] = numbers[before[short], column]
    return filled, between
