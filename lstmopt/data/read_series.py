"""A table's file or DataFrame -> Series: checked, ordered, regular."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.calendar import calendar_features, infer_step, season_lengths
from lstmopt.data.cells import counts_rows, is_mostly_numbers, to_numbers, without_marks
from lstmopt.data.csv_reader import refuse_repeated_names
from lstmopt.data.options import DataOptions
from lstmopt.data.series import Floats, Series
from lstmopt.data.table_files import read_table
from lstmopt.data.timestamps import find_time_columns, parse_times
from lstmopt.errors import LstmoptError, near_miss

_FEWEST_ROWS = 20


def read_series(
    source: str | Path | pd.DataFrame, options: DataOptions, fitted: bool = False
) -> Series:
    """Read a table and check it. Raises LstmoptError in one sentence for what cannot be mended.

    ``fitted`` reads for a model that has its columns already: constant columns stay, and a short
    table will do.
    """
    notices: list[str] = []
    if isinstance(source, pd.DataFrame):
        frame = source.copy(deep=False)
    else:
        frame = read_table(source, notices, options.target)
    frame.columns = pd.Index([str(name) for name in frame.columns])
    refuse_repeated_names(list(frame.columns))
    _check_names(frame, options)
    times, time_columns, invented = _times(frame, source, options, notices)
    past, known = _choose_columns(frame, options, time_columns, notices)
    columns = [without_marks(frame[name], notices) for name in (*past, *known)]
    numbers = to_numbers(pd.concat(columns, axis=1), [*past, *known])
    order, times = _order(times, options, notices)
    if not np.array_equal(order, np.arange(len(order))):  # a copy less of a long series
        numbers = numbers.iloc[order]
    numbers, times = _drop_duplicates(numbers, times, notices)
    if len(times) < 3:
        raise LstmoptError(f"a series needs at least 3 rows, found {len(times)}: give more rows")
    step = infer_step(times)
    numbers = _put_on_grid(numbers, times, step, notices)
    if not fitted:
        numbers, past, known = _leave_out_constant(numbers, past, known, notices)
    grid = pd.DatetimeIndex(numbers.index)
    observed = numbers[past[0]].notna().to_numpy()
    filled = _fill_gaps(numbers, options.max_gap, notices)
    if known and observed.any():  # what is known of rows to come is there, or it is not known
        to_come = int(np.flatnonzero(observed)[-1]) + 1
        filled.loc[grid[to_come:], known] = numbers.loc[grid[to_come:], known]
    with_calendar = options.calendar and not invented
    return Series(
        past[0],
        tuple(past),
        tuple(known),
        _calendar(grid, step) if with_calendar else (),
        _table(filled, past),
        _table(filled, known),
        observed,
        grid,
        step,
        () if invented else season_lengths(step),
        tuple(notices),
        _fingerprint(numbers),
    )


def _check_names(frame: pd.DataFrame, options: DataOptions) -> None:
    names = list(frame.columns)
    if not options.target:
        numeric = [n for n in names if pd.api.types.is_numeric_dtype(frame[n])]
        raise LstmoptError(
            f"a study forecasts one column, found no target: give --target with one of "
            f"{', '.join(numeric) or 'the columns'}"
        )
    asked = {"target": (options.target,), "features": options.features or ()}
    asked |= {"known": options.known, "drop": options.drop, "time": options.time}
    for what, columns in asked.items():
        for name in columns:
            if name not in names:
                raise LstmoptError(
                    f"{what} names columns of the table, found {name!r}: {near_miss(name, names)}"
                )
    for what in ("features", "known", "drop", "time"):
        if options.target in asked[what]:
            raise LstmoptError(
                f"the target is no other kind of column, found {options.target!r} in {what} too: "
                "name it once"
            )


def _times(
    frame: pd.DataFrame,
    source: str | Path | pd.DataFrame,
    options: DataOptions,
    notices: list[str],
) -> tuple[pd.DatetimeIndex, tuple[str, ...], bool]:
    """Return times, the columns they came from, and whether they had to be invented."""
    if not options.time and isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        return _index_times(frame.index, notices), (), False
    columns = options.time or tuple(n for n in find_time_columns(frame) if n != options.target)
    if columns:
        if not options.time:
            notices.append(f"the time was found in {' and '.join(columns)}")
        return parse_times(frame, columns, options.day_first, notices), columns, False
    text = [n for n in frame.columns if not is_mostly_numbers(without_marks(frame[n], []))]
    if isinstance(source, pd.DataFrame) or not text:
        notices.append(f"no time column: the {len(frame)} rows are taken in order, one a step")
        return pd.date_range("2000-01-01", periods=len(frame), freq="D"), (), True
    raise LstmoptError(
        f"a time is a column in a format that can be told, found none among "
        f'{", ".join(text)}: name it with --time or time = ["…"], or drop what is no time'
    )


def _index_times(index: pd.DatetimeIndex | pd.PeriodIndex, notices: list[str]) -> pd.DatetimeIndex:
    """Return an index as times without a zone."""
    times = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    if times.hasnans:
        row = int(np.flatnonzero(times.isna())[0])
        raise LstmoptError(
            f"every row has a time, found none in row {row + 1} of the index "
            f"({int(np.sum(times.isna()))} such rows): mend or leave out these rows"
        )
    if times.tz is None:
        return times
    notices.append(f"{len(times)} times in {times.tz}, the first {times[0]}, were turned into UTC")
    return times.tz_convert(None)


def _choose_columns(
    frame: pd.DataFrame,
    options: DataOptions,
    time_columns: tuple[str, ...],
    notices: list[str],
) -> tuple[list[str], list[str]]:
    """Return past columns, the target first, and known ones.

    Where no features are named, text and columns that only number the rows are left out.
    """
    known = [n for n in options.known if n not in options.drop]
    if options.features is not None:
        past = [n for n in options.features if n not in (*options.drop, *known)]
        return [options.target, *past], known
    left_out = {*options.drop, *time_columns, *known, options.target}
    past = [n for n in frame.columns if n not in left_out]
    text = [n for n in past if not is_mostly_numbers(without_marks(frame[n], []))]
    if text:
        notices.append(f"columns of text are no inputs, left out: {', '.join(text)}")
    counting = [n for n in past if counts_rows(frame[n])]
    if counting:
        notices.append(f"columns that only number the rows were left out: {', '.join(counting)}")
    past = [n for n in past if n not in (*text, *counting)]
    return [options.target, *past], known


def _order(
    times: pd.DatetimeIndex, options: DataOptions, notices: list[str]
) -> tuple[NDArray[np.int64], pd.DatetimeIndex]:
    """Return the order in which rows ascend in time, and the times in that order."""
    rows = np.arange(len(times))
    if len(times) > 1 and times.is_monotonic_decreasing and not times.is_monotonic_increasing:
        notices.append(f"{len(times)} rows in descending order were reversed")
        return rows[::-1], times[::-1]
    if options.order == "midnight_ends_day":
        times = _move_midnights(times, notices)
    back = np.flatnonzero(np.diff(times.to_numpy()) < np.timedelta64(0, "ns"))
    if not len(back):
        return rows, times
    row = int(back[0]) + 1
    midnight = bool((times[back + 1] == times[back].normalize()).all())
    if options.order == "sort" or (times.is_unique and not midnight):
        notices.append(f"{len(back)} rows stepped back in time, the first at {times[row]}: sorted")
        order = np.argsort(times.to_numpy(), kind="stable")
        return order, times[order]
    remedy = 'order = "midnight_ends_day" if 0:00 means 24:00' if midnight else "mend the times"
    raise LstmoptError(
        f"times ascend, found {len(back)} rows that step back, the first in row {row + 1} "
        f'({times[row]} after {times[row - 1]}): set order = "sort" in [data], or {remedy}'
    )


def _move_midnights(times: pd.DatetimeIndex, notices: list[str]) -> pd.DatetimeIndex:
    """Read a 0:00 that stands after later rows of its own date as that day's 24:00."""
    days = times.normalize()
    after = np.concatenate([[False], (times[1:] == days[:-1]) & (times[:-1] > times[1:])])
    if after.any():
        first = times[int(np.flatnonzero(after)[0])]
        notices.append(
            f"{int(after.sum())} rows at 0:00 after their own day, the first {first}, were read "
            "as 24:00"
        )
    return times + pd.to_timedelta(after.astype(int), unit="D")


def _drop_duplicates(
    numbers: pd.DataFrame, times: pd.DatetimeIndex, notices: list[str]
) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    repeated = times.duplicated()
    if not repeated.any():
        return numbers, times
    table = numbers.assign(**{"": times.to_numpy()})
    same = table.duplicated().to_numpy()
    if (repeated & ~same).any():
        first = times[int(np.flatnonzero(repeated & ~same)[0])]
        raise LstmoptError(
            f"a time stands once, found {int((repeated & ~same).sum())} repeated times with other "
            f"values, the first {first}: keep one row each, or name the second time column"
        )
    notices.append(
        f"{int(same.sum())} rows stood twice, the first {times[int(np.flatnonzero(same)[0])]}: "
        "each was kept once"
    )
    return numbers[~repeated], times[~repeated]


def _refuse_wide_gaps(times: pd.DatetimeIndex) -> None:
    """Refuse a mistyped year before a grid of its length is built."""
    steps = np.diff(times.to_numpy())
    if times[-1] - times[0] > 20 * len(times) * pd.Timedelta(np.median(steps)):
        row = int(steps.argmax())
        raise LstmoptError(
            f"at least one row in 20 is there, found nothing between {times[row]} and "
            f"{times[row + 1]}: mend that time or cut the table there"
        )


def _put_on_grid(
    numbers: pd.DataFrame, times: pd.DatetimeIndex, step: str, notices: list[str]
) -> pd.DataFrame:
    _refuse_wide_gaps(times)
    grid = pd.date_range(times[0], times[-1], freq=step)
    off = ~times.isin(grid)
    if off.any():
        first = times[int(np.flatnonzero(off)[0])]
        raise LstmoptError(
            f"times lie on one grid of step {step}, found {int(off.sum())} rows off it, the first "
            f"{first}: resample the series first"
        )
    missing = grid[~grid.isin(times)]
    if len(missing):
        notices.append(
            f"{len(missing)} rows were missing, the first {missing[0]}: put on the {step} grid"
        )
    on_time = numbers.set_axis(times)
    return on_time if times.equals(grid) else on_time.reindex(grid)


def _leave_out_constant(
    numbers: pd.DataFrame, past: list[str], known: list[str], notices: list[str]
) -> tuple[pd.DataFrame, list[str], list[str]]:
    target = past[0]
    count = int(numbers[target].notna().sum())
    if count < _FEWEST_ROWS:
        raise LstmoptError(
            f"a target needs at least {_FEWEST_ROWS} observed rows, found {count} in {target!r}: "
            "the series is too short"
        )
    constant = [n for n in numbers.columns if not numbers[n].min() < numbers[n].max()]
    if target in constant:
        raise LstmoptError(
            f"a target varies, found {target!r} always {numbers[target].dropna().iloc[0]:g}: "
            "choose another column"
        )
    if constant:
        notices.append(f"constant columns were left out: {', '.join(constant)}")
    kept = numbers.drop(columns=constant)
    return kept, [n for n in past if n in kept], [n for n in known if n in kept]


def _fill_gaps(numbers: pd.DataFrame, limit: int, notices: list[str]) -> pd.DataFrame:
    """Fill gaps of up to ``limit`` rows forward, never from a later value; leave longer ones."""
    filled = numbers.copy(deep=False)
    for name in numbers.columns:
        missing = numbers[name].isna()
        if not missing.any():
            continue
        run = (missing != missing.shift()).cumsum()
        length = missing.groupby(run).transform("sum")
        short = missing & (length <= limit)
        filled.loc[short, name] = numbers[name].ffill()[short]
    gaps, left = numbers.isna(), filled.isna()
    for what, columns in (("target", numbers.columns[:1]), ("inputs", numbers.columns[1:])):
        if count := int(gaps[columns].to_numpy().sum()):
            first = gaps[columns].any(axis=1).idxmax()
            longer = int(left[columns].to_numpy().sum())
            tail = f", but for {longer} in gaps of more than {limit} rows" if longer else ""
            score = ", never scored" if what == "target" else ""
            notices.append(
                f"{what}: {count} values missing, the first at {first}: filled forward{tail}{score}"
            )
    return filled


def _table(numbers: pd.DataFrame, names: list[str]) -> Floats:
    """Return columns as one array [rows, columns]; pandas would hold two copies on the way."""
    table = np.empty((len(numbers), len(names)))
    for column, name in enumerate(names):
        table[:, column] = numbers[name]
    return table


def _calendar(grid: pd.DatetimeIndex, step: str) -> tuple[str, ...]:
    """Name the cycles that a training part of two thirds of the series shows twice."""
    names = calendar_features(grid[:1], step)[0]
    long_enough = grid[-1] - grid[0] >= pd.Timedelta(days=3 * 365)
    return tuple(n for n in names if long_enough or not n.startswith("year"))


def _fingerprint(numbers: pd.DataFrame) -> str:
    digest = hashlib.sha256("\0".join(numbers.columns).encode())
    times = pd.DatetimeIndex(numbers.index)
    try:
        counted = times.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:  # before 1678 or after 2261
        counted = times.as_unit("us")
    digest.update(counted.asi8.tobytes())
    for name in numbers.columns:
        digest.update(np.ascontiguousarray(numbers[name].to_numpy(float)).data)
    return digest.hexdigest()
