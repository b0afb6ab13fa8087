"""Many series in one table: how they are read, and that no window crosses from one to another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.data.cuts import Dates, LastRows
from lstmopt.data.layout import Layout, Spans
from lstmopt.data.options import DataOptions
from lstmopt.data.panel_rows import fill_panel_gaps
from lstmopt.data.read_series import read_series
from lstmopt.data.series_parts import ForModel
from lstmopt.data.split import split_series
from lstmopt.data.target_scale import TargetOptions
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from support.panels import panel_table

TABLE = panel_table()
LENGTHS = [120, 90, 150, 60]
SERIES = read_series(TABLE, DataOptions())


def values_of(series, name):
    place = series.layout.ids.index(name)
    rows = slice(*series.layout.starts[place : place + 2])
    return series.values[rows, 0], series.times[rows]


def same(found, expected):
    assert found.layout.ids == expected.layout.ids
    np.testing.assert_array_equal(found.layout.starts, expected.layout.starts)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.observed, expected.observed)
    assert list(found.times) == list(expected.times)


def test_unique_id_ds_and_y_are_found_by_themselves():
    assert (SERIES.target, SERIES.step, SERIES.season) == ("y", "D", (7, 365))
    assert SERIES.layout.ids == ("s0", "s1", "s2", "s3")
    assert list(SERIES.layout.lengths) == LENGTHS
    assert "4 series were found by the column unique_id" in SERIES.notices
    for name, rows in TABLE.groupby("unique_id"):
        values, times = values_of(SERIES, name)
        np.testing.assert_array_equal(values, rows["y"])
        assert list(times) == list(rows["ds"])


def test_a_panel_is_the_same_in_every_form(tmp_path):
    renamed = TABLE.rename(columns={"unique_id": "shop", "ds": "day", "y": "sold"})
    options = DataOptions(target="sold", id=("shop",), time=("day",))
    same(read_series(renamed, options), SERIES)
    renamed.to_csv(tmp_path / "long.csv", index=False)
    same(read_series(tmp_path / "long.csv", options), SERIES)
    same(read_series(renamed.set_index(["shop", "day"]), options), SERIES)
    same(
        read_series(TABLE.sample(frac=1, random_state=1).sort_values("unique_id"), DataOptions()),
        SERIES,
    )
    wide = TABLE.pivot(index="ds", columns="unique_id", values="y").reset_index()
    same(read_series(wide, DataOptions(wide=True)), SERIES)
    (tmp_path / "shops").mkdir()
    for name, rows in TABLE.groupby("unique_id"):
        rows.drop(columns="unique_id").to_csv(tmp_path / "shops" / f"{name}.csv", index=False)
    files = DataOptions(target="y", id=("unique_id",))
    same(read_series(str(tmp_path / "shops" / "*.csv"), files), SERIES)
    two = TABLE.assign(town="a", shop=TABLE["unique_id"])
    found = read_series(two, DataOptions(target="y", id=("town", "shop"), drop=("unique_id",)))
    assert found.layout.ids == ("a/s0", "a/s1", "a/s2", "a/s3")


@pytest.mark.parametrize("freq", ["h", "D", "W-SUN", "MS", "ME", "QS", "YS", "B", "15min"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_rows_that_are_missing_are_put_on_the_grid_of_their_step(freq, zone):
    whole = []
    for number, periods in enumerate((60, 45)):
        times = pd.date_range("2001-03-05", periods=periods, freq=freq, tz=zone)[number:]
        whole.append(pd.DataFrame({"unique_id": f"s{number}", "ds": times, "y": range(len(times))}))
    table = pd.concat(whole, ignore_index=True)
    table["y"] = table["y"].astype(float)
    kept = table.drop(index=[10, 11, 30, 80])
    found = read_series(kept, DataOptions())
    assert list(found.layout.lengths) == [60, 44]
    for name, rows in table.groupby("unique_id"):
        _, times = values_of(found, name)
        assert list(times) == list(rows["ds"])
    assert not found.observed[[10, 11, 30, 80]].any()
    assert found.observed.sum() == len(kept)
    np.testing.assert_array_equal(found.values[[10, 11, 30], 0], [9, 9, 29])  # filled forward


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=5),
    st.integers(0, 4),
    st.integers(0, 10_000),
)
def test_gaps_are_filled_within_a_series_alone(lengths, limit, seed):
    rng = np.random.default_rng(seed)
    layout = Layout.of_lengths(tuple(map(str, range(len(lengths)))), np.array(lengths))
    numbers = np.where(rng.random((sum(lengths), 2)) < 0.5, np.nan, rng.random((sum(lengths), 2)))
    filled, _ = fill_panel_gaps(numbers, layout, limit)
    for start, end in zip(layout.starts, layout.starts[1:], strict=False):
        alone = pd.DataFrame(numbers[start:end])
        for column in alone:
            missing = alone[column].isna()
            run = (missing != missing.shift()).cumsum()
            short = missing & (missing.groupby(run).transform("sum") <= limit)
            expected = alone[column].mask(short, alone[column].ffill())
            np.testing.assert_array_equal(filled[start:end, column], expected)


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=5),
    st.integers(1, 6),
    st.integers(1, 4),
    st.floats(0.1, 0.9),
    st.floats(0.1, 0.9),
)
def test_no_window_crosses_from_one_series_to_another(lengths, context, horizon, one, other):
    layout = Layout.of_lengths(tuple(map(str, range(len(lengths)))), np.array(lengths))
    starts = layout.starts[:-1]
    low, high = sorted((one, other))
    first, end = ((starts + np.array(lengths) * share).astype(int) for share in (low, high))
    found = Spans(starts, first, end).origins(context, horizon)
    expected = [
        row
        for start, begin, stop in zip(starts, first, end, strict=True)
        for row in range(start, stop)
        if row - context + 1 >= start and row + 1 >= begin and row + horizon < stop
    ]
    assert list(found) == expected
    assert list(layout.of_rows(found)) == [
        max(n for n, start in enumerate(starts) if start <= row) for row in expected
    ]


def test_a_panel_of_one_is_split_and_scaled_as_the_series_is():
    one = TABLE[TABLE["unique_id"] == "s2"]
    alone = read_series(one.drop(columns="unique_id"), DataOptions(target="y"))
    panel = read_series(one, DataOptions())
    assert panel.panel is not None
    shape = Shape(7, 2)
    for options in ({}, {"folds": 2, "gap": 1}, {"calibration": 0.5}, {"cut": LastRows(30, 20)}):
        first, second = (
            split_series(each, shape, (0.6, 0.2), **options) for each in (alone, panel)
        )
        assert first.ends == second.ends
        parts = [(first.train, second.train), (first.validation, second.validation)]
        parts += [(first.calibration(), second.calibration())]
        parts += [(first.open_test(), second.open_test())]
        for mine, theirs in parts:
            np.testing.assert_array_equal(mine.origins(), theirs.origins())
            rows = len(mine.inputs)
            np.testing.assert_allclose(theirs.inputs[:rows], mine.inputs, atol=1e-6)
            targets = mine.gather_targets(mine.origins())[0]
            np.testing.assert_allclose(theirs.gather_targets(mine.origins())[0], targets, atol=1e-6)


def test_a_test_part_whose_rows_are_counted_may_hold_one_forecast():
    one = TABLE[TABLE["unique_id"] == "s2"].drop(columns="unique_id")
    series = read_series(one, DataOptions(target="y"))
    split = split_series(series, Shape(7, 6), cut=LastRows(20, 6))
    assert list(split.open_test().origins()) == [LENGTHS[2] - 7]
    with pytest.raises(LstmoptError, match="at least 1 windows of 7 inputs and 8 targets"):
        split_series(series, Shape(7, 8), cut=LastRows(20, 6))


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_parts_may_begin_at_a_date_that_is_the_same_in_every_series(zone):
    table = TABLE.assign(ds=TABLE["ds"].dt.tz_localize(zone))
    series = read_series(table, DataOptions())
    split = split_series(series, Shape(7, 2), cut=Dates("2024-02-20", "2024-03-05 00:00"))
    for part, (first, last) in (
        (split.validation, ("2024-02-20", "2024-03-04")),
        (split.open_test(), ("2024-03-05", "2024-06-30")),
    ):
        rows = (part.origins()[:, None] + [1, 2]).ravel()
        times = series.times[rows].tz_localize(None)
        assert times.min() == pd.Timestamp(first)
        assert times.max() <= pd.Timestamp(last)
    assert series.times[split.train.spans.rows()].max().tz_localize(None) < pd.Timestamp(
        "2024-02-20"
    )


@pytest.mark.parametrize(
    ("dates", "rule"),
    [
        (("soon", "2024-03-05"), "a part begins at a time, found 'soon'"),
        (("2024-03-05", "2024-03-05"), "split.validation_from lies before split.test_from"),
        (("2023-03-05", "2024-03-05"), "in the training part"),
    ],
)
def test_dates_that_make_no_parts_are_one_sentence(dates, rule):
    with pytest.raises(LstmoptError, match=rule):
        split_series(SERIES, Shape(7, 2), cut=Dates(*dates))


@pytest.mark.parametrize("by_series", [True, False])
def test_each_series_is_split_by_its_own_rows_and_nothing_behind_a_part_is_seen(by_series):
    shape, options = Shape(7, 2), TargetOptions(by_series=by_series)
    split = split_series(SERIES, shape, (0.6, 0.2), target=options)
    for place, length in enumerate(LENGTHS):
        start = SERIES.layout.starts[place]
        cuts = [int(length * 0.6), int(length * 0.6) + int(length * 0.2), length]
        for part, (first, end) in (
            (split.train, (0, cuts[0])),
            (split.validation, cuts[:2]),
            (split.open_test(), cuts[1:]),
        ):
            of = part.series_of(part.origins())
            mine = part.origins()[of == place] - start
            assert mine.min() >= max(first - 1, 6)
            assert mine.max() + 2 == end - 1
            seen = max(end, cuts[1])  # training rows lie in the memory of validation's
            assert (part.inputs[start + seen : start + length, 0] == 0).all()
        training = SERIES.values[start : start + cuts[0], 0]
        if by_series:
            assert split.scaling.series.mean[place] == pytest.approx(training.mean())
            assert split.scaling.series.std[place] == pytest.approx(training.std())
    test = split.open_test()
    targets, _ = test.gather_targets(test.origins())
    rows = test.origins()[:, None] + [1, 2]
    of = test.series_of(test.origins())
    np.testing.assert_allclose(split.scaling.own(targets, of), SERIES.values[rows, 0], rtol=1e-5)


def second_value(table):
    return pd.concat([table, table.iloc[[5]].assign(y=99.0)], ignore_index=True)


@pytest.mark.parametrize(
    ("change", "told", "left"),
    [
        (second_value, "1 of 4 series have other values at a time that stands again", 3),
        (
            lambda t: pd.concat([t, t.iloc[[5, 6]]]),
            "2 rows stood twice in their series: each was kept once",
            4,
        ),
        (
            lambda t: t[(t["unique_id"] != "s1") | (t.index % 2 == 0)],
            "1 of 4 series have another step than D and were left out: s1",
            3,
        ),
        (
            lambda t: t.assign(ds=t["ds"] + pd.to_timedelta((t.index == 5) * 7, unit="h")),
            "1 of 4 series have another step than D and were left out: s0",
            3,
        ),
        (
            lambda t: t[(t["unique_id"] != "s3") | (t.index < 362)],
            "1 of 4 series have fewer than 3 rows and were left out: s3",
            3,
        ),
        (
            lambda t: t.assign(ds=t["ds"].where(t.index != 119, t["ds"] + pd.Timedelta("9999D"))),
            "1 of 4 series have another step than D and were left out: s0",
            3,
        ),
    ],
)
def test_a_series_that_cannot_be_mended_is_left_out_and_counted(change, told, left):
    found = read_series(change(TABLE), DataOptions())
    assert any(notice.startswith(told) for notice in found.notices), found.notices
    assert found.layout.count == left


@pytest.mark.parametrize(
    ("table", "options", "rule"),
    [
        (
            TABLE,
            DataOptions(target="y", id=("shop",)),
            "id names the columns that tell series apart",
        ),
        (TABLE.assign(y=1.0), DataOptions(), "a target varies"),
        (
            TABLE.groupby("unique_id").head(2),
            DataOptions(),
            "a panel holds a series of at least 3 rows",
        ),
        (TABLE, DataOptions(target="y", id=("unique_id",), resample="2D"), "resample"),
        (
            TABLE[["ds", "unique_id"]],
            DataOptions(wide=True),
            "a wide table has a column of numbers for each series",
        ),
        (TABLE, DataOptions(target="y", drop=("ds",)), "forecast all with --id unique_id"),
    ],
)
def test_what_is_no_panel_is_one_sentence(table, options, rule):
    with pytest.raises(LstmoptError, match=rule):
        read_series(table, options)


def test_files_of_one_name_and_no_files_are_one_sentence(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        TABLE.drop(columns="unique_id").to_csv(tmp_path / folder / "x.csv", index=False)
    with pytest.raises(LstmoptError, match="found 'x' twice"):
        read_series(str(tmp_path / "*" / "x.csv"), DataOptions(target="y", id=("unique_id",)))
    with pytest.raises(LstmoptError, match="found none of"):
        read_series(str(tmp_path / "*.parquet"), DataOptions(target="y"))


def test_a_model_is_given_rows_to_come_of_every_series():
    known = TABLE.assign(price=np.arange(len(TABLE)) % 5)
    later = pd.concat([known, known.groupby("unique_id").tail(1).assign(y=np.nan)])
    later.iloc[-4:, 1] += pd.Timedelta(days=1)
    options = DataOptions(
        target="y", id=("unique_id",), time=("ds",), known=("price",), features=()
    )
    model = ForModel("D", 7, 2)
    found = read_series(later, options, model)
    assert list(found.layout.lengths) == [length + 2 for length in LENGTHS]
    ahead = found.known_values[found.layout.starts[1:] - 2, 0]
    np.testing.assert_array_equal(ahead, known.groupby("unique_id")["price"].last())
    assert np.isnan(found.known_values[found.layout.starts[1:] - 1, 0]).all()
    future = later.iloc[-4:][["unique_id", "ds", "price"]]
    again = read_series(known, options, ForModel("D", 7, 2, future))
    np.testing.assert_array_equal(again.known_values, found.known_values)
    given_ = read_series(known, options, ForModel("D", 7, 2, {"price": 3}))
    np.testing.assert_array_equal(given_.known_values[given_.layout.starts[1:] - 1, 0], 3)


def test_ids_are_the_texts_that_a_file_holds(tmp_path):
    names = {"s0": "01", "s1": "1", "s2": "NA", "s3": " x"}
    table = TABLE.assign(unique_id=TABLE["unique_id"].map(names))
    table.to_csv(tmp_path / "long.csv", index=False)
    found = read_series(tmp_path / "long.csv", DataOptions())
    assert found.layout.ids == ("01", "1", "NA", "x")
    np.testing.assert_array_equal(found.values, SERIES.values)
    wide = TABLE.pivot(index="ds", columns="unique_id", values="y").reset_index()
    wide.columns = ["ds", "1", "2", "10", "3"]
    wide.to_csv(tmp_path / "wide.csv", index=False)
    read = read_series(tmp_path / "wide.csv", DataOptions(wide=True))
    assert read.layout.ids == ("1", "2", "10", "3")
    assert "4 series were found, a column each" in read.notices


def test_names_that_differ_by_blanks_or_kind_alone_are_one_series():
    early, late = TABLE[TABLE.index < 60], TABLE[(TABLE.index >= 60) & (TABLE.index < 120)]
    for one, other in (("DE", "DE "), (1, "1")):
        mixed = pd.concat([early.assign(unique_id=one), late.assign(unique_id=other)])
        found = read_series(mixed, DataOptions())
        assert found.layout.ids == (str(one).strip(),)
        np.testing.assert_array_equal(found.values[:, 0], TABLE["y"][:120])


@pytest.mark.parametrize("nothing", ["", "  ", None])
def test_rows_that_name_no_series_are_left_out_and_counted(tmp_path, nothing):
    extra = TABLE[:70].assign(unique_id=nothing, y=1e6)
    table = pd.concat([TABLE, extra, TABLE.iloc[[5]].assign(y=99.0)], ignore_index=True)
    found = read_series(table, DataOptions())
    assert "70 rows name no series in unique_id: left out" in found.notices
    assert found.layout.ids == ("s1", "s2", "s3")  # s0 has two values at one time
    assert found.values.max() < 1e5
    table.to_csv(tmp_path / "long.csv", index=False)
    same(read_series(tmp_path / "long.csv", DataOptions()), found)


def test_a_long_panel_of_business_days_with_gaps_is_read():
    days = pd.date_range("2015-01-01", periods=900, freq="B")
    table = pd.DataFrame({"unique_id": "a", "ds": days, "y": np.arange(900.0)}).drop(index=400)
    found = read_series(table, DataOptions())
    assert list(found.times) == list(days)


def test_a_constant_series_is_scaled_as_its_level_would_have_it():
    flat = TABLE.assign(y=TABLE["y"].where(TABLE["unique_id"] != "s1", 0.001))
    zero = TABLE.assign(y=TABLE["y"].where(TABLE["unique_id"] != "s1", 0.0))
    stds = {}
    for name, table in (("flat", flat), ("zero", zero)):
        split = split_series(read_series(table, DataOptions()), Shape(7, 2))
        stds[name] = split.scaling.series.std
    assert stds["flat"][1] < 0.001
    others = np.delete(stds["zero"], 1)
    assert stds["zero"][1] == pytest.approx(np.median(others))


def test_a_series_with_several_levels_of_index_is_a_table():
    found = read_series(TABLE.set_index(["unique_id", "ds"])["y"], DataOptions())
    same(found, SERIES)


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (TABLE[:0], "found none"),
        (TABLE.assign(y=np.nan), "a target has values, found none in 'y'"),
    ],
)
def test_a_panel_of_nothing_is_one_sentence(table, rule):
    with pytest.raises(LstmoptError, match=rule):
        read_series(table, DataOptions())
