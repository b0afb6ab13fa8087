"""How times are written: formats that fit a whole column, and reading in one of them.

A format is one of ``strptime``'s or a word of `WORDS`; a model keeps it, so that a later table is
read in the same way.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal, cast, get_args

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from lstmopt.data.csv_reader import shape
from lstmopt.data.time_zones import zone_of_offsets

Unit = Literal["s", "ms", "us", "ns"]

WORDS = ("ISO8601", "quarter", "week", *get_args(Unit), "excel")
"""Formats that ``strptime`` has no word for; excel counts days since the end of 1899."""

SAMPLE = 60
"""Rows on which every format is tried, before those that fit are tried on the whole column."""

_YEARS = (1500, 2300)
_NUMBERS: dict[int, tuple[str, ...]] = {
    **{4: ("%Y",), 5: ("excel",), 6: ("%Y%m", "week"), 8: ("%Y%m%d",), 9: ("s",)},
    **{10: ("%Y%m%d%H", "s"), 12: ("%Y%m%d%H%M",), 13: ("ms",), 14: ("%Y%m%d%H%M%S",)},
    **{16: ("us",), 19: ("ns",)},
}
"""What a number of so many digits may say."""

_DATES = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y-%m-%d"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%d. %m. %Y", "%Y.%m.%d"),
    *("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"),
    *("%d/%b/%Y", "%d %b %y", "%d. %B %Y", "%Y-%b-%d", "%Y %b %d", "%Y%m%d", "%Y年%m月%d日"),
    *("%A, %B %d, %Y", "%a, %d %b %Y", "%a %d %b %Y", "%a %b %d %Y", "%a %Y-%m-%d"),
    *("%a %d.%m.%Y", "%a %d/%m/%Y", "%a %m/%d/%Y", "%A, %d %B %Y"),
)
_CLOCKS = (
    *("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I:%M:%S.%f %p"),
    *(" %H", " %I %p", " %H%M", " %H.%M", " %H.%M.%S", " %I.%M.%S.%f %p", " %I.%M.%S %p"),
    *(", %H:%M", ", %H:%M:%S", ", %I:%M %p", ", %I:%M:%S %p", "T%H:%M:%S", ":%H:%M:%S", ":%H%M"),
    *("-%H-%M", "-%H-%M-%S", "_%H%M%S", "_%H%M", "_%H:%M:%S", " %Hh%M", " %I:%M%p"),
)
_MONTHS = (
    *("%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%B-%Y", "%b/%Y", "%b %y", "%Y %b", "%Y-%b", "%Y %B"),
    *("%m/%Y", "%m.%Y", "%m-%Y", "%Y/%m", "%Y.%m", "%Y:%m", "%YM%m", "%Y-M%m", "%Y M%m", "%b%y"),
)
_FORMATS = (*(date + clock for date in _DATES for clock in _CLOCKS), *_MONTHS)

_ZONES = {"Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00", "WET": "+00:00", "WEST": "+01:00",
          "BST": "+01:00", "CET": "+01:00", "CEST": "+02:00", "MEZ": "+01:00", "MESZ": "+02:00",
          "EET": "+02:00", "EEST": "+03:00", "MSK": "+03:00", "EST": "-05:00", "EDT": "-04:00",
          "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00", "PST": "-08:00",
          "PDT": "-07:00", "AEST": "+10:00", "AEDT": "+11:00", "JST": "+09:00"}  # fmt: skip
"""Offsets of the abbreviations that tables write behind a clock."""

_ZONE = re.compile(rf"(?<=\d|M)\s*({'|'.join(_ZONES)}|[+-]\d{{2}}(?::?\d{{2}})?)$")
_RANGE = (r"\d+\D\d+\D.*?\d", r"(?:\s+[-–]\s+|\s*/\s*|\s+to\s+)")
"""One end of a range of times, and what stands between the ends."""

_CLOCK = re.compile(r"\d[:.]\d{2}|\d [AP]M|T\d{2}")
_LATEST = 2050
"""Two digits of a year mean none after it."""

_MANY = 10_000
"""Rows from which dates and clocks that come again are read once."""


def sample_of(text: pd.Series) -> pd.Series:
    """Return rows from everywhere in a column."""
    rows = np.unique(np.linspace(0, len(text) - 1, min(SAMPLE, len(text))).astype(int))
    return text.iloc[rows]


def as_text(column: pd.Series) -> pd.Series:
    """Return cells as text; days of a datetime column without their midnight."""
    days = pd.api.types.is_datetime64_any_dtype(column)
    text: pd.Series = column.dt.strftime("%Y-%m-%d") if days else column.astype("str").str.strip()
    return text.fillna("")


def number_format(column: pd.Series) -> str:
    """Return how numbers say times: 19580329, 195803, 1958, 2022010100, a count since 1970.

    Empty where they say none.
    """
    given = sample_of(column[np.isfinite(column.to_numpy(float, na_value=np.nan))])
    if not len(given):
        return ""
    digits = len(str(int(abs(given).max())))
    for form in _NUMBERS.get(digits, ()):
        whole = form in (*get_args(Unit), "excel") or (given % 1 == 0).all()
        if whole and read_numbers(given, form).dt.year.between(*_YEARS).all():
            return form
    return ""


def read_numbers(column: pd.Series, form: str) -> pd.Series:
    """Read numbers in a format, NaT where it does not fit."""
    column = column.where(np.isfinite(column.to_numpy(float, na_value=np.nan)))
    if form in get_args(Unit):
        return _since_1970(column, form)
    if form == "excel":
        return pd.to_datetime(column, unit="D", origin="1899-12-30", errors="coerce").dt.round("s")
    text = column.map("{:.0f}".format, na_action="ignore").astype("str").fillna("")
    return _read(text, form)


def _since_1970(numbers: pd.Series, unit: str) -> pd.Series:
    times: pd.Series = pd.to_datetime(numbers, unit=cast(Unit, unit), errors="coerce")
    return times


def holds_times(text: pd.Series, most: bool = False) -> bool:
    """Say whether a format fits all of some text, or ``most`` of it."""
    sample, _ = _split_zone(_usual(sample_of(text)))
    return bool(_fitting(_split_midnights(sample)[0], None, most))


def read_text(text: pd.Series, day_first: bool | None, form: str) -> dict[str, pd.Series]:
    """Read text in the format that is given, else in each that fits rows from everywhere in it.

    Times keep the zone or the offset that they are written with. 24:00 is the next day's 0:00, of a
    range the beginning counts, and a date without a clock among others is its midnight.
    """
    text, offsets = _split_zone(_usual(text))
    text, late = _split_midnights(text)
    readings = {}
    for name, reading in _readings(text, day_first, re.sub(r"\s*%[zZ]$", "", form)).items():
        if late.any():
            reading = reading + pd.to_timedelta(late.astype(int), unit="D")
        readings[name] = reading if offsets is None else _in_own_zone(reading, offsets)
    return readings


def _split_midnights(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return times with 0:00 for 24:00, and which of them are of the next day."""
    late = text.str.contains("24:00", regex=False)
    if late.any():
        late = text.str.contains(r"[ T]24:00(?::00)?(?:\.0+)?$")
        text = text.mask(late, text.str.replace("24:00", "00:00"))
    return text, late


def _readings(text: pd.Series, day_first: bool | None, form: str) -> dict[str, pd.Series]:
    if form:
        reading = _read(text, form)
        if reading.notna().any():
            return {form: reading}
    sample = sample_of(text)
    fitting = _fitting(sample, day_first)
    if not fitting:  # the format of most rows, to say which row is no time
        fitting = _fitting(sample, day_first, most=True) or ["ISO8601"]
    return {form: _read(text, form) for form in fitting}


def _usual(text: pd.Series) -> pd.Series:
    """Return times without what no format has a word for."""
    sample = sample_of(text)
    if sample.str.fullmatch(rf"{_RANGE[0]}{_RANGE[1]}{_RANGE[0]}").all():
        halves = text.str.extract(rf"^({_RANGE[0]}){_RANGE[1]}({_RANGE[0]})$")
        if (sample_of(halves[0]).map(shape) == sample_of(halves[1]).map(shape)).all():
            text = halves[0]
    if sample.str.contains(r"[A-Za-z]{3}\.|Sept\b").any():
        text = text.str.replace(r"\bSept\b", "Sep", regex=True)
        text = text.str.replace(r"(?<=[A-Za-z]{3})\.", "", regex=True)
    if sample.str.contains(r":\d\d,\d").any():
        text = text.str.replace(",", ".", regex=False)
    clocks = text.str.contains(r"\d:\d", regex=True) if sample.str.contains(":").any() else None
    if clocks is not None and clocks.any() and not clocks.all():
        shown = str(text[clocks].iloc[0])
        clock = re.sub(r"^.*?(?=\s?\d+:)", "", shown)
        clock = re.sub(r"\d", "0", re.sub(r"\d+", "00", clock, count=1))
        clock = clock.replace("00", "12", 1) if re.search("[AaPp][Mm]", clock) else clock
        midnight = re.sub("[Pp](?=[Mm])", "A", clock)
        text = text.mask(~clocks, text + midnight)
    return text


def _split_zone(text: pd.Series) -> tuple[pd.Series, pd.Series | None]:
    """Return times without their zones, and the offsets [rows] that these are; None without any."""
    first = str(text.iloc[0]) if len(text) else ""
    if not (_CLOCK.search(first) and _ZONE.search(first)):
        return text, None
    if text.str.endswith("Z").all():
        return text.str.slice(0, -1), pd.Series("+00:00", text.index)
    codes, unique = pd.factorize(text.str[-7:])
    found = pd.Series(unique).str.extract(_ZONE.pattern)[0]
    offsets = found.map(lambda zone: _ZONES.get(zone, zone), na_action="ignore")
    rows = pd.Series(offsets.to_numpy()[codes], text.index)
    return text.str.replace(_ZONE.pattern, "", regex=True), rows.fillna("+00:00")


def _in_own_zone(walls: pd.Series, offsets: pd.Series) -> pd.Series:
    """Return clocks with an offset each as times in the zone that has these offsets."""
    unique = offsets.unique()
    named = {o: f"{o[:3]}:{o[-2:] if len(o) > 3 else '00'}" for o in unique}
    lengths = {o: pd.Timedelta(f"{name[1:]}:00") * int(f"{o[0]}1") for o, name in named.items()}
    utc = (walls - offsets.map(lengths)).dt.tz_localize("UTC")
    there = utc.notna()
    if len(unique) > 1:
        zone = zone_of_offsets(pd.DatetimeIndex(utc[there]), offsets[there].map(named))
    else:
        zone = "UTC" if lengths[unique[0]] == pd.Timedelta(0) else named[unique[0]]
    own: pd.Series = utc.dt.tz_convert(zone)
    return own


def _fitting(sample: pd.Series, day_first: bool | None, most: bool = False) -> list[str]:
    """Return the formats in which a sample of text can be read, all of it or more than half."""
    enough = 0.5 if most else 0.999
    if not len(sample):
        return []
    for form in ("ISO8601", "quarter", "week"):
        if _read(sample, form).notna().mean() > enough:
            return [form]
    with warnings.catch_warnings():  # of an order of day and month that is tried anyway
        warnings.simplefilter("ignore")
        guessed = guess_datetime_format(str(sample.iloc[0]))
    forms = [*_FORMATS, *([guessed] if guessed and guessed not in _FORMATS else [])]
    shapes = {shape(cell) for cell in sample}
    return [
        form
        for form in _in_order(forms, day_first)
        if _shape_of(form) in shapes and _read(sample, form).notna().mean() > enough
    ]


@cache
def _shape_of(form: str) -> str:
    return shape(re.sub("(?:%[dmyYHMSfIjGVu])+", "0", re.sub("%[bBpaA]", "a", form)))


def _in_order(forms: Sequence[str], day_first: bool | None) -> Iterator[str]:
    """Yield the formats in which days and months stand in the order asked for."""
    for form in forms:
        days, months = form.find("%d"), form.find("%m")
        either = min(days, months) < 0 or "%Y" in form[: max(days, months)] or "." in form
        if day_first is None or either or (days < months) == day_first:
            yield form


def _read(text: pd.Series, form: str) -> pd.Series:
    """Read text in one format, NaT where it does not fit."""
    try:
        return _parse(text, form)
    except (ValueError, OverflowError, NotImplementedError):  # of years that no calendar has
        return pd.Series(pd.NaT, text.index, dtype="datetime64[us]")


def _parse(text: pd.Series, form: str) -> pd.Series:
    if form in get_args(Unit) or form == "excel":
        return read_numbers(pd.to_numeric(text, errors="coerce"), form)
    if form == "quarter":
        return _read_quarters(text)
    if form == "week":
        weeks = text.str.extract(r"^\s*(\d{4})[- ]?[Ww]?(\d{2})\s*$")
        mondays = weeks[0] + "-W" + weeks[1] + "-1"
        return pd.to_datetime(mondays, format="%G-W%V-%u", errors="coerce")
    if (in_halves := _read_in_halves(text, form)) is not None:
        return in_halves
    reading: pd.Series = pd.to_datetime(text, format=form, errors="coerce", utc=form == "ISO8601")
    if form == "ISO8601":
        reading = reading.dt.tz_localize(None)
    if "%y" in form and (late := reading.dt.year > _LATEST).any():
        reading = reading.mask(late, reading - pd.DateOffset(years=100))
    return reading


def _read_in_halves(text: pd.Series, form: str) -> pd.Series | None:
    """Read many dates with a clock, each of both once; None where they are not of one width."""
    date, _, clock = form.partition(" ")
    first = str(text.iloc[0]) if len(text) else ""
    halves = "%Y" in date and clock.startswith(("%H", "%I"))
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
    """Read 2019Q1, 2019-Q1, 2019:1, Q1 2019 or 1Q2019 as the first day of a quarter."""
    year, quarter = r"(\d{4})", r"([1-4])"
    found = text.str.extract(
        rf"^\s*{year}\s*[-/: ]?\s*[Qq:]\s*{quarter}\s*$|^\s*[Qq]{quarter}[-/ ]*{year}\s*$"
        rf"|^\s*{quarter}[Qq][-/ ]*{year}\s*$"
    )
    years = found[0].fillna(found[3]).fillna(found[5])
    quarters = found[1].fillna(found[2]).fillna(found[4])
    month = (pd.to_numeric(quarters) * 3 - 2).astype("Int64").astype("str")
    return pd.to_datetime(years + "-" + month, format="%Y-%m", errors="coerce")


def regularity(times: pd.Series) -> float:
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
