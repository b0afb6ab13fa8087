from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt import Hyperparameter, Network
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.plugin.network import known_hyperparameters
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import Range, parse_space
from lstmopt.workflow.default_space import default_space, segment_rows, window_rows

REGISTRY = load_registry()
KNOWN = known_hyperparameters(REGISTRY.networks)
DEFAULT = [REGISTRY.network(name) for name in ("segment", "linear")]


def series_of(rows: int, step: str):
    times = pd.date_range("2020-01-01", periods=rows, freq=step)
    load = np.sin(np.arange(rows) * 2 * np.pi / 24) + np.arange(rows) / rows
    return read_series(pd.DataFrame({"time": times, "load": load}), DataOptions(target="load"))


@given(st.lists(st.integers(1, 9_000), max_size=3), st.integers(5, 100_000))
def test_windows_are_some_seasons_and_leave_rows_to_train_on(seasons, rows):
    windows = window_rows(seasons, rows)
    assert windows == sorted(set(windows))
    assert 1 <= len(windows) <= 3
    assert 1 <= windows[0] <= windows[-1] <= max(2, rows // 5)
    segments = segment_rows(seasons, windows[-1])
    assert all(1 <= segment <= windows[-1] for segment in segments)


def test_an_hourly_series_is_read_in_days_and_half_days():
    table = default_space(DEFAULT, series_of(2_000, "h"), 1_400, None)
    assert table["network"] == ["segment", "linear"]
    assert table["window"] == [48, 96, 168]
    assert table["segment"] == [12, 24]
    assert table["recent"] == [24]
    space = parse_space(table, KNOWN)
    assert space.names({"network": "segment"}) == list(table)
    assert set(space.names({"network": "linear"})) == {"network", "window", "calendar"}


def test_a_window_that_the_user_names_is_the_only_one():
    assert default_space(DEFAULT, series_of(2_000, "h"), 1_400, 30)["window"] == [30]


@pytest.mark.parametrize(("rows", "annual"), [(300, False), (1_000, True)])
def test_annual_cycles_are_read_where_training_covers_more_than_a_year(rows, annual):
    table = default_space(DEFAULT, series_of(rows, "D"), rows, None)
    assert ("calendar" not in table) == annual
    assert annual or table["calendar"] == ["no_annual"]


def test_the_default_domain_of_a_plug_ins_own_is_taken():
    own = {"kernel": Hyperparameter(3, Range(2, 5, integer=True), costs=True, least=1)}
    mine = Network("mine", lambda params, features, window: None, own, "", "")
    table = default_space([mine], series_of(500, "h"), 350, None)
    assert table["kernel"] == {"low": 2, "high": 5, "log": False}
    parse_space(table, known_hyperparameters([*REGISTRY.networks, mine]))
