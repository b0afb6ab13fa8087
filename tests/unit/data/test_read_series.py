from __future__ import annotations

import gzip
import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.data.calendar import calendar_features
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.split import split_series
from lstmopt.data.steps import put_on_steps
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from support.parts import wave

HOURS = pd.date_range("2024-01-30 20:00", periods=30, freq="h")
SATURDAYS = pd.date_range("1958-03-29", periods=30, freq="W-SAT")
LOAD = DataOptions(target="load")


def text_of(frame: pd.DataFrame, **options) -> str:
    return frame.to_csv(index=False, **options)


def read_text(tmp_path, text: str | bytes, options: DataOptions = LOAD, name: str = "a.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_series(path, options)


def test_a_plain_csv_becomes_a_regular_series(tmp_path, table):
    series = read_text(tmp_path, text_of(table))
    assert series.past == ("load", "wind")
    assert series.values.shape == (400, 2)
    assert series.observed.all()
    assert (series.step, series.season) == ("h", (24, 168))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.rstrip("\n"),
        lambda text: "Station 7\nunits: kW\n" + text,
        lambda text: gzip.compress(text.encode()),
    ],
    ids=["bom", "crlf", "semicolon", "tab", "no-last-newline", "preamble", "gzip"],
)
def test_the_dress_of_a_csv_does_not_change_its_series(tmp_path, table, change):
    plain = read_text(tmp_path, text_of(table))
    dressed = read_text(tmp_path, change(text_of(table)), name="b.csv")
    assert dressed.fingerprint == plain.fingerprint


def test_parquet_and_csv_give_one_series(tmp_path, table):
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    parquet = read_text(tmp_path, buffer.getvalue(), name="a.parquet")
    assert parquet.fingerprint == read_series(table, LOAD).fingerprint


def test_rows_in_descending_order_are_reversed_with_a_notice(table):
    backwards = read_series(table[::-1], LOAD)
    assert backwards.fingerprint == read_series(table, LOAD).fingerprint
    assert "reversed" in " ".join(backwards.notices)


@pytest.mark.parametrize(
    ("times", "columns", "step"),
    [
        (SATURDAYS.strftime("%Y%m%d").astype(int), (), "W-SAT"),
        (pd.date_range("1949-01-01", periods=30, freq="MS").strftime("%Y-%m"), (), "MS"),
        (pd.date_range("2018-01-01", periods=30, freq="D").strftime("%d/%m/%Y"), (), "D"),
        (pd.date_range("2018-01-01", periods=30, freq="D").strftime("%m/%d/%Y"), (), "D"),
        (pd.date_range("2018-01-01", periods=30, freq="15min", tz="CET").astype(str), (), "15min"),
        (np.arange(1700, 1730), ("date",), "YS-JAN"),
        (HOURS.strftime("%m/%d/%Y %I:%M:%S %p"), (), "h"),
        (HOURS.strftime("%d-%b-%Y %H:%M"), (), "h"),
        (HOURS.as_unit("s").asi8, (), "h"),
        (HOURS.as_unit("ms").asi8, (), "h"),
        (pd.date_range("2001-03-01", periods=30, freq="MS").strftime("%b %Y"), (), "MS"),
        (pd.date_range("2001-03-01", periods=30, freq="MS").strftime("%B %Y"), (), "MS"),
        (pd.date_range("2018-01-01", periods=30, freq="D").strftime("%B %d, %Y"), (), "D"),
        (pd.period_range("1994Q3", periods=30, freq="Q").astype(str), (), "QS-JAN"),
        ([f"Q{n % 4 + 1} {2000 + n // 4}" for n in range(30)], (), "QS-JAN"),
        (pd.date_range("2018-12-03", periods=30, freq="7D").strftime("%G-W%V"), (), "W-MON"),
    ],
    ids=[
        *("yyyymmdd", "month", "day-first", "month-first", "zone", "year"),
        *("12-hour clock", "month abbreviated", "epoch seconds", "epoch milliseconds"),
        *("month names", "whole month names", "month name first", "quarters", "Q1 2000", "weeks"),
    ],
)
def test_a_time_is_read_as_it_is_written(times, columns, step):
    frame = pd.DataFrame({"date": times, "load": np.arange(30.0)})
    assert read_series(frame, DataOptions(target="load", time=columns)).step == step


def test_a_date_and_an_hour_are_one_time():
    times = pd.date_range("2011-01-01", periods=72, freq="h")
    frame = pd.DataFrame(
        {"dteday": times.strftime("%Y-%m-%d"), "hr": times.hour, "load": np.arange(72.0)}
    )
    series = read_series(frame, LOAD)
    assert series.past == ("load",)
    assert series.times.equals(times.as_unit(series.times.unit))


@pytest.mark.parametrize(
    ("parts", "step"),
    [(("year", "month", "day"), "D"), (("year", "month", "day", "hour"), "h"),
     (("year", "month", "day", "hour", "minute"), "10min")],
)  # fmt: skip
def test_a_time_in_columns_of_its_parts_is_one_time(parts, step):
    times = pd.date_range("2019-12-30", periods=300, freq=step)
    columns = {part.title(): getattr(times, part) for part in parts}
    series = read_series(pd.DataFrame(columns | {"load": np.arange(300.0) % 7}), LOAD)
    assert (series.past, series.step) == (("load",), step)
    assert series.times.equals(times.as_unit(series.times.unit))


@pytest.mark.parametrize("first", [1500, 2240])
def test_years_beyond_pandas_nanoseconds_are_read(first):
    years = np.arange(first, first + 60)
    series = read_series(pd.DataFrame({"year": years, "load": years % 7}), LOAD)
    assert series.times.year.tolist() == years.tolist()
    moved = read_series(pd.DataFrame({"year": years + 1, "load": years % 7}), LOAD)
    assert moved.fingerprint != series.fingerprint


def test_a_day_that_no_calendar_has_is_named():
    frame = pd.DataFrame({"year": 2021, "month": 2, "day": range(20, 50), "load": range(30)})
    with pytest.raises(LstmoptError, match=r"'day' lies within 1 and 31, found 32"):
        read_series(frame, LOAD)
    with pytest.raises(LstmoptError, match="found 2021-2-29 in row 10"):
        read_series(frame[:12], LOAD)


def test_a_year_and_a_quarter_are_one_time():
    frame = pd.DataFrame(
        {"year": np.repeat(range(1990, 1998), 4), "quarter": [1, 2, 3, 4] * 8, "load": range(32)}
    )
    series = read_series(frame, LOAD)
    assert (series.step, series.season) == ("QS-JAN", (4,))


def test_missing_rows_are_put_on_the_grid_and_never_scored(table):
    series = read_series(table.drop(index=[100, 101, 200]), LOAD)
    assert len(series.times) == 400
    assert np.flatnonzero(~series.observed).tolist() == [100, 101, 200]
    assert series.values[101, 0] == table["load"][99]
    assert any("3 rows were missing, the first 2024-01-05 04:00" in n for n in series.notices)


def test_a_gap_beyond_the_limit_is_left_whole():
    frame = wave().assign(load=lambda t: t["load"].where(~t.index.isin(range(50, 60))))
    series = read_series(frame, DataOptions(target="load", max_gap=9))
    assert np.isnan(series.values[50:60, 0]).all()
    assert np.isfinite(read_series(frame, DataOptions(target="load", max_gap=10)).values).all()


@settings(max_examples=40)
@given(st.sets(st.integers(1, 90), max_size=40), st.integers(1, 99), st.integers(0, 2**31))
def test_filling_a_gap_never_looks_ahead(missing, row, seed):
    frame = wave(100)
    frame.loc[sorted(missing), "load"] = np.nan
    changed = frame.copy()
    values = np.random.default_rng(seed).standard_normal(100 - row)
    later = changed["load"][row:].notna()
    changed.loc[later[later].index, "load"] = values[later.to_numpy()]
    before, after = (read_series(f, LOAD).values[:row, 0] for f in (frame, changed))
    np.testing.assert_array_equal(before, after)


def test_midnight_rows_at_the_end_of_their_day_are_that_days_24_00():
    times = pd.date_range("2018-01-01 01:00", periods=96, freq="h")
    dates = (times - pd.Timedelta(hours=1)).strftime("%d/%m/%Y")
    text = dates + " " + times.strftime("%H:%M")
    frame = pd.DataFrame({"date": text, "load": np.arange(96.0)})
    with pytest.raises(LstmoptError, match="midnight_ends_day"):
        read_series(frame, LOAD)
    series = read_series(frame, DataOptions(target="load", order="midnight_ends_day"))
    assert series.times.equals(times.as_unit(series.times.unit))
    assert series.observed.all()


@pytest.mark.parametrize("order", ["keep", "sort"])
def test_unsorted_rows_are_sorted_with_a_notice(table, order):
    shuffled = table.sample(frac=1, random_state=0)
    series = read_series(shuffled, DataOptions(target="load", order=order))
    assert series.fingerprint == read_series(table, LOAD).fingerprint
    assert any(notice.endswith(": sorted") for notice in series.notices)


def test_a_constant_column_is_left_out_with_a_notice(table):
    series = read_series(table.assign(flat=1.0), LOAD)
    assert series.past == ("load", "wind")
    assert "constant columns were left out: flat" in series.notices


def test_rows_that_stand_twice_are_kept_once(table):
    series = read_series(pd.concat([table, table.iloc[[-1]]]), LOAD)
    assert series.fingerprint == read_series(table, LOAD).fingerprint
    assert "1 rows stood twice" in " ".join(series.notices)


def test_a_frame_without_times_is_taken_in_order():
    series = read_series(wave().drop(columns="time"), LOAD)
    assert series.calendar == ()
    assert "taken in order" in series.notices[0]


def test_calendar_features_repeat_with_their_cycle():
    times = pd.date_range("2024-01-01", periods=24 * 14, freq="h")
    names, values = calendar_features(times, "h")
    day = values[:, [names.index("day_sin"), names.index("day_cos")]]
    week = values[:, [names.index("week_sin"), names.index("week_cos")]]
    np.testing.assert_allclose(day[:-24], day[24:], atol=1e-9)
    np.testing.assert_allclose(week[:-168], week[168:], atol=1e-9)
    assert calendar_features(times[:9], "YS-JAN")[0] == ()


@pytest.mark.parametrize("step", ["15min", "h", "D", "W-SUN", "MS", "QS-JAN", "YS-JAN"])
def test_the_step_of_a_grid_is_found(step):
    assert put_on_steps(pd.date_range("2000-01-01", periods=40, freq=step))[1] == step


def broken(change) -> str:
    frame = wave(60)
    change(frame)
    return text_of(frame)


def spoil(row: int, column: str, value: object):
    def change(frame: pd.DataFrame) -> None:
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value

    return change


def repeat(frame: pd.DataFrame) -> None:
    frame.loc[10, "time"] = frame.loc[5, "time"]


BROKEN = {
    "empty": ("", LOAD, "a header and rows, found 0 lines"),
    "header only": ("time,load\n", LOAD, "a header and rows, found 1 lines"),
    "binary": (b"\x00\x01\xff\xfe" * 50, LOAD, "save it again as CSV"),
    "cut gzip": (gzip.compress(text_of(wave()).encode())[:-20], LOAD, "save it again as CSV"),
    "ragged": (
        "time,load\n2024-01-01,1\n2024-01-02,2,3,4\n" * 9,
        LOAD,
        "as many fields as the header",
    ),
    "short line": (text_of(wave())[:-22], LOAD, "found 2 in line 401"),
    "headerless": (text_of(wave(), header=False), LOAD, "names its columns in a header"),
    "a year mistyped": (broken(spoil(59, "time", "2199-01-01 00:00:00")), LOAD, "one row in 20"),
    "no target": (text_of(wave()), DataOptions(), "give --target with one of load, wind"),
    "target misspelt": (text_of(wave()), DataOptions(target="laod"), "did you mean 'load'"),
    "target twice": (
        text_of(wave()),
        DataOptions(target="load", features=("load",)),
        "in features too",
    ),
    "column twice": ("time,load,load\n2024-01-01,1,2\n2024-01-02,1,2\n", LOAD, "rename one"),
    "no time": (broken(lambda f: f.__setitem__("time", "noon")), LOAD, "'noon'"),
    "bad time": (broken(spoil(7, "time", "yesterday")), LOAD, "'yesterday' in line 9"),
    "time as input": (text_of(wave()), DataOptions(target="load", features=("time",)), "numbers"),
    "text cell": (broken(spoil(7, "load", "calm")), LOAD, "'calm' in line 9"),
    "text cell of a feature": (
        broken(spoil(7, "wind", "calm")),
        DataOptions(target="load", features=("wind",)),
        "'calm' in line 9",
    ),
    "infinity": (broken(spoil(7, "wind", "inf")), LOAD, "finite numbers"),
    "unsorted, and a time twice": (broken(repeat), LOAD, 'order = "sort"'),
    "other values at one time": (
        broken(lambda f: f.__setitem__("time", f["time"].where(f.index != 9, f["time"][8]))),
        LOAD,
        "a time stands once",
    ),
    "off the grid": (
        broken(spoil(9, "time", "2024-01-01 09:27:00")),
        LOAD,
        'bring them to one step with resample = "h"',
    ),
    "constant target": (broken(lambda f: f.__setitem__("load", 5.0)), LOAD, "always 5"),
    "too short": (text_of(wave(12)), LOAD, "too short"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_table_is_one_sentence(tmp_path, kind):
    content, options, words = BROKEN[kind]
    name = "a.csv.gz" if kind == "cut gzip" else "a.csv"
    with pytest.raises(LstmoptError) as error:
        read_text(tmp_path, content, options, name)
    message = str(error.value)
    assert words in message
    assert "found" in message
    assert "\n" not in message


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(LstmoptError, match="mend the path"):
        read_series(tmp_path / "none.csv", LOAD)


def test_text_columns_are_left_out_with_a_notice(table):
    series = read_series(table.assign(sky="grey"), LOAD)
    assert series.past == ("load", "wind")
    assert any("text" in notice and "left out: sky" in notice for notice in series.notices)
    with pytest.raises(LstmoptError, match="'grey'"):
        read_series(table.assign(sky="grey"), DataOptions(target="load", features=("sky",)))


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_only_counts_rows_is_no_input(table, first):
    series = read_series(table.assign(No=range(first, first + len(table))), LOAD)
    assert series.past == ("load", "wind")
    assert "columns that only number the rows were left out: No" in series.notices


@pytest.mark.parametrize("mark", ["?", ".", "-", " ", "n/a", "NA", "--"])
def test_marks_of_missing_values_are_missing_and_counted(tmp_path, table, mark):
    cells = table["load"].map("{:.6f}".format).mask(table.index.isin([7, 8, 30]), mark)
    table.assign(load=cells).to_csv(tmp_path / "a.csv", index=False)
    series = read_series(tmp_path / "a.csv", LOAD)
    assert np.flatnonzero(~series.observed).tolist() == [7, 8, 30]
    assert any(("3 " in notice and "load" in notice) or "target: 3" in notice
               for notice in series.notices)  # fmt: skip


def test_a_bar_of_text_among_numbers_is_still_an_error(table):
    cells = table["load"].astype(object)
    cells[[3, 4]] = "?", "high"
    with pytest.raises(LstmoptError, match="'high'"):
        read_series(table.assign(load=cells), LOAD)


def test_numbers_without_any_time_are_rows_in_order(tmp_path, table):
    table[["load", "wind"]].to_csv(tmp_path / "a.csv", index=False)
    series = read_series(tmp_path / "a.csv", LOAD)
    assert len(series.times) == len(table)
    assert any("no time column" in notice for notice in series.notices)


@settings(max_examples=25)
@given(st.integers(20, 120), st.sampled_from(["h", "D", "W-SAT", "MS", "ME", "QS-FEB"]))
def test_reversing_a_table_changes_nothing_but_the_notice(rows, step):
    frame = wave(rows).assign(time=pd.date_range("2020-01-01", periods=rows, freq=step))
    forwards, backwards = read_series(frame, LOAD), read_series(frame[::-1], LOAD)
    assert backwards.fingerprint == forwards.fingerprint
    assert backwards.step == forwards.step
    assert [n for n in backwards.notices if "reversed" not in n] == list(forwards.notices)


@settings(max_examples=25)
@given(st.sets(st.integers(1, 98), max_size=40))
def test_observed_values_keep_their_times_on_the_grid(missing):
    frame = wave(100)
    series = read_series(frame.drop(index=sorted(missing)), LOAD)
    assert np.flatnonzero(~series.observed).tolist() == sorted(missing)
    np.testing.assert_array_equal(series.values[series.observed, 0], frame["load"][series.observed])


def test_a_decimal_comma_is_read_where_semicolons_separate(tmp_path, table):
    text = text_of(table, sep=";", decimal=",")
    assert read_text(tmp_path, text).fingerprint == read_text(tmp_path, text_of(table)).fingerprint


def test_lines_without_a_value_are_left_out_with_their_place(tmp_path, table):
    series = read_text(tmp_path, text_of(table) + ",,\n,,\n")
    assert "2 lines without a value, the first 402: left out" in series.notices


@pytest.mark.parametrize("start", ["2000-01-01", "2000-04-01", "2000-10-01"])
def test_quarters_have_one_step_wherever_they_start(start):
    assert put_on_steps(pd.date_range(start, periods=40, freq="3MS"))[1] == "QS-JAN"


@pytest.mark.parametrize("step", ["ME", "YE-DEC"])
def test_the_last_days_of_months_are_a_grid(step):
    assert put_on_steps(pd.date_range("2000-01-31", periods=40, freq=step))[1] == step


def test_months_written_day_first_are_months_not_days():
    times = pd.date_range("2015-01-01", periods=60, freq="MS").strftime("%d/%m/%Y")
    series = read_series(pd.DataFrame({"date": times, "load": np.arange(60.0)}), LOAD)
    assert series.step == "MS"
    assert "either order" in " ".join(series.notices)


def test_an_index_of_times_goes_before_a_column_called_year(table):
    frame = table.set_index("time").assign(year=2024.0)
    assert read_series(frame, LOAD).step == "h"


def test_an_index_without_a_time_in_a_row_is_one_sentence(table):
    index = pd.DatetimeIndex([pd.NaT, *table["time"][1:]])
    with pytest.raises(LstmoptError, match="found none in row 1"):
        read_series(table.drop(columns="time").set_index(index), LOAD)


def test_a_frame_with_one_name_twice_is_one_sentence(table):
    frame = table.set_axis(["time", "load", "load"], axis=1)
    with pytest.raises(LstmoptError, match="rename one"):
        read_series(frame, LOAD)


def test_times_keep_their_zone(table):
    frame = table.assign(time=table["time"].dt.tz_localize("Etc/GMT-1"))
    series = read_series(frame, LOAD)
    assert series.times[0] == pd.Timestamp("2023-12-31 23:00", tz="UTC")
    assert str(series.times.tz) == series.reading.timezone == "Etc/GMT-1"


def as_arrow(table: pd.DataFrame) -> pd.DataFrame:
    return table.convert_dtypes(dtype_backend="pyarrow").assign(
        time=table["time"].astype("timestamp[us][pyarrow]")
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(time=t["time"].dt.to_period("h")),
        lambda t: t.set_index(t.pop("time").dt.to_period("h")),
        lambda t: t.assign(load=t["load"].map(lambda v: Decimal(repr(v)))),
        lambda t: t.assign(load=t["load"].astype(object), wind=t["wind"].astype("Float64")),
        as_arrow,
        lambda t: t.assign(time=t["time"].map(pd.Timestamp.to_pydatetime).astype(object)),
        lambda t: t.set_index(
            pd.Index(t.pop("time").map(pd.Timestamp.to_pydatetime), dtype=object)
        ),
        lambda t: t.set_index(t.pop("time").astype("str")),
        lambda t: t.set_axis(pd.MultiIndex.from_product([list(t.columns), [""]]), axis=1),
    ],
    ids=[
        *("periods", "index of periods", "decimals", "objects", "pyarrow", "datetimes"),
        *("index of datetimes", "index of text", "columns of two levels"),
    ],
)
def test_a_frame_of_any_types_is_the_same_series(table, change):
    series, expected = read_series(change(table.copy()), LOAD), read_series(table, LOAD)
    assert series.past == expected.past
    assert series.times.equals(expected.times.as_unit(series.times.unit))
    np.testing.assert_allclose(series.values, expected.values)


def test_a_series_that_leaves_the_range_of_its_training_is_said(table):
    drifting = read_series(table.assign(load=table["load"] + np.arange(400)), LOAD)
    assert "drifts" in " ".join(split_series(drifting, Shape(12, 1)).notices())
    assert split_series(read_series(table, LOAD), Shape(12, 1)).notices() == []
