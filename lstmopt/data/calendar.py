"""The step of a regular series, its seasons and the cycles of its calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lstmopt.errors import LstmoptError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def infer_step(times: pd.DatetimeIndex) -> str:
    """Return the step of ascending times as a pandas offset alias.

    The most common difference, or months, quarters and years where every time is the first or
    the last of a month. A quarter has one alias wherever the series starts, as a saved model
    compares steps. Raises LstmoptError where fewer than half of the differences are that step.
    """
    steps = np.diff(times.to_numpy())
    values, counts = np.unique(steps, return_counts=True)
    common = pd.Timedelta(values[counts.argmax()])
    midnights = bool((times == times.normalize()).all())
    ends = bool(times.is_month_end.all())
    if midnights and (ends or (times.day == 1).all()) and common >= pd.Timedelta(days=28):
        months = np.diff(times.year * 12 + times.month)
        kinds, counts = np.unique(months, return_counts=True)
        length = int(kinds[counts.argmax()])
        alias = _month_alias(length, int(times[0].month), ends)
    elif common == pd.Timedelta(days=7):
        alias = f"W-{_DAYS[int(times[0].weekday())]}"
    elif common % pd.Timedelta(days=1) == pd.Timedelta(0):
        days = common // pd.Timedelta(days=1)
        alias = "D" if days == 1 else f"{days}D"  # pandas would say 24h
    else:
        alias = pd.tseries.frequencies.to_offset(common).freqstr
    if counts.max() * 2 < len(steps):
        raise LstmoptError(
            f"times follow one step, found {len(values)} different differences, the most common "
            f"one ({alias}) in {counts.max()} of {len(steps)}: resample the series first"
        )
    return alias


def _month_alias(length: int, month: int, ends: bool) -> str:
    """Name a step of ``length`` months; quarters by the first month of their year that matches."""
    edge = "E" if ends else "S"
    quarter = _MONTHS[(month - 1) % 3 + (9 if ends else 0)]
    named = {1: f"M{edge}", 3: f"Q{edge}-{quarter}", 12: f"Y{edge}-{_MONTHS[month - 1]}"}
    return named.get(length, f"{length}M{edge}")


def season_lengths(step: str) -> tuple[int, ...]:
    """Return plausible seasons in rows: a day and a week, a week and a year, or a year."""
    name = step.split("-")[0]
    calendar = {"MS": (12,), "ME": (12,), "QS": (4,), "QE": (4,), "YS": (), "YE": (), "W": (52,)}
    if name in calendar:
        return calendar[name]
    length = _fixed_length(step)
    if length is None:
        return ()
    rows, rest = divmod(86400, length)
    if rows == 1 and not rest:
        return (7, 365)
    return (int(rows), int(rows) * 7) if rows > 1 and not rest else ()


def _fixed_length(step: str) -> float | None:
    """Return a step's length in seconds, None for months, quarters and years."""
    start = pd.Timestamp("2024-01-01")
    offset = pd.tseries.frequencies.to_offset(step)
    fixed = isinstance(offset, pd.offsets.Tick | pd.offsets.Day | pd.offsets.Week)
    return (start + offset - start).total_seconds() if fixed else None


def calendar_features(times: pd.DatetimeIndex, step: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and values [rows, features] in -1 … 1 of the cycles that the step resolves.

    Sine and cosine of the time of day, the day of the week and the day of the year.
    """
    name = step.split("-")[0]
    if name in ("YS", "YE"):
        return (), np.empty((len(times), 0))
    cycles = {"year": (times.day_of_year.to_numpy() - 1) / 365.25}
    length = _fixed_length(step)
    if name != "W" and length is not None:
        seconds = (times - times.normalize()).total_seconds().to_numpy()
        if length <= 86400:
            cycles["week"] = (times.day_of_week.to_numpy() + seconds / 86400) / 7
        if length < 86400:
            cycles["day"] = seconds / 86400
    waves = {"sin": np.sin, "cos": np.cos}
    table = {
        f"{cycle}_{wave}": f(2 * np.pi * phase)
        for cycle, phase in cycles.items()
        for wave, f in waves.items()
    }
    return tuple(table), np.column_stack(list(table.values()))
