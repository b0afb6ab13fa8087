"""Which columns of a table hold its time."""

from __future__ import annotations

import re
from itertools import takewhile

import numpy as np
import pandas as pd

from lstmopt.data.time_formats import as_text, holds_times, number_format, sample_of

NAMES = (
    *("timestamp", "datetime", "date_time", "date time", "date", "time", "ds", "dteday"),
    *("unix", "unixtime", "unix_time", "epoch", "ts", "open_time"),
)
PARTS = {
    "year": ("year", "yr", "yyyy", "yy", "jahr", "année", "annee", "año", "anno"),
    "quarter": ("quarter", "qtr", "quartal"),
    "month": ("month", "mo", "mon", "mnth", "mm", "monat", "mois", "mes", "period"),
    "day": ("day", "dd", "dy", "mday", "dom", "tag", "jour", "dia"),
    "day of the year": ("doy", "yday", "day_of_year", "dayofyear", "julian"),
    "hour": ("hour", "hr", "hh", "stunde", "heure", "hora"),
    "minute": ("minute", "min", "mn"),
}
"""Columns that are one time together, the first of them always there, and what they are called."""

RANGES = {"quarter": (1, 4), "month": (1, 12), "day": (1, 31), "day of the year": (1, 366),
          "hour": (0, 24), "minute": (0, 59)}  # fmt: skip

_COMMON = ("min", "mn", "mo", "mes", "period", "julian")
"""Names of parts that other columns have too, such as a minimum."""

_CALLED = r"time|date|datum|stamp|epoch|unix|(^|_)(ts|at|dt)$"
_PERIODS = ("period", "settlement_period", "settlementperiod", "interval")
_CLOCKS = (*PARTS["hour"], "time", "hours", "clock", "uhrzeit", "zeit", *_PERIODS)
_CLOCK = r"\d{1,2}[:.]\d{2}([:.]\d{2})?(\s*[AaPp][Mm])?|\d{1,2}\s*[AaPp][Mm]|\d\d?\s*[-–]\s*\d\d?"


def find_time_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that hold the time; () when there are none.

    By name first; a date that repeats, with a clock or an hour beside it, takes both; then year
    with quarter, with the day of the year, or with month, day, hour and minute as far as they are
    there; then the first column that parses and does not repeat.
    """
    by_name = _by_name(frame)
    called = [by_name[name] for name in NAMES if name in by_name]
    for name in called:
        if _holds_times(frame[name], most=True):
            return _with_clock(frame, name)
    found = _year_and_more(frame, by_name)
    if found and not frame[list(found)].duplicated().any():
        return found
    names = [str(name) for name in frame.columns if str(name) not in found]
    dates = [n for n in names if _is_time(frame[n], first=n == str(frame.columns[0]))]
    if distinct := [n for n in dates if not frame[n].duplicated().any()]:
        return (distinct[0],)
    if dates and not found:
        return _with_clock(frame, max(dates, key=lambda name: frame[name].nunique()))
    text = [name for name in called if not pd.api.types.is_numeric_dtype(frame[name])]
    return found or tuple(text[:1])


def find_counter(frame: pd.DataFrame) -> str | None:
    """Return the column that counts the steps of a series without times, or of several."""
    by_name = _by_name(frame)
    for name in (*NAMES, "t", "step", "index", "idx", "n", "row"):
        column = by_name.get(name)
        if column is None or not pd.api.types.is_integer_dtype(frame[column]):
            continue
        steps = np.diff(frame[column].to_numpy())
        if len(steps) and (steps == 1).mean() > 0.5 and frame[column].nunique() > 1:
            return column
    return None


def _by_name(frame: pd.DataFrame) -> dict[str, str]:
    """Return columns by their names in small letters, without what surrounds them.

    Of MM and mm the first are months and the second minutes.
    """
    found: dict[str, str] = {}
    for name in map(str, frame.columns):
        found.setdefault(plain_name(name), name)
    if {"MM", "mm"} <= {str(name).strip("<># ") for name in frame.columns}:
        found["minute"] = next(str(n) for n in frame.columns if str(n).strip("<># ") == "mm")
    return found


def plain_name(name: str) -> str:
    """Return a column's name in small letters, without what surrounds it in some files."""
    return name.strip("<>#[]\"' ").lower()


def part_of(name: str) -> str | None:
    """Return which part of a time a column's name says."""
    if name.strip("<># ") == "mm":
        return "minute"
    return next((part for part, names in PARTS.items() if plain_name(name) in names), None)


def _year_and_more(frame: pd.DataFrame, by_name: dict[str, str]) -> tuple[str, ...]:
    """Return the columns of a year with a quarter, a day of the year, or its month and so on."""
    columns = {
        part: next((by_name[name] for name in names if name in by_name), None)
        for part, names in PARTS.items()
    }
    year = columns["year"]
    if year is None or not pd.api.types.is_numeric_dtype(frame[year]):
        return ()

    def there(part: str) -> bool:
        name = columns[part]
        return name is not None and _in_range(frame[name], part)

    if there("quarter"):
        order = ["quarter"]
    elif there("day of the year") and not there("month"):
        order = ["day of the year", "hour", "minute"]
    else:
        order = ["month", "day", "hour", "minute"]
    return (year, *(str(columns[part]) for part in takewhile(there, order)))


def _in_range(column: pd.Series, part: str) -> bool:
    """Say whether a column is a part of times; one with a common name must hold nothing else."""
    numbers = part_numbers(column, part)
    if plain_name(str(column.name)) in _COMMON and numbers is not None:
        return bool(numbers.between(*RANGES[part]).all())
    return numbers is not None


def part_numbers(column: pd.Series, part: str) -> pd.Series | None:
    """Return a part of times as numbers: also Q1, M01, Jan and January; None where it is none."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = as_text(column)
    if part in ("quarter", "month"):
        text = text.str.replace(r"^[QqMm](?=\d)", "", regex=True)
    numbers = pd.to_numeric(text, errors="coerce")
    if part == "month" and numbers.isna().any():
        named = pd.to_datetime(text.str[:3], format="%b", errors="coerce").dt.month
        numbers = numbers.fillna(named)
    return None if numbers.isna().any() else numbers


def _with_clock(frame: pd.DataFrame, date: str) -> tuple[str, ...]:
    """Return a column of dates, with the column of clocks or hours beside it where days repeat."""
    if not frame[date].duplicated().any() or _has_clock(frame[date]):
        return (date,)
    others = [str(name) for name in frame.columns if str(name) != date]
    called = [name for name in others if plain_name(name) in _CLOCKS and _is_clock(frame[name])]
    clocks = called or [name for name in others if _is_clock_text(frame[name])]
    return (date, *clocks[:1])


def _has_clock(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return bool((column.dt.normalize() != column).any())
    sample = sample_of(as_text(column))
    midnights = sample.str.contains(r"\b0?0:00(?::00)?$")
    return bool((sample.str.contains(r"\d:\d") & ~midnights).any())


def _is_clock(column: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(column):
        return _is_clock_text(column)
    if plain_name(str(column.name)) in _PERIODS:  # of half or quarter hours
        return any(most - 4 <= column.max() <= most for most in (50, 100))
    return bool(column.between(0, 240_000).all())


def _is_clock_text(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    return bool(sample_of(as_text(column.dropna())).str.fullmatch(_CLOCK).all())


def _holds_times(column: pd.Series, most: bool) -> bool:
    """Say whether the cells of a column say times."""
    if isinstance(column.dtype, pd.PeriodDtype) or pd.api.types.is_datetime64_any_dtype(column):
        return True
    given = column.dropna()
    if pd.api.types.is_bool_dtype(column) or not len(given):
        return False
    if pd.api.types.is_numeric_dtype(column):
        return bool(number_format(given))
    return holds_times(as_text(given), most)


def _is_time(column: pd.Series, first: bool) -> bool:
    """Say whether a column called anything holds times; numbers where they ascend or descend.

    And only in the first column, or where its name says so.
    """
    if not pd.api.types.is_numeric_dtype(column):
        return _holds_times(column, most=False)
    called = first or re.search(_CALLED, str(column.name).lower())
    steps = np.diff(column.to_numpy(float, na_value=np.nan))
    if not called or not ((steps > 0).all() or (steps < 0).all()) or not _holds_times(column, True):
        return False
    form = number_format(column)
    return form != "excel" and (form != "%Y" or bool((np.abs(steps) == 1).all()))
