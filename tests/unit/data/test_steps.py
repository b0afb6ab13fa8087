"""The step of a series is found, and what comes next lies on it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.data.steps import (
    following,
    grid,
    parse_sessions,
    put_on_steps,
    rows_on_grid,
    season_lengths,
)
from lstmopt.errors import LstmoptError

ALIASES = (
    *("s", "min", "15min", "h", "3h", "D", "2D", "W-SUN", "W-WED", "B"),
    *("MS", "ME", "BMS", "BME", "QS-JAN", "QE-DEC", "BQE-DEC", "YS-JAN", "YE-DEC"),
)
DAYS = pd.date_range("2022-01-03", periods=140, freq="D")


def clocks(days: pd.DatetimeIndex, *times: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([day + pd.Timedelta(time) for day in days for time in times])


def half_hours(first: float, last: float) -> list[str]:
    return [f"{hour}h" for hour in np.arange(first, last + 0.1, 0.5)]


WEEKDAYS = DAYS[DAYS.day_of_week < 5]
SESSIONS = {
    "B": WEEKDAYS,
    "D Mon-Sat": DAYS[DAYS.day_of_week < 6],
    "D Mon-Thu,Sun": DAYS[(DAYS.day_of_week < 4) | (DAYS.day_of_week == 6)],
    "30min Mon-Fri 09:30-16:00": clocks(WEEKDAYS, *half_hours(9.5, 16)),
    "30min Mon-Fri 09:00-11:30,13:00-15:00": clocks(
        WEEKDAYS, *half_hours(9, 11.5), *half_hours(13, 15)
    ),
    "h Mon-Sun 08:00-20:00": clocks(DAYS, *(f"{hour}h" for hour in range(8, 21))),
}


@pytest.mark.parametrize("alias", ALIASES)
def test_a_grid_of_pandas_has_its_own_step_and_goes_on(alias):
    times = pd.date_range("2000-01-01", periods=150, freq=alias)
    found, step = put_on_steps(times[:100])
    assert (step, found.equals(times[:100])) == (alias, True)
    assert following(found[-1], step, 50).equals(pd.DatetimeIndex(times[100:], freq=None))


@pytest.mark.parametrize("step", SESSIONS)
def test_sessions_are_found_and_go_on(step):
    times = SESSIONS[step]
    cut = len(times) * 3 // 4
    found, name = put_on_steps(times[:cut])
    assert (name, str(parse_sessions(name))) == (step, step)
    assert rows_on_grid(found, name).equals(found)
    assert following(found[-1], name, len(times) - cut).equals(times[cut:])


def test_days_of_other_hours_have_them_apart():
    hours = pd.date_range("2024-01-01", periods=2000, freq="h")
    week = hours.day_of_week * 24 + hours.hour
    market = hours[(week < 4 * 24 + 22) | (week >= 6 * 24 + 22)]
    _, step = put_on_steps(market)
    assert step == "h Mon-Thu 00:00-23:00; Fri 00:00-21:00; Sun 22:00-23:00"
    friday = pd.Timestamp("2024-03-22 21:00")
    assert following(friday, step, 1)[0] == pd.Timestamp("2024-03-24 22:00")


@settings(max_examples=30)
@given(st.sets(st.integers(1, 98), max_size=15))
def test_holidays_and_half_days_are_no_gaps(holidays):
    kept = np.delete(np.arange(100), sorted(holidays))
    times = clocks(WEEKDAYS[kept], *half_hours(9.5, 16))
    times = times[~((times.day_of_year % 17 == 0) & (times.hour >= 13))]
    found, step = put_on_steps(times)
    assert rows_on_grid(found, step).equals(times)
    hole = times.delete(30)  # in the middle of a day
    assert rows_on_grid(hole, step).difference(hole).equals(times[30:31])


def test_a_row_out_of_hours_is_one_more_row():
    stray = pd.Timestamp("2022-02-05")
    times = WEEKDAYS.append(pd.DatetimeIndex([stray])).sort_values()
    found, step = put_on_steps(times)
    assert (step, found.equals(times)) == ("B", True)
    assert stray in rows_on_grid(found, step)


@pytest.mark.parametrize("day", [2, 15, 28, 30])
@pytest.mark.parametrize("months", [1, 3])
def test_a_fixed_day_of_the_month_is_a_step(day, months):
    starts = pd.date_range("2000-01-01", periods=60, freq=f"{months}MS")
    last = starts.days_in_month
    times = starts + pd.to_timedelta(np.minimum(day, last) - 1, unit="D")
    found, step = put_on_steps(times[:50])
    assert (step, found.equals(times[:50])) == (f"{'' if months == 1 else months}MS-{day}", True)
    assert following(found[-1], step, 10).equals(times[50:])
    assert season_lengths(step) == (12 // months,)


def test_the_last_trading_days_of_months_are_put_on_their_ends():
    ends = pd.date_range("2000-01-01", periods=60, freq="BME")
    times = pd.DatetimeIndex([d - pd.Timedelta(days=int(d.month == 5)) for d in ends])
    found, step = put_on_steps(times)
    assert step == "ME"
    assert (found.to_period("M") == times.to_period("M")).all()


@settings(max_examples=40)
@given(
    st.sampled_from(["min", "10min", "h", "D"]),
    st.integers(0, 2**31),
    st.floats(0, 0.2),
    st.integers(0, 3),
)
def test_jitter_is_put_on_the_grid_that_it_is_around(step, seed, spread, phase):
    length = pd.Timedelta(1, "D") if step == "D" else pd.Timedelta(pd.offsets.Hour()) / {
        "min": 60, "10min": 6, "h": 1}[step]  # fmt: skip
    times = pd.date_range("2024-01-01", periods=300, freq=step) + phase * (length / 4).floor("s")
    noise = np.random.default_rng(seed).uniform(-spread, spread, 300) * length.total_seconds()
    found, name = put_on_steps(times + pd.to_timedelta(noise.round(), unit="s"))
    assert name == step
    assert abs(found - times).max() <= length / 4
    assert (np.diff(found.asi8) == np.diff(found.asi8)[0]).all()


@settings(max_examples=40)
@given(
    st.sampled_from([*ALIASES, *SESSIONS, "MS-15", "3MS-31"]),
    st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2035-01-01")),
    st.integers(1, 40),
)
def test_what_follows_is_the_rest_of_the_grid(step, start, count):
    first = following(pd.Timestamp(start).floor("D"), step, 1)[0]
    times = following(first, step, count)
    assert len(times) == count
    assert grid(first, times[-1], step).equals(times.insert(0, first).as_unit(times.unit))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
@pytest.mark.parametrize("step", ["15min", "h", "D", "W-SUN", "MS"])
def test_a_zone_keeps_its_midnights_and_its_hours(zone, step):
    rows = {"15min": 96 * 400, "h": 24 * 400}.get(step, 400)
    times = pd.date_range("2021-01-03", periods=rows, freq=step, tz=zone)
    found, name = put_on_steps(times[:-10])
    assert (name, found.equals(times[:-10])) == (step, True)
    assert following(found[-1], name, 10).equals(pd.DatetimeIndex(times[-10:], freq=None))


def test_local_midnights_in_utc_are_days():
    times = pd.date_range("2021-01-01", periods=300, freq="D", tz="Europe/Berlin")
    found, step = put_on_steps(times.tz_convert("UTC"))
    assert step == "D"
    assert len(rows_on_grid(found, step)) == 300


def test_times_of_no_step_are_one_sentence_that_names_resample():
    rng = np.random.default_rng(0)
    times = pd.DatetimeIndex(np.sort(rng.integers(0, 10**7, 400)).astype("datetime64[s]"))
    with pytest.raises(LstmoptError, match=r'resample = "\d*\w+"'):
        put_on_steps(times.unique())
