"""Times keep their zone, and hours that stand twice or not at all are what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.data.calendar import calendar_features
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.time_zones import in_zone
from lstmopt.errors import LstmoptError

ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Australia/Sydney", "Asia/Tokyo")
LOAD = DataOptions(target="load")


def local(zone: str, start: str = "2021-10-20", rows: int = 500, step: str = "h"):
    return pd.date_range(start, periods=rows, freq=step, tz=zone)


def table(times: object, rows: int = 500) -> pd.DataFrame:
    return pd.DataFrame({"time": times, "load": np.sin(np.arange(rows) * 0.26)})


@settings(max_examples=40)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(["15min", "30min", "h"]),
    st.datetimes(pd.Timestamp("2015-01-01"), pd.Timestamp("2024-01-01")),
    st.booleans(),
)
def test_clocks_on_the_wall_are_the_times_that_they_showed(zone, step, start, backwards):
    times = pd.date_range(pd.Timestamp(start).floor("h"), periods=3000, freq=step, tz="UTC")
    times = times.tz_convert(zone)
    shown = times[::-1] if backwards else times
    assert in_zone(shown.tz_localize(None), zone, []).equals(pd.DatetimeIndex(shown, freq=None))


@pytest.mark.parametrize("zone", ZONES[:4])
@pytest.mark.parametrize("step", ["15min", "h"])
def test_hours_that_stand_twice_tell_the_zone(zone, step):
    start = "2021-03-20" if zone == "Australia/Sydney" else "2021-10-20"
    times = local(zone, start, 2000, step)
    series = read_series(table(times.tz_localize(None), 2000), LOAD)
    assert series.times.tz_convert("UTC").equals(
        pd.DatetimeIndex(times, freq=None).tz_convert("UTC").as_unit(series.times.unit)
    )
    assert series.observed.all()
    day = times[times.tz_localize(None).duplicated()][0]
    assert any(f"{day:%Y-%m-%d}" in notice for notice in series.notices)


def test_a_missing_hour_of_spring_is_no_gap_in_its_zone():
    times = local("Europe/Berlin", "2021-03-20")
    told = DataOptions(target="load", timezone="Europe/Berlin")
    series = read_series(table(times.strftime("%Y-%m-%d %H:%M")), told)
    assert series.observed.all()
    assert len(series.times) == 500


def test_an_hour_that_a_zone_skips_is_one_sentence():
    told = DataOptions(target="load", timezone="Europe/Berlin")
    times = pd.date_range("2021-03-20", periods=500, freq="h")
    with pytest.raises(LstmoptError, match="skip an hour in spring, found 2021-03-28 02:00"):
        read_series(table(times), told)


def test_an_unknown_zone_is_one_sentence_with_the_near_miss():
    with pytest.raises(LstmoptError, match="did you mean 'Europe/Berlin'"):
        read_series(table(local("UTC")), DataOptions(target="load", timezone="Europe/Berlim"))


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        (lambda t: t.strftime("%Y-%m-%dT%H:%M:%S+01:00"), "UTC+01:00"),
        (lambda t: t.strftime("%Y-%m-%d %H:%M:%S-0530"), "UTC-05:30"),
        (lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "UTC"),
        (lambda t: t.strftime("%Y-%m-%d %H:%M:%S UTC"), "UTC"),
    ],
)
def test_the_offset_that_times_are_written_with_is_kept(text, zone):
    times = pd.date_range("2024-01-01", periods=500, freq="h")
    series = read_series(table(text(times)), LOAD)
    assert series.reading.timezone == zone
    assert series.times.tz_localize(None).equals(times.as_unit(series.times.unit))


def test_offsets_that_change_tell_the_zone():
    times = local("Europe/Berlin")
    text = [time.isoformat() for time in times]
    series = read_series(table(text), LOAD)
    assert series.reading.timezone == "Europe/Berlin"
    assert (series.times == times).all()


def test_days_at_local_midnight_are_days_whatever_their_offset():
    times = pd.date_range("2021-01-01", periods=500, freq="D", tz="Europe/Berlin")
    series = read_series(table([time.isoformat() for time in times]), LOAD)
    assert (series.step, bool(series.observed.all())) == ("D", True)


def test_calendar_features_follow_the_clock_on_the_wall():
    times = local("Europe/Berlin")
    names, zoned = calendar_features(times, "h")
    np.testing.assert_allclose(zoned, calendar_features(times.tz_localize(None), "h")[1])
    assert "day_sin" in names


def test_a_later_table_is_read_in_the_same_zone():
    reading = read_series(table(local("Europe/Berlin").tz_localize(None)), LOAD).reading
    later = pd.date_range("2022-01-01", periods=500, freq="h")
    assert str(read_series(table(later), reading).times.tz) == "Europe/Berlin"
