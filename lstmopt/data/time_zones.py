"""The zone of a series' times: as written, as asked for, or as its repeated hours tell."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.errors import LstmoptError

_LIKELY = (
    *("Europe/Berlin", "Europe/London", "Europe/Helsinki", "Europe/Moscow"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("America/Sao_Paulo", "Australia/Sydney", "Australia/Adelaide", "Pacific/Auckland"),
)
"""Zones that stand for others whose clocks change at the same hours."""

_MOST_BACK = 3 * 3600
"""Clocks go back by less, in seconds: what steps back further is another row."""

_MOST_STEP = pd.Timedelta(hours=1)
"""The longest step of rows in which an hour can stand twice."""

_MOST_YEARS = 40
"""Times that stand twice are looked at as hours of autumn in a series of up to so many years."""


def in_zone(times: pd.DatetimeIndex, zone: str, notices: list[str]) -> pd.DatetimeIndex:
    """Return times [rows] in the zone that is asked for, or in the one that they are in.

    Times without a zone stay so, unless hours that stand twice show where their clocks go back.
    Raises LstmoptError for a zone that there is not and for hours that it does not have.
    """
    if zone:
        zone = _known(zone)
        if times.tz is not None:
            return times.tz_convert(zone)
        return _localize(times, zone)
    if times.tz is not None or times.is_unique:
        return times
    guessed = _guess_zone(times)
    if guessed is None:
        return times
    twice = times[times.duplicated()]
    notices.append(
        f"{len(twice)} times stand twice, the first {twice[0]}, as clocks go back in {guessed}: "
        "read in that zone (--timezone names another)"
    )
    return _localize(times, guessed)


def _known(zone: str) -> str:
    try:
        pd.Timestamp(0, tz=zone)
    except (ValueError, KeyError, TypeError, OSError):
        close = difflib.get_close_matches(zone, available_timezones(), n=1)
        raise LstmoptError(
            f"a timezone is one of the IANA database or an offset, found {zone!r}: "
            + (f"did you mean {close[0]!r}?" if close else "write Europe/Berlin or +01:00")
        ) from None
    return zone


def _localize(times: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """Read times without a zone as those of one; of an hour that stands twice, one is the later."""
    if (times == times.normalize()).all():  # a day begins an hour later where clocks skip its 0:00
        return times.tz_localize(zone, ambiguous=~_second(times), nonexistent="shift_forward")
    first = times.tz_localize(zone, ambiguous=~_second(times), nonexistent="NaT")
    if first.hasnans:
        row = int(np.flatnonzero(first.isna())[0])
        raise LstmoptError(
            f"clocks in {zone} skip an hour in spring, found {times[row]} there "
            f"({int(np.sum(first.isna()))} such rows): name another --timezone or none"
        )
    return first


def _second(times: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Say of each row whether its clock was seen before: in rows that ascend, or that descend."""
    seconds = times.to_numpy().astype("datetime64[s]").astype(np.int64)
    if times.is_unique or not len(seconds):
        return np.zeros(len(seconds), bool)
    descends = seconds[-1] < seconds[0]
    ordered = seconds[::-1] if descends else seconds
    latest = np.concatenate([ordered[:1] - 1, np.maximum.accumulate(ordered)[:-1]])
    second: NDArray[np.bool_] = (ordered <= latest) & (ordered > latest - _MOST_BACK)
    return second[::-1] if descends else second


def _guess_zone(times: pd.DatetimeIndex) -> str | None:
    """Return the likeliest zone in which every time that stands twice is an hour that does.

    Rarer zones than `_LIKELY` are not tried: a row that stands twice by mistake would name one.
    """
    twice = times[times.duplicated()].unique()
    if len(twice) > 12 * _MOST_YEARS or (times.value_counts() > 2).any():
        return None
    if np.median(np.abs(np.diff(times.asi8))) * pd.Timedelta(1, times.unit) > _MOST_STEP:
        return None
    clocks = twice.to_pydatetime()
    for zone in _LIKELY:
        info = ZoneInfo(zone)
        if all(_offset(clock, info, 0) > _offset(clock, info, 1) for clock in clocks):
            try:
                _localize(times, zone)
            except LstmoptError:
                continue
            return zone
    return None


def _offset(clock: datetime, zone: ZoneInfo, fold: Literal[0, 1]) -> timedelta:
    return clock.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0)


def zone_of_offsets(utc: pd.DatetimeIndex, offsets: Iterable[str]) -> str:
    """Return the likeliest zone that had these offsets (such as +01:00) at these times [rows].

    UTC where none had.
    """
    seen = pd.Series(list(offsets))
    changes = np.flatnonzero((seen != seen.shift()).to_numpy())
    rows = np.unique(np.concatenate([changes, changes[1:] - 1]))
    wanted, moments = seen[rows].tolist(), utc[rows]
    for zone in (*_LIKELY, *sorted(available_timezones() - set(_LIKELY))):
        local = moments.tz_convert(zone)
        if [_as_offset(moment) for moment in local] == wanted:
            return zone
    return "UTC"


def _as_offset(moment: pd.Timestamp) -> str:
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[-2:]}"
