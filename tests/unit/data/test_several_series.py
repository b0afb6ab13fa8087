"""Several series in one table are never joined: one is chosen by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.errors import LstmoptError
from support.parts import wave

LOAD = DataOptions(target="load")


def stores(**names: list[object]) -> pd.DataFrame:
    """Return a series for each row of names, one above the other."""
    rows = len(next(iter(names.values())))
    each = [
        wave().assign(load=lambda t, n=n: t["load"] + 10 * n, **{k: v[n] for k, v in names.items()})
        for n in range(rows)
    ]
    return pd.concat(each, ignore_index=True)


@pytest.mark.parametrize("order", [["time", "store"], ["store", "time"]])
@pytest.mark.parametrize("names", [["North", "South"], [1, 2], ["1", "2"]])
def test_two_series_are_refused_with_the_column_and_the_option(order, names):
    table = stores(store=names).sort_values(order)
    with pytest.raises(LstmoptError, match=rf"'store' \({names[0]}, .*--series {names[0]}"):
        read_series(table, LOAD)


@pytest.mark.parametrize("which", ["South", "store=South"])
def test_the_series_that_is_named_is_read(which):
    table = stores(store=["North", "South"]).sort_values("time")
    series = read_series(table, DataOptions(target="load", series=(which,)))
    assert series.past == ("load", "wind")
    np.testing.assert_allclose(series.values[:, 0], wave()["load"] + 10)


def test_two_columns_may_tell_series_apart():
    table = stores(store=["N", "N", "S", "S"], item=[1, 2, 1, 2]).sort_values("time")
    with pytest.raises(LstmoptError, match="--series store=N --series item=1"):
        read_series(table, LOAD)
    chosen = DataOptions(target="load", series=("store=S", "item=1"))
    np.testing.assert_allclose(read_series(table, chosen).values[:, 0], wave()["load"] + 20)
    with pytest.raises(LstmoptError, match="'item'"):
        read_series(table, DataOptions(target="load", series=("store=S",)))


def test_an_index_of_several_levels_holds_several_series():
    table = stores(store=["N", "S"]).set_index(["store", "time"])
    with pytest.raises(LstmoptError, match="'store'"):
        read_series(table, LOAD)
    assert len(read_series(table, DataOptions(target="load", series=("N",))).times) == 400


def test_series_of_other_lengths_are_refused_too():
    table = pd.concat([wave(400).assign(store="N"), wave(90)[40:].assign(store="S")])
    with pytest.raises(LstmoptError, match="'store'"):
        read_series(table, LOAD)


def test_a_series_that_is_not_there_is_one_sentence():
    table = stores(store=["North", "South"])
    with pytest.raises(LstmoptError, match=r"'West': known are North, South"):
        read_series(table, DataOptions(target="load", series=("store=West",)))
    with pytest.raises(LstmoptError, match="write COLUMN=VALUE"):
        read_series(table, DataOptions(target="load", series=("West",)))
