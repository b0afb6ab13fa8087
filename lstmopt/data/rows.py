"""Rows in order, each once, on a grid, with short gaps filled."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lstmopt.data.options import DataOptions
from lstmopt.data.steps import grid, put_on_steps, rows_on_grid
from lstmopt.errors import LstmoptError

_SEVERAL = 0.05
"""The share of rows whose time stands again that is no slip of the pen."""


def in_order(numbers: pd.DataFrame, options: DataOptions, notices: list[str]) -> pd.DataFrame:
    """Return rows in ascending order of their times, which are the index, each time once."""
    times = pd.DatetimeIndex(numbers.index)
    if len(times) > 1 and times.is_monotonic_decreasing and not times.is_monotonic_increasing:
        notices.append(f"{len(times)} rows in descending order were reversed")
        return _once(numbers[::-1], options, notices)
    if options.order == "midnight_ends_day":
        times = _move_midnights(times, notices)
        numbers = numbers.set_axis(times)
    back = np.flatnonzero(np.diff(times.asi8) < 0)
    if len(back):
        row = int(back[0]) + 1
        midnight = bool((times[back + 1] == times[back].normalize()).all())
        if not (options.order == "sort" or options.resample or (times.is_unique and not midnight)):
            remedy = (
                'order = "midnight_ends_day" if 0:00 means 24:00' if midnight else "mend the times"
            )
            again = times.duplicated() & ~numbers.reset_index().duplicated().to_numpy()
            if again.mean() > _SEVERAL:
                raise LstmoptError(
                    f"a time stands once, found {int(again.sum())} that stand again with other "
                    f"values, the first {times[again][0]}, and no column that tells several series "
                    "apart: add one and choose with --series, or bring rows together with resample"
                )
            raise LstmoptError(
                f"times ascend, found {len(back)} rows that step back, the first in row {row + 1} "
                f'({times[row]} after {times[row - 1]}): set order = "sort" in [data], or {remedy}'
            )
        notices.append(f"{len(back)} rows stepped back in time, the first at {times[row]}: sorted")
        numbers = numbers.iloc[np.argsort(times.asi8, kind="stable")]
    return _once(numbers, options, notices)


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


def _once(numbers: pd.DataFrame, options: DataOptions, notices: list[str]) -> pd.DataFrame:
    """Keep one of the rows that are the same; refuse other values at one time."""
    times = pd.DatetimeIndex(numbers.index)
    repeated = times.duplicated()
    if not repeated.any() or options.resample:
        return numbers
    same = numbers.reset_index().duplicated().to_numpy()
    if (repeated & ~same).any():
        first = times[int(np.flatnonzero(repeated & ~same)[0])]
        raise LstmoptError(
            f"a time stands once, found {int((repeated & ~same).sum())} repeated times with other "
            f"values, the first {first}: keep one row each, name the second time column, or bring "
            'them together with resample = "1h" (or the step that you want)'
        )
    notices.append(
        f"{int(same.sum())} rows stood twice, the first {times[int(np.flatnonzero(same)[0])]}: "
        "each was kept once"
    )
    return numbers[~repeated]


def resampled(numbers: pd.DataFrame, options: DataOptions, notices: list[str]) -> pd.DataFrame:
    """Bring ascending rows together to those of the step that is asked for."""
    try:
        offset = pd.tseries.frequencies.to_offset(options.resample)
        if offset.n < 1:
            raise ValueError
    except ValueError:
        raise LstmoptError(
            f"resample is a step such as 15min, 1h, D, W or MS, found {options.resample!r}: "
            "change it"
        ) from None
    # bins of hours or days begin at the same times whenever a table begins
    fixed = isinstance(offset, pd.offsets.Tick)
    fixed |= isinstance(offset, pd.offsets.Day) and pd.DatetimeIndex(numbers.index).tz is None
    bins = numbers.resample(offset, origin="epoch" if fixed else "start_day")
    rows = bins.size()
    if (rows > 0).sum() > 1 and (rows > 0).mean() < 0.5:
        raise LstmoptError(
            f"resample brings rows together, found {len(numbers)} rows for {len(rows)} of step "
            f"{options.resample}: name a longer step"
        )
    if options.resample_with == "sum":
        together = _without_parts(bins.sum(min_count=1), rows, notices)
    else:
        together = bins.mean() if options.resample_with == "mean" else bins.last()
    notices.append(
        f"{len(numbers)} rows were brought to {len(together)} of step {options.resample}, each the "
        f"{options.resample_with} of its own"
    )
    return together


def _without_parts(sums: pd.DataFrame, rows: pd.Series, notices: list[str]) -> pd.DataFrame:
    """Leave out the first and the last sum where they are of fewer rows than most."""
    usual = rows.median()
    first, last = int(rows.iloc[0] < usual), len(rows) - int(rows.iloc[-1] < usual)
    if last - first < len(rows):
        notices.append(f"{len(rows) - last + first} sums of fewer rows at the ends were left out")
    return sums[first:last]


def on_grid(numbers: pd.DataFrame, step: str, notices: list[str]) -> tuple[pd.DataFrame, str]:
    """Return rows on the grid of their step, and that step; a model has a ``step`` already.

    Raises LstmoptError for rows that follow no step, or another than the model's.
    """
    times = pd.DatetimeIndex(numbers.index)
    _refuse_wide_gaps(times)
    on_steps = _of_model(times, step) if step else None
    found, step = (on_steps, step) if on_steps is not None else put_on_steps(times)
    jitter = found.asi8 != times.as_unit(found.unit).asi8
    if jitter.any():
        most = pd.Timedelta(np.abs((found - times).to_numpy()).max()).round("s")
        notices.append(
            f"{int(jitter.sum())} rows lie up to {most.to_pytimedelta()} off the grid of {step}, "
            f"the first at {times[int(np.flatnonzero(jitter)[0])]}: put on it"
        )
    whole = rows_on_grid(found, step)
    missing = whole[~whole.isin(found)]
    if len(missing):
        notices.append(
            f"{len(missing)} rows were missing, the first {missing[0]}: put on the {step} grid"
        )
    on_time = numbers.set_axis(found)
    return (on_time if found.equals(whole) else on_time.reindex(whole)), step


def _of_model(times: pd.DatetimeIndex, step: str) -> pd.DatetimeIndex | None:
    """Return times where they are of a model's own step, None where that must be found out."""
    whole = grid(times[0], times[-1], step)
    rows = whole.get_indexer(times)
    apart = np.diff(rows)
    return times if (rows >= 0).all() and (not len(apart) or np.median(apart) == 1) else None


def _refuse_wide_gaps(times: pd.DatetimeIndex) -> None:
    """Refuse a mistyped year before a grid of its length is built."""
    steps = np.diff(times.asi8)
    typical = pd.Timedelta(int(np.median(steps)), times.unit) if len(steps) else pd.Timedelta(0)
    if len(steps) and times[-1] - times[0] > 20 * len(times) * typical:
        row = int(steps.argmax())
        raise LstmoptError(
            f"at least one row in 20 is there, found nothing between {times[row]} and "
            f"{times[row + 1]}: mend that time or cut the table there"
        )


def fill_gaps(numbers: pd.DataFrame, limit: int, said_of: int, notices: list[str]) -> pd.DataFrame:
    """Fill gaps of up to ``limit`` rows forward, never from a later value; leave longer ones.

    Notices are of the first rows, ``said_of`` many: what comes after is still to come.
    """
    filled = numbers.copy(deep=False)
    for name in numbers.columns:
        missing = numbers[name].isna()
        if not missing.any():
            continue
        run = (missing != missing.shift()).cumsum()
        length = missing.groupby(run).transform("sum")
        short = missing & (length <= limit)
        filled.loc[short, name] = numbers[name].ffill()[short]
    gaps, left = numbers[:said_of].isna(), filled[:said_of].isna()
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
