"""The step of a series: a fixed length, months, or the rows of a calendar of sessions.

A step is text, so that a model can keep it: a pandas offset alias (``h``, ``W-SUN``, ``B``,
``BME``), a day of the month (``MS-15``, ``3MS-15``), or a length with the days and the clocks of
sessions (``30min Mon-Fri 09:30-16:00``, ``D Sun-Thu``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from itertools import groupby

import numpy as np
import pandas as pd

from lstmopt.errors import LstmoptError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = pd.Timedelta(days=1)
_EVEN = (
    *(pd.Timedelta(seconds=n) for n in (1, 2, 3, 5, 6, 10, 12, 15, 20, 30)),
    *(pd.Timedelta(minutes=n) for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *(pd.Timedelta(hours=n) for n in (1, 2, 3, 4, 6, 8, 12)),
    *(pd.Timedelta(days=n) for n in (1, 7)),
)
"""Steps that clocks are set to, onto which jitter is put."""

_MOST_JITTER = 0.25
"""How far a row may lie off the grid, in steps."""

_FEWEST_WEEKS = 3
"""Weeks in which days and clocks have not come that are taken to never come."""

_STRAYS = 0.02
"""The share of rows that may lie outside of sessions."""

_ROUND_THE_CLOCK = 0.9
"""The share of a week's clocks above which the others are gaps."""


@dataclass(frozen=True)
class Sessions:
    """Rows that come at some clocks of some days: trading hours, weeks of six days."""

    length: str
    clocks: tuple[tuple[pd.Timedelta, ...], ...]
    """Of every day of the week from Monday on, since midnight, ascending; midnight alone where the
    length is a day."""

    def slots(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return every slot of these days, ascending."""
        found = []
        for weekday, clocks in enumerate(self.clocks):
            there = days[days.day_of_week == weekday].to_numpy()
            found.append((there[:, None] + pd.TimedeltaIndex(clocks).to_numpy()).ravel())
        return pd.DatetimeIndex(np.sort(np.concatenate(found)))

    def __str__(self) -> str:
        if self == BUSINESS_DAYS:
            return "B"
        groups: dict[tuple[pd.Timedelta, ...], list[int]] = {}
        for weekday, clocks in enumerate(self.clocks):
            groups.setdefault(clocks, []).append(weekday)
        step = _length(self.length)
        said = []
        for clocks, days in groups.items():
            if clocks:
                said.append(" ".join([_ranges(days, _DAYS.__getitem__), _clocks(clocks, step)]))
        return f"{self.length} {'; '.join(said)}".rstrip()


def _clocks(clocks: tuple[pd.Timedelta, ...], step: pd.Timedelta) -> str:
    if step >= _DAY:
        return ""
    rest = clocks[0] % step
    return _ranges([int(clock // step) for clock in clocks], lambda n: _clock(n * step + rest))


def _clock(since_midnight: pd.Timedelta) -> str:
    return f"{pd.Timestamp(0) + since_midnight:%H:%M:%S}".removesuffix(":00")


def _ranges(numbers: list[int], say: Callable[[int], str]) -> str:
    """Say ascending numbers as ranges, such as Mon-Fri,Sun."""
    apart = groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    runs = [[number for _, number in run] for _, run in apart]
    return ",".join("-".join(map(say, dict.fromkeys((run[0], run[-1])))) for run in runs)


_MIDNIGHT = (pd.Timedelta(0),)
BUSINESS_DAYS = Sessions("D", (*(5 * (_MIDNIGHT,)), (), ()))


def parse_sessions(step: str) -> Sessions | None:
    """Return the sessions that a step names, None where it is of another kind."""
    if step == "B":
        return BUSINESS_DAYS
    length, _, groups = step.partition(" ")
    if not groups:
        return None
    offset = _length(length)
    found: list[tuple[pd.Timedelta, ...]] = [()] * 7
    for group in groups.split(";"):
        days, _, clocks = group.strip().partition(" ")
        runs = [
            pd.timedelta_range(_since_midnight(first), _since_midnight(last), freq=offset)
            for first, last in _ends(clocks)
            if first
        ]
        for first, last in _ends(days):
            for day in range(_DAYS.index(first), _DAYS.index(last) + 1):
                found[day] = tuple(clock for run in runs for clock in run) or _MIDNIGHT
    return Sessions(length, tuple(found))


def _length(step: str) -> pd.Timedelta:
    """Return how long a step of fixed length is."""
    start = pd.Timestamp("2024-01-01")
    return start + pd.tseries.frequencies.to_offset(step) - start


def _ends(ranges: str) -> list[tuple[str, str]]:
    parts = [part.partition("-") for part in ranges.split(",")]
    return [(first, last or first) for first, _, last in parts]


def _since_midnight(clock: str) -> pd.Timedelta:
    return pd.Timedelta(f"{clock}:00" if clock.count(":") == 1 else clock)


def on_wall_clock(step: str) -> bool:
    """Say whether a step follows the clock on the wall, as days do, and no number of hours."""
    if parse_sessions(step) or _day_of_month(step):
        return True
    return not isinstance(pd.tseries.frequencies.to_offset(step), pd.offsets.Tick)


def grid(first: pd.Timestamp, last: pd.Timestamp, step: str) -> pd.DatetimeIndex:
    """Return every time of a series that begins at ``first``, up to ``last``, in their zone."""
    if first.tz is not None:
        zone = first.tz
        if on_wall_clock(step):
            walls = grid(first.tz_localize(None), last.tz_localize(None), step)
            return _localized(walls, zone)
        ends = [time.tz_convert("UTC").tz_localize(None) for time in (first, last)]
        utc = grid(ends[0], ends[1], step)
        return utc.tz_localize("UTC").tz_convert(zone)
    if sessions := parse_sessions(step):
        slots = sessions.slots(pd.date_range(first.normalize(), last.normalize(), freq="D"))
        if fixed_length(step) == _DAY.total_seconds():
            slots += first - first.normalize()
        return slots[(slots >= first) & (slots <= last)]
    if found := _day_of_month(step):
        length, day = found
        clock = first - first.normalize()
        starts = pd.date_range(first.normalize().replace(day=1), last, freq=f"{length}MS")
        days = np.minimum(day, starts.days_in_month)
        times = starts + pd.to_timedelta(days - 1, unit="D") + clock
        return times[(times >= first) & (times <= last)]
    return pd.date_range(first, last, freq=step)


def following(last: pd.Timestamp, step: str, count: int) -> pd.DatetimeIndex:
    """Return the ``count`` times of a series after its ``last``."""
    span = count * _about(step)
    while True:
        times = grid(last, last + span, step)
        times = times[times > last]
        if len(times) >= count:
            return times[:count]
        span = span * 2 + pd.Timedelta(days=1)


def _about(step: str) -> pd.Timedelta:
    """Return about how long a step is, in days on the wall where it is long."""
    if sessions := parse_sessions(step):
        return _length(sessions.length)
    if found := _day_of_month(step):
        return found[0] * 31 * _DAY
    start = pd.Timestamp("2024-01-01")
    return start + pd.tseries.frequencies.to_offset(step) * 2 - start


def fixed_length(step: str) -> float | None:
    """Return a step's length in seconds, None for months, quarters and years."""
    if sessions := parse_sessions(step):
        step = sessions.length
    elif _day_of_month(step):
        return None
    offset = pd.tseries.frequencies.to_offset(step)
    start = pd.Timestamp("2024-01-01") + offset  # on a week's own day
    fixed = isinstance(offset, pd.offsets.Tick | pd.offsets.Day | pd.offsets.Week)
    return (start + offset - start).total_seconds() if fixed else None


def _day_of_month(step: str) -> tuple[int, int] | None:
    """Return the months and the day of a step such as ``MS-15`` or ``3MS-15``."""
    found = re.fullmatch(r"(\d*)MS-(\d+)", step)
    return (int(found[1] or 1), int(found[2])) if found else None


def put_on_steps(times: pd.DatetimeIndex) -> tuple[pd.DatetimeIndex, str]:
    """Return ascending times [rows] without their jitter, and their step.

    The most common difference; months, quarters and years where there is one row in each; sessions
    where some days of the week or clocks of the day never come. A quarter has one alias wherever
    the series starts, as a saved model compares steps.

    Raises:
        LstmoptError: For times that follow no step.
    """
    plain = times
    if times.tz is not None:  # days follow the clock on the wall, hours do not
        plain = times.tz_localize(None) if _is_daily(times) else times.tz_convert("UTC")
    found, step = _infer(plain.tz_localize(None))
    if times.tz is None:
        return found, _weekly_pattern(found, step) or step
    if not _is_daily(times):
        found = found.tz_localize("UTC").tz_convert(times.tz)
    elif found.equals(plain):
        found = times
    else:
        found = _localized(found, times.tz)
    return found, _weekly_pattern(found.tz_localize(None), step) or step


def _is_daily(times: pd.DatetimeIndex) -> bool:
    return len(times) > 1 and pd.Timedelta(np.median(np.diff(times.asi8)), times.unit) >= _DAY / 2


def _localized(walls: pd.DatetimeIndex, zone: tzinfo) -> pd.DatetimeIndex:
    """Return clocks on the wall in their zone; of an hour that is skipped, the next there is."""
    ambiguous = np.ones(len(walls), bool)
    return walls.tz_localize(zone, ambiguous=ambiguous, nonexistent="shift_forward")


def _infer(times: pd.DatetimeIndex) -> tuple[pd.DatetimeIndex, str]:
    """Return times without jitter and their step, whatever days and clocks they keep to."""
    times = pd.DatetimeIndex(times.to_numpy())  # a frequency changes what the end of a month is
    steps = np.diff(times.to_numpy())
    median = pd.Timedelta(np.median(steps))
    if median >= pd.Timedelta(days=28) and (months := _infer_months(times)) is not None:
        return months
    values, counts = np.unique(steps, return_counts=True)
    common = pd.Timedelta(values[counts.argmax()])
    if counts.max() * 2 < len(steps) or ((times - times[0]) % common).nunique() > 1:
        snapped = _without_jitter(times, median)
        if snapped is None:
            alias = _alias(common, times[0])
            raise LstmoptError(
                f"times follow one step, found {len(values)} different differences, the most "
                f"common one ({alias}) in {counts.max()} of {len(steps)}, and rows off its grid, "
                f"the first {_off(times, common)}: bring them to one step with resample "
                f'= "{_even(median)}"'
            )
        times, common = snapped
    return times, _alias(common, times[0])


def _off(times: pd.DatetimeIndex, step: pd.Timedelta) -> pd.Timestamp:
    """Return the first time that is off the grid on which most times are."""
    phase = pd.Series((times - times[0]) % step)
    return (
        times[int(np.flatnonzero(phase != phase.mode()[0])[0])] if phase.nunique() > 1 else times[1]
    )


def _even(length: pd.Timedelta) -> str:
    """Return the step of clocks or of a calendar that is as long as most steps, or longer."""
    longer = next((even for even in _EVEN if even >= length * 0.95), None)
    if longer is None:
        return "MS"
    return "W" if longer == 7 * _DAY else _alias(longer, pd.Timestamp(0))


def _alias(length: pd.Timedelta, start: pd.Timestamp) -> str:
    if length == 7 * _DAY:
        return f"W-{_DAYS[start.weekday()].upper()}"
    if length % _DAY == pd.Timedelta(0):
        days = length // _DAY
        return "D" if days == 1 else f"{days}D"  # pandas would say 24h
    return str(pd.tseries.frequencies.to_offset(length).freqstr)


def _infer_months(times: pd.DatetimeIndex) -> tuple[pd.DatetimeIndex, str] | None:
    """Return times of one row in every so many months, and their step; None for other times."""
    numbers = times.year * 12 + times.month
    months = np.diff(numbers)
    if (months < 1).any() or (np.diff(times.to_numpy()) == times[1] - times[0]).all():
        return None
    kinds, counts = np.unique(months, return_counts=True)
    length = int(kinds[counts.argmax()])
    if counts.max() * 2 < len(months):
        return None
    calendar = times.normalize()
    if ((times - calendar) != (times - calendar)[0]).any():  # midnights of another zone
        calendar = times.round("D")
        times = calendar.as_unit(times.unit)
    named = {"S": times.is_month_start, "E": times.is_month_end}
    named["BE"] = calendar == calendar - pd.offsets.Day() + pd.offsets.BMonthEnd()
    named["BS"] = calendar == calendar + pd.offsets.Day() - pd.offsets.BMonthBegin()
    for edge, holds in named.items():
        if np.all(holds):
            return times, _month_alias(length, int(times[0].month), edge)
    day = int(times.day.max())
    if (times.day == np.minimum(day, times.days_in_month)).all():
        return times, f"{length if length > 1 else ''}MS-{day}"
    if (times.day <= 7).all():
        first = calendar.to_period("M").to_timestamp().as_unit(times.unit)
        return first, _month_alias(length, int(times[0].month), "S")
    if (times.day >= 22).all():
        last = (calendar + pd.offsets.MonthEnd(0)).as_unit(times.unit)
        return last, _month_alias(length, int(times[0].month), "E")
    return None


def _month_alias(length: int, month: int, edge: str) -> str:
    """Name a step of ``length`` months; quarters by the first month of their year that matches."""
    start = edge.endswith("S")
    business = "B" if edge.startswith("B") else ""
    quarter = _MONTHS[(month - 1) % 3 + (0 if start else 9)]
    end = edge[-1]
    named = {
        1: f"{business}M{end}",
        3: f"{business}Q{end}-{quarter}",
        12: f"{business}Y{end}-{_MONTHS[month - 1]}",
    }
    return named.get(length, f"{length}{business}M{end}")


def _without_jitter(
    times: pd.DatetimeIndex, median: pd.Timedelta
) -> tuple[pd.DatetimeIndex, pd.Timedelta] | None:
    """Return times put on the nearest grid that clocks are set to, and its step; None if none."""
    step = min(_EVEN, key=lambda even: abs(even / median - 1))
    if not 0.95 < step / median < 1.05:
        return None
    start = times[0].floor(step) if step <= _DAY else times[0].normalize()
    off = ((times - start) / step).to_numpy()
    shift = np.angle(np.exp(2j * np.pi * off).mean()) / (2 * np.pi)
    unit = next(even for even in reversed(_EVEN) if even <= step / 10 or even == _EVEN[0])
    start += (step * shift).round(unit)
    off = ((times - start) / step).to_numpy()
    rows = np.round(off).astype(int)
    if np.abs(off - rows).max() > _MOST_JITTER or (np.diff(rows) < 1).any():
        return None
    return pd.DatetimeIndex(start + rows * step), step


def _weekly_pattern(times: pd.DatetimeIndex, step: str) -> str | None:
    """Return the sessions that times on a grid keep to, None where they come round the clock.

    A clock of a weekday is one of theirs where it comes in more than a quarter of the weeks; what
    is missing of less than a tenth of the week is a gap.
    """
    seconds = fixed_length(step)
    if seconds is None or seconds > 86400 or 86400 % seconds:
        return None
    if times[-1] - times[0] < _FEWEST_WEEKS * 7 * _DAY:
        return None
    clocks = (times - times.normalize()).total_seconds()
    slots = (clocks // seconds).astype(int)
    rows = np.zeros((7, round(86400 / seconds)), int)
    np.add.at(rows, (times.day_of_week, slots), 1)
    usual = rows > rows.max() / 4
    if usual.mean() > _ROUND_THE_CLOCK or rows[~usual].sum() > _STRAYS * len(times):
        return None
    phase = pd.Timedelta(seconds=float(clocks[0] % seconds) if seconds < 86400 else 0)
    length = pd.Timedelta(seconds=seconds)
    found = tuple(tuple(phase + n * length for n in np.flatnonzero(day).tolist()) for day in usual)
    return str(Sessions(step, found))


def season_lengths(step: str) -> tuple[int, ...]:
    """Return plausible seasons in rows: a day and a week, a week and a year, or a year."""
    if sessions := parse_sessions(step):
        clocks = max(map(len, sessions.clocks))
        week = sum(map(len, sessions.clocks))
        return (clocks, week) if clocks > 1 else (week, round(365.25 * week / 7))
    if found := _day_of_month(step):
        return (12 // found[0],) if found[0] in (1, 3) else ()
    name = step.split("-")[0].removeprefix("B")
    calendar = {"MS": (12,), "ME": (12,), "QS": (4,), "QE": (4,), "YS": (), "YE": (), "W": (52,)}
    if name in calendar:
        return calendar[name]
    length = fixed_length(step)
    if length is None:
        return ()
    rows, rest = divmod(86400, length)
    if rows == 1 and not rest:
        return (7, 365)
    return (int(rows), int(rows) * 7) if rows > 1 and not rest else ()


def rows_on_grid(times: pd.DatetimeIndex, step: str) -> pd.DatetimeIndex:
    """Return the grid [rows] of a series at these times.

    Of sessions, only days on which there is a row, each from its first row to its last: holidays
    and days that end early are no gaps, and a row out of hours is one more.
    """
    whole = grid(times[0], times[-1], step)
    if parse_sessions(step) is None:
        return whole
    rows = pd.Series(times, index=times.normalize())
    first, last = rows.groupby(level=0).min(), rows.groupby(level=0).max()
    days = whole.normalize()
    there = days.isin(first.index)
    whole, days = whole[there], days[there]
    in_hours = (whole >= pd.DatetimeIndex(first[days])) & (whole <= pd.DatetimeIndex(last[days]))
    return pd.DatetimeIndex(whole[in_hours].union(times))
