"""Times are found and read however they are written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.series_parts import ForModel
from lstmopt.errors import LstmoptError

LOAD = DataOptions(target="load")
HOURS = pd.date_range("2024-01-01", periods=400, freq="h")
DAYS = pd.date_range("2020-01-01", periods=400, freq="D")
MONTHS = pd.date_range("1990-01-01", periods=300, freq="MS")
QUARTERS = pd.period_range("1970Q1", periods=200, freq="Q")


def values(rows: int) -> np.ndarray:
    return np.round(100 + 20 * np.sin(np.arange(rows) / 2), 2)


def table(**columns: object) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))  # type: ignore[arg-type]
    return pd.DataFrame({**columns, "load": values(rows)})


def from_csv(frame: pd.DataFrame, tmp_path, options: DataOptions = LOAD, **how: object):
    frame.to_csv(tmp_path / "a.csv", index=False, **how)
    return read_series(tmp_path / "a.csv", options)


def lacks_midnights(form: str) -> list[str]:
    date = form.split(" ")[0]
    return [f"{t:{date}}" if t == t.normalize() else f"{t:{form}}" for t in HOURS]


WRITINGS = {
    "no clock at midnight": (HOURS, lacks_midnights("%d/%m/%Y %H:%M")),
    "no 12 o'clock at midnight": (HOURS, lacks_midnights("%m/%d/%Y %I:%M:%S %p")),
    "a comma before milliseconds": (HOURS, HOURS.strftime("%Y-%m-%d %H:%M:%S,000")),
    "RFC 2822": (HOURS, HOURS.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    "Apache": (HOURS, HOURS.strftime("%d/%b/%Y:%H:%M:%S +0000")),
    "Oracle": (HOURS, HOURS.strftime("%d-%b-%y %I.%M.%S.000000 %p").str.upper()),
    "dashes": (HOURS, HOURS.strftime("%Y-%m-%d-%H-%M")),
    "an underscore": (HOURS, HOURS.strftime("%Y%m%d_%H%M%S")),
    "digits of an hour": (HOURS, HOURS.strftime("%Y%m%d%H").astype(int)),
    "digits of a minute": (HOURS, HOURS.strftime("%Y%m%d%H%M").astype(int)),
    "digits of a second": (HOURS, HOURS.strftime("%Y%m%d%H%M%S").astype(int)),
    "a range": (HOURS, [
        f"{t:%d.%m.%Y %H:%M} - {t + pd.Timedelta('1h'):%d.%m.%Y %H:%M}" for t in HOURS]),
    "24:00": (HOURS + pd.Timedelta("1h"), [
        f"{t:%d.%m.%Y} {t.hour + 1:02}:00" for t in HOURS]),
    "abbreviated zones": (HOURS, HOURS.strftime("%Y-%m-%d %H:%M CET")),
    "a weekday": (DAYS, DAYS.strftime("%a %d.%m.%Y")),
    "blanks behind dots": (DAYS, [f"{t.day}. {t.month}. {t.year}" for t in DAYS]),
    "Sept": (DAYS, DAYS.strftime("%b %d, %Y").str.replace("Sep", "Sept")),
    "characters": (DAYS, [f"{t.year}年{t.month}月{t.day}日" for t in DAYS]),
    "two digits of a year": (MONTHS, MONTHS.strftime("%b-%y")),
    "two digits of the sixties": (MONTHS - pd.DateOffset(years=30), (
        MONTHS - pd.DateOffset(years=30)).strftime("%b-%y")),
    "01/1990": (MONTHS, MONTHS.strftime("%m/%Y")),
    "1990/1": (MONTHS, [f"{t.year}/{t.month}" for t in MONTHS]),
    "1990M01": (MONTHS, MONTHS.strftime("%YM%m")),
    "199001": (MONTHS, MONTHS.strftime("%Y%m").astype(int)),
    "1990:1 quarters": (QUARTERS.to_timestamp(), QUARTERS.strftime("%Y:%q")),
    "1990q1": (QUARTERS.to_timestamp(), QUARTERS.strftime("%Yq%q")),
    "1Q1990": (QUARTERS.to_timestamp(), QUARTERS.strftime("%qQ%Y")),
}  # fmt: skip


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("name", ["time", "Zeitpunkt"])
def test_a_time_is_read_however_it_is_written(tmp_path, writing, name):
    times, text = WRITINGS[writing]
    series = from_csv(table(**{name: text}), tmp_path)
    assert series.past == ("load",)
    assert series.times.tz_localize(None).equals(times.as_unit(series.times.unit))
    np.testing.assert_allclose(series.values[:, 0], values(len(times)))
    later = read_series(table(**{name: text})[-30:], series.reading, ForModel(series.step, 12, 1))
    assert later.times[:30].equals(series.times[-30:])


COLUMNS = {
    "year, day of the year": (DAYS, {"YEAR": DAYS.year, "DOY": DAYS.day_of_year}),
    "short names": (
        HOURS,
        {"YEAR": HOURS.year, "MO": HOURS.month, "DY": HOURS.day, "HR": HOURS.hour},
    ),
    "names of a buoy": (
        HOURS,
        {"#YY": HOURS.year, "MM": HOURS.month, "DD": HOURS.day, "hh": HOURS.hour, "mm": 0},
    ),
    "names in brackets": (
        HOURS,
        {"<DATE>": HOURS.strftime("%Y%m%d"), "<TIME>": HOURS.strftime("%H%M%S")},
    ),
    "Datum and Uhrzeit": (
        HOURS,
        {"Datum": HOURS.strftime("%d.%m.%Y"), "Uhrzeit": HOURS.strftime("%H:%M")},
    ),
    "ranges of hours": (
        HOURS,
        {"Date": HOURS.strftime("%d-%m-%Y"), "Hours": [f"{h:02} - {h + 1:02}" for h in HOURS.hour]},
    ),
    "dates with a midnight beside a clock": (
        HOURS,
        {"Date": HOURS.strftime("%Y-%m-%d 00:00:00"), "Time": HOURS.strftime("%H:%M:%S")},
    ),
    "half hours counted from 1": (
        pd.date_range("2024-01-01", periods=480, freq="30min"),
        {
            "date": np.repeat(DAYS[:10].strftime("%Y-%m-%d"), 48),
            "period": list(range(1, 49)) * 10,
        },
    ),
    "a year and names of months": (MONTHS, {"Year": MONTHS.year, "Month": MONTHS.strftime("%B")}),
    "a year and M01": (MONTHS, {"Year": MONTHS.year, "Period": MONTHS.strftime("M%m")}),
    "a year and Q1": (
        QUARTERS.to_timestamp(),
        {"Year": QUARTERS.year, "Quarter": QUARTERS.strftime("Q%q")},
    ),
    "a year derived from a date": (
        DAYS,
        {"Trade Date": DAYS.strftime("%Y-%m-%d"), "Year": DAYS.year, "Month": DAYS.month},
    ),
    "an hour derived from a stamp": (
        HOURS,
        {"stamp": HOURS.strftime("%Y-%m-%d %H:%M"), "hour": HOURS.hour},
    ),
    "a date that never changes": (
        DAYS,
        {"installed": "2019-05-05", "read": DAYS.strftime("%Y-%m-%d")},
    ),
    "seconds with fractions": (HOURS, {"created_at": HOURS.as_unit("s").asi8 + 0.25}),
    "days of a workbook": (DAYS, {"date": 43831 + np.arange(400)}),
}


@pytest.mark.parametrize("columns", COLUMNS)
def test_a_time_is_found_in_whatever_columns_it_stands(tmp_path, columns):
    times, parts = COLUMNS[columns]
    if columns == "half hours counted from 1":
        times = pd.date_range("2020-01-01", periods=480, freq="30min")
    frame = pd.DataFrame({**parts, "load": values(len(times))})
    series = from_csv(frame, tmp_path)
    assert abs(series.times - times).max() < pd.Timedelta("1s")
    np.testing.assert_allclose(series.values[:, 0], values(len(times)))


def test_a_column_that_is_dropped_is_no_time(tmp_path):
    frame = table(read=DAYS.strftime("%Y-%m-%d")).assign(date="2019-05-05")
    series = from_csv(frame, tmp_path, DataOptions(target="load", drop=("date",)))
    assert (series.times[0], series.step) == (DAYS[0], "D")
    alone = from_csv(frame[["date", "load"]], tmp_path, DataOptions(target="load", drop=("date",)))
    assert "no time column" in alone.notices[0]


def test_a_minimum_is_no_minute(tmp_path):
    parts = {"Year": DAYS.year, "Month": DAYS.month, "Day": DAYS.day, "Hour": 9}
    series = from_csv(table(**parts, Min=values(400).round() + 40), tmp_path)
    assert series.past == ("load", "Min")


def test_a_column_called_time_that_holds_none_is_an_input(tmp_path):
    minutes = np.random.default_rng(0).integers(20, 90, 400)
    series = from_csv(table(day=DAYS.strftime("%Y-%m-%d"), time=minutes), tmp_path)
    assert (series.step, series.past) == ("D", ("time", "load")[::-1])


@pytest.mark.parametrize("row", [0, 4, 399])
@pytest.mark.parametrize("cell", ["", "Total"])
def test_a_cell_without_a_time_is_named(tmp_path, row, cell):
    times = list(DAYS.strftime("%d/%m/%Y"))
    times[row] = cell
    with pytest.raises(LstmoptError, match=rf"found ('{cell}'|an empty cell) in line {row + 2}"):
        from_csv(table(date=times), tmp_path)


@pytest.mark.parametrize("number", ["inf", "-0", "9" * 17])
def test_a_number_that_is_no_time_is_no_traceback(tmp_path, number):
    times = list(HOURS.as_unit("s").asi8.astype(str))
    times[3] = number
    with pytest.raises(LstmoptError):
        from_csv(table(timestamp=times), tmp_path)


def test_steps_that_a_column_counts_are_the_order_of_rows(tmp_path):
    series = from_csv(table(ds=np.arange(1, 401)), tmp_path)
    assert (series.past, len(series.times)) == (("load",), 400)
    both = pd.concat([table(unique_id=["H1"] * 200, ds=range(200))] * 2)
    both["unique_id"] = ["H1"] * 200 + ["H2"] * 200
    with pytest.raises(LstmoptError, match="--series H1"):
        from_csv(both, tmp_path)
    with pytest.raises(LstmoptError, match="--series H1"):
        from_csv(both.drop(columns="ds"), tmp_path)


def test_a_format_that_is_told_is_used():
    text = [f"{t:%Y.%d.%m}" for t in DAYS]  # years with days before months
    told = DataOptions(target="load", time=("date",), time_format="%Y.%d.%m")
    assert read_series(table(date=text), told).times[20] == DAYS[20]


def test_a_later_table_in_another_format_is_said():
    reading = read_series(table(date=DAYS.strftime("%Y-%m-%d")), LOAD).reading
    later = table(date=DAYS[12:].strftime("%d.%m.%Y"))
    series = read_series(later, reading, ForModel("D", 12, 1))
    assert series.times[0] == DAYS[12]
    assert any("not written as before" in notice for notice in series.notices)


def test_one_option_of_several_columns_names_each_once():
    frame = table(date=DAYS)
    for option in ("time", "features", "known"):
        name = ("load2",) if option != "time" else ("date",)
        with pytest.raises(LstmoptError, match="twice"):
            read_series(frame.assign(load2=1.0), DataOptions(target="load", **{option: name * 2}))


def test_days_of_a_zone_that_skips_a_midnight_are_days():
    told = DataOptions(target="load", timezone="America/Sao_Paulo")
    days = pd.date_range("2017-01-01", periods=400, freq="D")
    series = read_series(table(date=days), told)
    assert (series.step, bool(series.observed.all())) == ("D", True)


def test_months_at_midnights_of_another_zone_are_months():
    months = pd.date_range("2000-01-01", periods=200, freq="MS", tz="Europe/Berlin")
    series = read_series(table(date=months.tz_convert("UTC")), LOAD)
    assert (series.step, len(series.times), bool(series.observed.all())) == ("MS", 200, True)


@pytest.mark.parametrize("when", ["2023-10-29", "2023-11-05"])
def test_a_day_that_stands_twice_by_mistake_tells_no_zone(when):
    days = pd.date_range("2023-09-01", periods=120, freq="D")
    frame = table(time=days)
    again = pd.concat([frame, frame[frame["time"] == when]]).sort_values("time")
    series = read_series(again, LOAD)
    assert series.times.tz is None
    assert "stood twice" in " ".join(series.notices)
