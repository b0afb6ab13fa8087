"""Numbers are read however they are written, and what stands for none is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.data.cells import find_sentinels, read_numbers
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.series_parts import ForModel
from lstmopt.errors import LstmoptError
from support.parts import wave

LOAD = DataOptions(target="load")

WRITINGS = {
    "1,062.5": lambda v: f"{v:,.2f}",
    "1.062,5": lambda v: f"{v:,.2f}".translate(str.maketrans(",.", ".,")),
    "1 062,5": lambda v: f"{v:,.2f}".replace(",", "\u00a0").replace(".", ","),
    "1'062.5": lambda v: f"{v:,.2f}".replace(",", "'"),
    "1062,5": lambda v: f"{v:.2f}".replace(".", ","),
    "$1,062.50": lambda v: f"${v:,.2f}".replace("$-", "-$") if v >= 0 else f"{v:,.2f}",
    "1062.5 %": lambda v: f"{v:.2f} %",
    "\u22121062.5": lambda v: f"{v:.2f}".replace("-", "\u2212"),
}
VALUES = st.lists(st.floats(-1e6, 1e6).map(lambda v: round(v, 2)), min_size=3, max_size=60)


@settings(max_examples=60)
@given(st.sampled_from(sorted(WRITINGS)), VALUES)
def test_a_number_is_read_however_it_is_written(writing, values):
    values = [*values, 1062.25, 998.75]  # a column that says what its marks are
    cells = pd.Series([WRITINGS[writing](v) for v in values], name="load")
    numbers, _ = read_numbers(cells, "", (), [])
    np.testing.assert_allclose(numbers.astype(float), values)


@pytest.mark.parametrize(
    ("cells", "decimal", "expected"),
    [
        (["1.062", "35,4"], "", [1062, 35.4]),
        (["1.062", "998"], ",", [1062, 998]),
        (["1.062", "998"], "", [1062, 998]),
        (["1.062", "0.998"], "", [1.062, 0.998]),
        (["1.062", "2.317"], "", [1.062, 2.317]),
        (["1.062.317", "5"], "", [1062317, 5]),
        (["1,062", "998"], ".", [1062, 998]),
        (["1,062", "998"], ",", [1.062, 998]),
        (["1e3", "2,5"], "", [1000, 2.5]),
        (["True", "False"], "", [1, 0]),
        (["5", "?"], "", [5, np.nan]),
    ],
)
def test_a_mark_is_thousands_where_it_can_be_nothing_else(cells, decimal, expected):
    numbers, _ = read_numbers(pd.Series(cells, name="load"), decimal, (), [])
    np.testing.assert_allclose(numbers.astype(float), expected)


@pytest.mark.parametrize("cells", [["1.062", "998"], ["1.062", "2.317"], ["1,062", "998"]])
def test_a_mark_that_could_be_either_is_said(cells):
    notices: list[str] = []
    read_numbers(pd.Series(cells, name="load"), "", (), notices)
    assert "two ways" in " ".join(notices)


def test_a_decimal_comma_that_begins_late_is_one(tmp_path):
    rows = [f"{day:%Y-%m-%d};{n}" for n, day in enumerate(pd.date_range("2020", periods=300))]
    (tmp_path / "a.csv").write_text("\n".join(["date;load", *rows, "2020-10-27;7,5\n"]))
    assert read_series(tmp_path / "a.csv", LOAD).values[-1, 0] == 7.5


@pytest.mark.parametrize(
    ("values", "sentinels"),
    [
        ([100, 110, 120, -9999], (-9999,)),
        ([1.5, 2, 3, -999.9, 9999.0], (-999.9, 9999)),
        ([500, 1200, 3000, -200, -200], (-200,)),
        ([0.1, 0.2, 0.3, 1e20], (1e20,)),
        ([*range(20, 40), 99, 99], (99,)),
        ([*range(20, 40), 99], ()),
        ([20, 30, 40, 99, 99], ()),
        ([0, 50, 98, 99, 99], ()),
        ([-300, -250, -200, -200, 100], ()),
        ([900, 999, 1100, 1300], ()),
        ([5, 6, 7, 1234], ()),
    ],
)
def test_sentinels_are_found_where_they_can_be_no_value(values, sentinels):
    assert sorted(find_sentinels(pd.Series(values, dtype=float))) == sorted(sentinels)


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.sampled_from([(50, 25), (5000, 3000), (0, 400), (99, 1)]))
def test_no_usual_value_is_a_sentinel(seed, moments):
    values = np.random.default_rng(seed).normal(*moments, 200).round(moments[1] < 9)
    assert find_sentinels(pd.Series(values)) == ()


def test_a_sentinel_is_said_and_remembered():
    table = wave()
    table.loc[[3, 50], "load"] = -9999
    series = read_series(table, LOAD)
    assert np.flatnonzero(~series.observed).tolist() == [3, 50]
    assert any("2 cells hold -9999" in notice for notice in series.notices)
    later = read_series(table, series.reading, ForModel("h", 12, 1))
    assert not later.observed[[3, 50]].any()


def test_what_is_told_to_be_missing_is_all_that_is():
    table = wave()
    table.loc[[3, 50], "load"] = -9999
    table.loc[7, "load"] = 5
    series = read_series(table, DataOptions(target="load", missing=(5,)))
    assert np.flatnonzero(~series.observed).tolist() == [7]
    assert read_series(table, DataOptions(target="load", missing=())).observed.all()
    by_column = DataOptions(target="load", missing={"load": (-9999,)})
    assert np.flatnonzero(~read_series(table, by_column).observed).tolist() == [3, 50]


def test_a_word_that_is_told_to_be_missing_is():
    table = wave()
    table["load"] = table["load"].astype(object)
    table.loc[[3], "load"] = "n.v."
    with pytest.raises(LstmoptError, match=r"'n\.v\.' .*--missing"):
        read_series(table, LOAD)
    series = read_series(table, DataOptions(target="load", missing=("n.v.",)))
    assert np.flatnonzero(~series.observed).tolist() == [3]


def test_categories_become_inputs_and_stay_the_same_ones():
    table = wave().assign(sky=np.resize(["grey", "blue", "black"], 400), open="yes")
    table.loc[::7, "open"] = "no"
    series = read_series(table, LOAD)
    assert series.past == ("load", "wind", "sky=black", "sky=blue", "sky=grey", "open=yes")
    assert series.values[:3, 2:5].argmax(1).tolist() == [2, 1, 0]
    table.loc[399, "sky"] = "green"
    later = read_series(table[-40:], series.reading, ForModel("h", 12, 1))
    assert later.past == series.past
    assert later.values[-1, 2:5].tolist() == [0, 0, 0]
    assert any("'green'" in notice for notice in later.notices)


def test_text_of_many_words_is_left_out(table):
    series = read_series(table.assign(sky=[f"a{n}" for n in range(400)]), LOAD)
    assert series.past == ("load", "wind")


def test_columns_that_give_the_target_away_are_named(table):
    split = table["load"] * 0.3 + np.cos(np.arange(400))
    series = read_series(table.assign(a=split, b=table["load"] - split), LOAD)
    assert any("follows row by row from a, b" in notice for notice in series.notices)
    assert not any("row by row" in notice for notice in read_series(table, LOAD).notices)


def test_a_value_far_from_all_others_is_said(table):
    table.loc[77, "load"] = 1e6
    assert any("1 values lie far" in notice for notice in read_series(table, LOAD).notices)


def test_a_word_in_a_column_that_nobody_named_is_missing_and_said(table):
    cells = table["wind"].astype(object)
    cells[[3, 4]] = "calm", "ice"
    series = read_series(table.assign(wind=cells), LOAD)
    assert series.values[3, 1] == series.values[2, 1]
    assert "wind: 2 cells are no numbers, the first 'calm': taken as missing" in series.notices
