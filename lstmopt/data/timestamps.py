"""Finds and parses the time column of a table, and infers its step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Literal

import numpy as np
import pandas as pd

from lstmopt.data.csv_reader import place
from lstmopt.errors import LstmoptError

_NAMES = ("timestamp", "datetime", "date", "time", "ds", "dteday", "date_time")
_HOURS = ("hr", "hour")
_FORMATS = (
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M",
    "%m-%d-%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
    *(
        f"{date} {clock}"
        for date in ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y-%m-%d", "%Y/%m/%d")
        for clock in ("%I:%M %p", "%I:%M:%S %p")
    ),
    *(
        f"{date}{clock}"
        for date in ("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y")
        for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
    ),
    "%b %Y",
    "%B %Y",
    "%b-%Y",
    "%b-%y",
    "%Y %b",
    "%Y-%b",
)
_PARTS = ("year", "month", "day", "hour", "minute")
"""Columns of numbers that are one time together, the first of them always there."""

_EPOCHS: dict[int, Literal["s", "ms", "us", "ns"]] = {10: "s", 13: "ms", 16: "us", 19: "ns"}
"""Units of a time since 1970 by how many digits its numbers have."""


def find_time_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that hold the time; () when there are none.

    By name first; a date with an hour column beside it takes both; then year with quarter, or with
    month, day, hour and minute as far as they are there; then a first column that parses.
    """
    by_name = {str(name).lower(): str(name) for name in frame.columns}
    for name in _NAMES:
        if name in by_name:
            hour = next((by_name[h] for h in _HOURS if h in by_name), None)
            repeats = frame[by_name[name]].duplicated().any()
            return (by_name[name], hour) if hour and repeats else (by_name[name],)
    if "year" in by_name:
        if "quarter" in by_name:
            return by_name["year"], by_name["quarter"]
        there = takewhile(by_name.__contains__, _PARTS)
        return tuple(by_name[part] for part in there)
    if len(frame.columns) and not pd.api.types.is_numeric_dtype(first := frame.iloc[:, 0]):
        parsed = _candidates(first.head(50).astype(str), None)
        if parsed and max(p.notna().mean() for p in parsed) == 1:
            return (str(frame.columns[0]),)
    return ()


def parse_times(
    frame: pd.DataFrame,
    columns: Sequence[str],
    day_first: bool | None,
    notices: list[str] | None = None,
) -> pd.DatetimeIndex:
    """Parse columns that are one time together to times [rows] without a zone.

    Times with a zone become UTC.

    Raises LstmoptError that gives the row and the cell which is no time.
    """
    notices = [] if notices is None else notices
    names = [name.lower() for name in columns]
    if len(columns) > 2 and names == list(_PARTS[: len(names)]):
        return _parse_parts(frame[list(columns)].set_axis(names, axis=1))
    if len(columns) > 2:
        raise LstmoptError(
            f"a time is one or two columns, or {', '.join(_PARTS)} in this order, found "
            f"{', '.join(columns)}: name a date and an hour"
        )
    first = frame[columns[0]]
    if len(columns) == 1:
        return _parse_column(first, day_first, notices)
    second = frame[columns[1]]
    if not pd.api.types.is_numeric_dtype(second):
        return _parse_column(first.astype(str) + " " + second.astype(str), day_first, notices)
    _require_whole(second, columns[1])
    kind = columns[1].lower()
    if kind in ("quarter", "month"):
        most = 4 if kind == "quarter" else 12
        _require_range(second, columns[1], 1, most)
        month = (second - 1) * (12 // most) + 1
        parts = {"year": first, "month": month, "day": 1}
        return pd.DatetimeIndex(pd.to_datetime(pd.DataFrame(parts)))
    _require_range(second, columns[1], 0, 23)
    return _parse_column(first, day_first, notices) + pd.to_timedelta(second.to_numpy(), unit="h")


def _parse_parts(parts: pd.DataFrame) -> pd.DatetimeIndex:
    """Put years, months, days and so on together."""
    most = {"month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59)}
    for name in map(str, parts):
        if not pd.api.types.is_numeric_dtype(parts[name]):
            raise LstmoptError(
                f"time column {name!r} holds whole numbers, found {str(parts[name].iloc[0])!r} in "
                f"{place(parts, 0)}: name other time columns"
            )
        _require_whole(parts[name], name)
        if name in most:
            _require_range(parts[name], name, *most[name])
    times = pd.to_datetime(parts if "day" in parts else parts.assign(day=1), errors="coerce")
    if times.isna().any():
        row = int(np.flatnonzero(times.isna())[0])
        found = "-".join(str(int(value)) for value in parts.iloc[row])
        raise LstmoptError(
            f"every row is a day of the calendar, found {found} in {place(parts, row)}: mend it"
        )
    return pd.DatetimeIndex(times)


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
    column: pd.Series, day_first: bool | None, notices: list[str]
) -> pd.DatetimeIndex:
    if pd.api.types.is_datetime64_any_dtype(column):
        candidates = [column]
    elif pd.api.types.is_numeric_dtype(column):
        _require_whole(column, str(column.name))
        candidates = [_parse_numbers(column)]
    else:
        candidates = _candidates(column.astype(str), day_first)
    most = max(int(c.notna().sum()) for c in candidates)
    whole = [c for c in candidates if int(c.notna().sum()) == most]
    best = max(whole, key=_regularity)
    if best.isna().any():
        row = int(np.flatnonzero(best.isna())[0])
        raise LstmoptError(
            f"every row of a time column holds a time, found {str(column.iloc[row])!r} in "
            f"{place(column, row)} ({int(best.isna().sum())} such rows): mend them or name "
            "another column"
        )
    index = pd.DatetimeIndex(best)
    _note_reading(column, whole, best, notices)
    return index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index


_ZONE = r"\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$"


def _note_reading(
    column: pd.Series, whole: list[pd.Series], best: pd.Series, notices: list[str]
) -> None:
    """Say where a time was moved to UTC, or where another order of day and month fits too."""
    zoned = getattr(column.dtype, "tz", None) is not None
    if not zoned and not pd.api.types.is_numeric_dtype(column):
        zoned = bool(column.astype(str).str.contains(_ZONE).any())
    if zoned:
        notices.append(
            f"{len(column)} times with a zone, the first {column.iloc[0]}, were turned into UTC"
        )
    if any(not other.equals(best) for other in whole):
        notices.append(
            f"day and month fit in either order in all {len(column)} times, the first "
            f"{column.iloc[0]}: read as {best.iloc[0]:%Y-%m-%d}, as that gives the steadier step"
        )


def _parse_numbers(column: pd.Series) -> pd.Series:
    """Read 19580329, 195803, 1958 or a count since 1970 by how many digits a number has."""
    formats = {8: "%Y%m%d", 6: "%Y%m", 4: "%Y"}
    digits = column.astype("int64").astype(str)
    if unit := _EPOCHS.get(len(digits.iloc[0])):
        return pd.to_datetime(column.astype("int64"), unit=unit, errors="coerce")
    form = formats.get(len(digits.iloc[0]), "%Y%m%d")
    return pd.to_datetime(digits, format=form, errors="coerce")


def _candidates(text: pd.Series, day_first: bool | None) -> list[pd.Series]:
    """Read text in every format that fits it at all."""
    readings = [pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)]
    if readings[0].notna().all():
        return readings
    if (periods := _parse_periods(text)) is not None:
        return [periods]
    wanted = {True: "%d", False: "%m"}.get(day_first) if day_first is not None else None
    for form in _FORMATS:
        if wanted and form[:2] in ("%d", "%m") and form[:2] != wanted and "." not in form:
            continue
        reading = pd.to_datetime(text, format=form, errors="coerce", utc=True)
        if reading.notna().any():
            readings.append(reading)
    return readings


def _parse_periods(text: pd.Series) -> pd.Series | None:
    """Read quarters (2019Q1, 2019-Q1, Q1 2019) and ISO weeks (2019-W05) as their first day."""
    quarters = text.str.extract(r"^\s*(\d{4})\s*[- ]?Q([1-4])\s*$|^\s*Q([1-4])[- /]?(\d{4})\s*$")
    year, quarter = quarters[0].fillna(quarters[3]), quarters[1].fillna(quarters[2])
    if year.notna().all():
        month = (quarter.astype(int) - 1) * 3 + 1
        first = year + "-" + month.astype("str").str.zfill(2) + "-01"
        return pd.to_datetime(first, format="%Y-%m-%d", utc=True)
    weeks = text.str.extract(r"^\s*(\d{4})-?W(\d{2})\s*$")
    if weeks[0].notna().all():
        monday = weeks[0] + "-W" + weeks[1] + "-1"
        return pd.to_datetime(monday, format="%G-W%V-%u", errors="coerce", utc=True)
    return None


def _regularity(times: pd.Series) -> float:
    """Return the share of steps that equal the most common one, which must not be zero.

    Times on one day of the month are counted in months, so that 01/02 after 01/01 can be a month.
    """
    given = times.dropna()
    steps = given.diff().dropna()
    if steps.empty:
        return 0.0
    if (given.dt.day == given.dt.day.iloc[0]).all() and (
        steps.abs() >= pd.Timedelta(days=28)
    ).all():
        months = (given.dt.year * 12 + given.dt.month).diff().dropna()
        return float(months.value_counts().iloc[0]) / len(steps)
    counts = steps.value_counts()
    share = float(counts.iloc[0]) / len(steps)
    return share if counts.index[0] != pd.Timedelta(0) else share - 1
