"""Finds the time of a table, in one column or several, and parses it.

How a time is written is a format: one of ``strptime``'s, or a word of `WORDS`. What fits a whole
column decides; a model keeps the format, so that a later table is read in the same way.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Literal, cast, get_args

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from lstmopt.data.csv_reader import place, shape
from lstmopt.data.time_zones import zone_of_offsets
from lstmopt.errors import LstmoptError

Unit = Literal["s", "ms", "us", "ns"]
EPOCHS: dict[int, Unit] = {10: "s", 13: "ms", 16: "us", 19: "ns"}
"""Units of a time since 1970 by how many digits its numbers have."""

WORDS = ("ISO8601", "quarter", "week", *get_args(Unit))
"""Formats that ``strptime`` has no word for."""

_NAMES = ("timestamp", "datetime", "date_time", "date time", "date", "time", "ds", "dteday")
_CALLED = r"time|date|stamp|epoch|unix|(^|_)(ts|at|dt)$"
_YEARS = (1500, 2300)
_EPOCH_NAMES = ("unix", "unixtime", "unix_time", "epoch", "ts", "open_time")
_PARTS = {
    "year": ("year", "yr", "yyyy"),
    "month": ("month", "mo", "mon", "mnth"),
    "day": ("day", "dd", "dy", "mday", "dom"),
    "day of the year": ("doy", "yday", "day_of_year", "dayofyear", "julian"),
    "hour": ("hour", "hr", "hh", "hour_utc"),
    "minute": ("minute", "min", "mn"),
}
"""Columns that are one time together, the first of them always there, and what they are called."""

_DATES = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y-%m-%d"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y"),
    *("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"),
    *("%Y-%b-%d", "%Y %b %d", "%A, %B %d, %Y", "%a, %d %b %Y", "%Y%m%d", "%d/%b/%Y"),
)
_CLOCKS = (
    *("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I %p"),
    *(" %H.%M", " %H.%M.%S", ", %H:%M", ", %H:%M:%S", ", %I:%M:%S %p", " %H%M", " %H"),
    *(":%H:%M:%S", ":%H%M", " %H:%M:%S GMT", " %H:%M:%S UTC", " %H:%M:%S %z", ":%H:%M:%S %z"),
)
_MONTHS = (
    *("%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%B-%Y", "%b/%Y", "%b %y", "%Y %b", "%Y-%b", "%Y %B"),
    *("%m/%Y", "%m.%Y", "%Y/%m", "%Y.%m", "%YM%m"),
)
_FORMATS = (*(date + clock for date in _DATES for clock in _CLOCKS), *_MONTHS)
_SAMPLE = 60
"""Rows on which every format is tried, before those that fit are tried on the whole column."""

_MANY = 10_000
"""Rows from which dates and clocks that come again are read once."""

_OFFSET = r"(Z|[+-]\d{2}:?\d{2})\s*$"
_NO_CLOCK = r" 00:00(?::00)?$"
_UTC = r"\s*(?:UTC|GMT)$"
_MIDNIGHT = r"[ T]24:00(?::00)?(?:\.0+)?$"


def find_time_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that hold the time; () when there are none.

    By name first; a date that repeats, with a clock or an hour beside it, takes both; then year
    with quarter, with the day of the year, or with month, day, hour and minute as far as they are
    there; then the first column that parses and does not repeat.
    """
    by_name = {str(name).lower().strip(): str(name) for name in reversed(frame.columns)}
    for name in (*_NAMES, *_EPOCH_NAMES):
        if name in by_name and _may_be_time(frame[by_name[name]]):
            return _with_clock(frame, by_name[name], by_name)
    parts = {
        part: next((by_name[name] for name in names if name in by_name), None)
        for part, names in _PARTS.items()
    }
    found = _year_and_more(parts, by_name)
    if found and not frame[list(found)].duplicated().any():
        return found
    names = [str(name) for name in frame.columns if str(name) not in found]
    dates = [n for n in names if _is_time(frame[n], first=n == str(frame.columns[0]))]
    if distinct := [n for n in dates if not frame[n].duplicated().any()]:
        return (distinct[0],)
    if found or not dates:
        return found
    varied = max(dates, key=lambda name: frame[name].nunique())
    return _with_clock(frame, varied, by_name)


def _year_and_more(parts: dict[str, str | None], by_name: dict[str, str]) -> tuple[str, ...]:
    """Return the columns of a year with a quarter, a day of the year, or its month and so on."""
    year = parts["year"]
    if year is None:
        return ()
    if "quarter" in by_name:
        return year, by_name["quarter"]
    if (day := parts["day of the year"]) and not parts["month"]:
        return (year, day, *takewhile(bool, [parts["hour"], parts["minute"]]))  # type: ignore[arg-type]
    rest = [parts[part] for part in ("month", "day", "hour", "minute")]
    return (year, *takewhile(bool, rest))  # type: ignore[arg-type]


def _with_clock(frame: pd.DataFrame, date: str, by_name: dict[str, str]) -> tuple[str, ...]:
    """Return a column of dates, with the column of clocks or hours beside it where days repeat."""
    clock = next((by_name[name] for name in ("hour", "hr", "hh", "time") if name in by_name), None)
    if clock in (None, date) or not frame[date].duplicated().any():
        return (date,)
    return date, str(clock)


def _may_be_time(column: pd.Series) -> bool:
    """Say whether a column called like a time holds times; text may be in a format of its own."""
    if pd.api.types.is_bool_dtype(column):
        return False
    if not pd.api.types.is_numeric_dtype(column):
        return True
    given = column.dropna().head(_SAMPLE)
    form = _number_format(given)
    if form not in get_args(Unit) and (given % 1 != 0).any():
        return False
    years = _parse_numbers(given, form).dt.year
    return bool(years.between(*_YEARS).all()) and len(given) > 0


def _is_time(column: pd.Series, first: bool) -> bool:
    """Say whether a column called anything holds times; numbers only where it is the first."""
    if isinstance(column.dtype, pd.PeriodDtype) or pd.api.types.is_datetime64_any_dtype(column):
        return True
    given = column.dropna()
    if pd.api.types.is_bool_dtype(column) or not len(given):
        return False
    if pd.api.types.is_numeric_dtype(column):
        called = first or re.search(_CALLED, str(column.name).lower())
        steps = np.diff(given.to_numpy())
        ordered = (steps > 0).all() or (steps < 0).all()
        years = _number_format(given) == "%Y" and (np.abs(steps) != 1).any()
        return bool(called and ordered and not years and _may_be_time(given))
    return bool(_fitting(_sample(given.astype("str")), None))


def _sample(text: pd.Series) -> pd.Series:
    """Return rows from everywhere in a column."""
    rows = np.unique(np.linspace(0, len(text) - 1, min(_SAMPLE, len(text))).astype(int))
    return text.iloc[rows]


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
    kinds = [_part_of(name) for name in columns]
    if kinds[0] == "year" and len(columns) > 1 and None not in kinds:
        parts = frame[list(columns)].set_axis([str(kind) for kind in kinds], axis=1)
        return _parse_parts(parts, dict(zip(map(str, kinds), columns, strict=True))), ""
    if len(set(columns)) < len(columns):
        raise LstmoptError(
            f"a time is one column or several different ones, found {', '.join(columns)}: name "
            "each once"
        )
    if len(columns) > 2:
        raise LstmoptError(
            f"a time is one or two columns, or {', '.join(_PARTS)} in this order, found "
            f"{', '.join(columns)}: name a date and an hour"
        )
    first = frame[columns[0]]
    if len(columns) == 1:
        return _parse_column(first, day_first, notices, time_format)
    second = frame[columns[1]]
    if not pd.api.types.is_numeric_dtype(second):
        both = (_as_date(first) + " " + _as_text(second)).rename(" and ".join(columns))
        return _parse_column(both, day_first, notices, time_format)
    _require_whole(second, columns[1])
    if second.max() > 24 and (second % 100 < 60).all():  # 1430 is half past two
        _require_range(second, columns[1], 0, 2400)
        minutes = second // 100 * 60 + second % 100
    else:
        _require_range(second, columns[1], 0, 24)
        minutes = second * 60
    days, found = _parse_column(first, day_first, notices, time_format)
    return days + pd.to_timedelta(minutes.to_numpy(), unit="min"), found


def _part_of(name: str) -> str | None:
    """Return which part of a time a column's name says."""
    lower = name.lower().strip()
    if lower == "quarter":
        return lower
    return next((part for part, names in _PARTS.items() if lower in names), None)


def _as_text(column: pd.Series) -> pd.Series:
    """Return cells as text; days of a datetime column without their midnight."""
    days = pd.api.types.is_datetime64_any_dtype(column)
    text: pd.Series = column.dt.strftime("%Y-%m-%d") if days else column.astype("str").str.strip()
    return text


def _as_date(column: pd.Series) -> pd.Series:
    """Return the cells of a date beside a clock; a workbook writes midnights after it."""
    text = _as_text(column)
    return (
        text.str.replace(_NO_CLOCK, "", regex=True) if text.str.contains(_NO_CLOCK).all() else text
    )


def _parse_parts(parts: pd.DataFrame, names: dict[str, str]) -> pd.DatetimeIndex:
    """Put years, months or quarters, days and so on together; hours go up to 24."""
    most = {"quarter": (1, 4), "month": (1, 12), "day": (1, 31), "day of the year": (1, 366)}
    most |= {"hour": (0, 24), "minute": (0, 59)}
    if "month" in parts and not pd.api.types.is_numeric_dtype(parts["month"]):
        short = parts["month"].astype("str").str.strip().str[:3]
        named = pd.to_datetime(short, format="%b", errors="coerce").dt.month
        if named.notna().all():
            parts = parts.assign(month=named)
    for part, name in names.items():
        if not pd.api.types.is_numeric_dtype(parts[part]):
            raise LstmoptError(
                f"time column {name!r} holds whole numbers, found {str(parts[part].iloc[0])!r} in "
                f"{place(parts, 0)}: name other time columns"
            )
        _require_whole(parts[part], name)
        if part in most:
            _require_range(parts[part], name, *most[part])
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
        form = time_format if time_format and time_format != "ISO8601" else _number_format(column)
        if form not in get_args(Unit):
            _require_whole(column, str(column.name))
        readings = {form: _parse_numbers(column, form)}
    else:
        readings = _readings(_as_text(column), day_first, time_format)
    most = max(int(reading.notna().sum()) for reading in readings.values())
    whole = {form: r for form, r in readings.items() if int(r.notna().sum()) == most}
    found = max(whole, key=lambda form: _regularity(whole[form]))
    best = whole[found]
    if best.isna().any():
        row = int(np.flatnonzero(best.isna())[0])
        raise LstmoptError(
            f"every row of a time column holds a time, found {str(column.iloc[row])!r} in "
            f"{place(column, row)} of {column.name} ({int(best.isna().sum())} such rows): mend "
            "them, say how a time is written with --time-format, or name another column with --time"
        )
    others = [other for other in whole.values() if not other.equals(best)]
    if others:
        notices.append(
            f"day and month fit in either order in all {len(column)} times, the first "
            f"{column.iloc[0]}: read as {best.iloc[0]:%Y-%m-%d}, as that gives the steadier step"
        )
    return pd.DatetimeIndex(best), found


def _number_format(column: pd.Series) -> str:
    """Return how numbers say times, by how many digits they have: 19580329, 195803, 1958, …"""
    digits = len(str(abs(int(column.iloc[0])))) if len(column) else 8
    return EPOCHS.get(digits) or {6: "%Y%m", 4: "%Y"}.get(digits, "%Y%m%d")


def _parse_numbers(column: pd.Series, form: str) -> pd.Series:
    if form in get_args(Unit):
        return _since_1970(column, form)
    return pd.to_datetime(column.astype("int64").astype("str"), format=form, errors="coerce")


def _since_1970(numbers: pd.Series, unit: str) -> pd.Series:
    times: pd.Series = pd.to_datetime(numbers, unit=cast(Unit, unit), errors="coerce")
    return times


def _readings(text: pd.Series, day_first: bool | None, form: str) -> dict[str, pd.Series]:
    """Read text in the format that is given, else in each that fits rows from everywhere in it."""
    if form:
        reading = _read_as(text, form)
        iso = _read_as(text, "ISO8601") if not reading.notna().any() else None
        return {"ISO8601": iso} if iso is not None and iso.notna().all() else {form: reading}
    sample = _sample(text)
    fitting = _fitting(sample, day_first)
    if not fitting:  # the format of most rows, to say which row is no time
        fitting = _fitting(sample, day_first, most=True) or ["ISO8601"]
    return {form: _read_as(text, form) for form in fitting}


def _fitting(sample: pd.Series, day_first: bool | None, most: bool = False) -> list[str]:
    """Return the formats in which a sample of text can be read, all of it or more than half."""
    enough = 0.5 if most else 0.999
    for form in ("ISO8601", "quarter", "week"):
        if _read_as(sample, form).notna().mean() > enough:
            return [form]
    with warnings.catch_warnings():  # of an order of day and month that is tried anyway
        warnings.simplefilter("ignore")
        guessed = guess_datetime_format(str(sample.iloc[0]))
    forms = [*_FORMATS, *([guessed] if guessed and guessed not in _FORMATS else [])]
    shapes = {shape(cell) for cell in sample}
    return [
        form
        for form in _in_order(forms, day_first)
        if _shape_of_format(form) in shapes and _read_as(sample, form).notna().mean() > enough
    ]


def _shape_of_format(form: str) -> str:
    return shape(re.sub("(?:%[dmyYHMSfIjGVu])+", "0", re.sub("%[bBpaA]", "a", form)))


def _in_order(forms: Sequence[str], day_first: bool | None) -> Iterator[str]:
    """Yield the formats in which days and months stand in the order asked for."""
    for form in forms:
        days, months = form.find("%d"), form.find("%m")
        either = min(days, months) < 0 or "%Y" in form[: max(days, months)] or "." in form
        if day_first is None or either or (days < months) == day_first:
            yield form


def _read_as(text: pd.Series, form: str) -> pd.Series:
    """Read text in one format, NaT where it does not fit; 24:00 is the next day's 0:00."""
    if form in get_args(Unit):
        return _since_1970(pd.to_numeric(text, errors="coerce"), form)
    if form == "quarter":
        return _read_quarters(text)
    if form == "ISO8601" and len(text):
        if re.search(_UTC, str(text.iloc[0])):
            text = text.str.replace(_UTC, "Z", regex=True)
        if re.search(r":\d\d,\d", str(text.iloc[0])):
            text = text.str.replace(",", ".", regex=False)
    if form == "week":
        weeks = text.str.extract(r"^\s*(\d{4})-?W(\d{2})\s*$")
        return pd.to_datetime(
            weeks[0] + "-W" + weeks[1] + "-1", format="%G-W%V-%u", errors="coerce"
        )
    late = text.str.contains("24:00", regex=False)
    if late.any():
        late = text.str.contains(_MIDNIGHT)
        text = text.mask(late, text.str.replace("24:00", "00:00"))
    zoned = form == "ISO8601" or "%z" in form
    in_halves = None if zoned else _read_in_halves(text, form)
    reading: pd.Series
    if in_halves is not None:
        reading = in_halves
    else:
        reading = pd.to_datetime(text, format=form, errors="coerce", utc=zoned)
    if zoned:
        reading = _in_own_zone(reading, text)
    if late.any():
        reading += pd.to_timedelta(late.astype(int), unit="D")
    return reading


def _read_in_halves(text: pd.Series, form: str) -> pd.Series | None:
    """Read many dates with a clock, each of both once; None where they are not of one width."""
    date, _, clock = form.partition(" ")
    first = str(text.iloc[0]) if len(text) else ""
    halves = "%y" in date.lower() and clock.startswith(("%H", "%I"))
    if not halves or " " not in first or len(text) < _MANY:
        return None
    if not (text.str.len() == len(first)).all():
        return None
    middle = first.index(" ")
    days = _each_once(text.str.slice(0, middle), date)
    clocks = _each_once("1970-01-01" + text.str.slice(middle), f"%Y-%m-%d {clock}")
    return days + (clocks - pd.Timestamp(0))


def _each_once(text: pd.Series, form: str) -> pd.Series:
    codes, unique = pd.factorize(text)
    times = pd.to_datetime(pd.Series(unique), format=form, errors="coerce")
    return pd.Series(times.to_numpy()[codes], text.index)


def _read_quarters(text: pd.Series) -> pd.Series:
    """Read 2019Q1, 2019-Q1 or Q1 2019 as the first day of a quarter."""
    found = text.str.extract(r"^\s*(\d{4})\s*[- ]?Q([1-4])\s*$|^\s*Q([1-4])[- /]?(\d{4})\s*$")
    year, quarter = found[0].fillna(found[3]), found[1].fillna(found[2])
    month = (pd.to_numeric(quarter) * 3 - 2).astype("Int64").astype("str")
    return pd.to_datetime(year + "-" + month, format="%Y-%m", errors="coerce")


def _in_own_zone(utc: pd.Series, text: pd.Series) -> pd.Series:
    """Return times read as UTC in the one offset that they are written with, or with none."""
    zone = None
    if len(text) and re.search(_OFFSET, str(text.iloc[0])):
        offsets = _offsets(text)
        first = str(offsets.iloc[0])
        if (offsets != first).any():
            zone = zone_of_offsets(pd.DatetimeIndex(utc.ffill().bfill()), offsets)
        else:
            zone = "UTC" if first == "Z" else f"{first[:3]}:{first[-2:]}"
    own: pd.Series = utc.dt.tz_convert(zone)
    return own


def _offsets(text: pd.Series) -> pd.Series:
    """Return the offsets [rows] that times are written with."""
    last = text.str[-6:]
    if last.str.endswith("Z").all():
        return pd.Series("Z", text.index)
    codes, unique = pd.factorize(last)
    found = pd.Series(unique).str.extract(_OFFSET)[0].fillna("Z")
    return pd.Series(found.to_numpy()[codes], text.index)


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
