"""Columns that hold the time of a table -> the times of its rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lstmopt.data.csv_reader import place
from lstmopt.data.time_columns import PARTS, RANGES, part_numbers, part_of
from lstmopt.data.time_formats import as_text, number_format, read_numbers, read_text, regularity
from lstmopt.errors import LstmoptError

_NO_CLOCK = r" 0?0:00(?::00)?$"


def parse_times(
    frame: pd.DataFrame,
    columns: Sequence[str],
    day_first: bool | None,
    notices: list[str] | None = None,
    time_format: str = "",
) -> tuple[pd.DatetimeIndex, str]:
    """Parse columns that are one time together.

    Args:
        frame: The table.
        columns: One column, a date with a clock or an hour, or year, month, day and so on.
        day_first: Whether 01/02 is the first of February, None to find out.
        notices: Takes a line on what could be read in another way.
        time_format: How the time is written, empty to find out.

    Returns:
        The times [rows], with a zone where they are written with one; and how they are written.

    Raises:
        LstmoptError: For a cell that is no time; it says which.
    """
    notices = [] if notices is None else notices
    if len(set(columns)) < len(columns):
        raise LstmoptError(
            f"a time is one column or several different ones, found {', '.join(columns)}: name "
            "each once"
        )
    parts = [part_of(name) for name in columns]
    if parts[0] == "year" and len(columns) > 1 and None not in parts:
        return _parse_parts(frame, dict(zip(map(str, parts), columns, strict=True))), ""
    if len(columns) > 2:
        raise LstmoptError(
            f"a time is one or two columns, or {', '.join(PARTS)} as far as they are there, found "
            f"{', '.join(columns)}: name a date and an hour"
        )
    first = frame[columns[0]]
    if len(columns) == 1:
        return _parse_column(first, day_first, notices, time_format)
    second = frame[columns[1]]
    if not pd.api.types.is_numeric_dtype(second):
        clock = as_text(second).str.replace(r"^(\d\d?)\s*[-–]\s*\d\d?$", r"\1:00", regex=True)
        both = (_as_date(first) + " " + clock).rename(" and ".join(columns))
        return _parse_column(both, day_first, notices, time_format)
    days, found = _parse_column(first, day_first, notices, time_format)
    return days + pd.to_timedelta(_minutes(second), unit="min"), found


def _minutes(column: pd.Series) -> np.ndarray:
    """Return minutes since midnight of hours, of half and quarter hours counted from 1, or of 1430.

    Raises LstmoptError for what is none of these.
    """
    name, most = str(column.name), column.max()
    _require_whole(column, name)
    if most > 2400 and (column % 100 < 60).all():
        _require_range(column, name, 0, 240_000)
        column = column // 100  # 143000
    if most > 100 and (column % 100 < 60).all():
        _require_range(column, name, 0, 2400)
        return (column // 100 * 60 + column % 100).to_numpy()
    for length, periods in ((30, 50), (15, 100)):  # a day of autumn has an hour more
        if periods - 4 <= most <= periods and column.min() >= 1:
            return ((column - 1) * length).to_numpy()
    _require_range(column, name, 0, 24)
    return (column * 60).to_numpy()


def _as_date(column: pd.Series) -> pd.Series:
    """Return the cells of a date beside a clock; a workbook writes midnights after it."""
    text = as_text(column)
    if text.str.contains(_NO_CLOCK).all():
        return text.str.replace(_NO_CLOCK, "", regex=True)
    return text


def _parse_parts(frame: pd.DataFrame, names: dict[str, str]) -> pd.DatetimeIndex:
    """Put years, months or quarters, days and so on together; hours go up to 24."""
    parts = pd.DataFrame(index=frame.index)
    for part, name in names.items():
        numbers = part_numbers(frame[name], part)
        if numbers is None:
            raise LstmoptError(
                f"time column {name!r} holds whole numbers, found {str(frame[name].iloc[0])!r} in "
                f"{place(frame, 0)}: name other time columns"
            )
        _require_whole(numbers, name)
        if part in RANGES:
            _require_range(numbers, name, *RANGES[part])
        parts[part] = numbers
    if "quarter" in parts:
        parts = parts.assign(month=parts["quarter"] * 3 - 2).drop(columns="quarter")
    hours = parts["hour"].to_numpy() if "hour" in parts else np.zeros(len(parts))
    if "day of the year" in parts:
        hours = hours + 24 * (parts["day of the year"].to_numpy() - 1)
    rest = parts.drop(columns=["hour", "day of the year"], errors="ignore").assign(
        **{part: 1 for part in ("month", "day") if part not in parts}
    )
    times = pd.to_datetime(rest, errors="coerce")
    if times.isna().any():
        row = int(np.flatnonzero(times.isna())[0])
        found = "-".join(str(int(value)) for value in parts.iloc[row])
        raise LstmoptError(
            f"every row is a day of the calendar, found {found} in {place(parts, row)}: mend it"
        )
    return pd.DatetimeIndex(times) + pd.to_timedelta(hours, unit="h")


def _require_whole(values: pd.Series, name: str) -> None:
    if values.isna().any() or (values % 1 != 0).any():
        row = int(np.flatnonzero(values.isna() | (values % 1 != 0))[0])
        raise LstmoptError(
            f"time column {name!r} holds whole numbers, found {values.iloc[row]} in "
            f"{place(values, row)}: mend that row"
        )


def _require_range(values: pd.Series, name: str, low: int, high: int) -> None:
    outside = (values < low) | (values > high)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise LstmoptError(
            f"time column {name!r} lies within {low} and {high}, found {values.iloc[row]} in "
            f"{place(values, row)}: mend that row or name other time columns"
        )


def _parse_column(
    column: pd.Series, day_first: bool | None, notices: list[str], time_format: str
) -> tuple[pd.DatetimeIndex, str]:
    if isinstance(column.dtype, pd.PeriodDtype):
        readings = {"": column.dt.to_timestamp()}
    elif pd.api.types.is_datetime64_any_dtype(column):
        readings = {"": column}
    elif pd.api.types.is_numeric_dtype(column):
        form = time_format if time_format not in ("", "ISO8601") else number_format(column)
        readings = {form: read_numbers(column, form or "%Y%m%d")}
    else:
        readings = read_text(as_text(column), day_first, time_format)
    most = max(int(reading.notna().sum()) for reading in readings.values())
    whole = {form: r for form, r in readings.items() if int(r.notna().sum()) == most}
    found = max(whole, key=lambda form: regularity(whole[form]))
    best = whole[found]
    if best.isna().any():
        row = int(np.flatnonzero(best.isna())[0])
        cell = "an empty cell" if pd.isna(column.iloc[row]) else repr(str(column.iloc[row]))
        remedy = "say how a time is written with --time-format, or name another column with --time"
        remedy = f"write them as {time_format}" if time_format else remedy
        raise LstmoptError(
            f"every row of a time column holds a time, found {cell} in {place(column, row)} of "
            f"{column.name} ({int(best.isna().sum())} such rows): mend them, {remedy}"
        )
    if time_format and found != time_format:
        notices.append(f"times are not written as before ({time_format}): read as {found}")
    if any(not other.equals(best) for other in whole.values()):
        notices.append(
            f"day and month fit in either order in all {len(column)} times, the first "
            f"{column.iloc[0]}: read as {best.iloc[0]:%Y-%m-%d}, as that gives the steadier step"
        )
    return pd.DatetimeIndex(best), found
