from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.forecasting.baselines import repeat
from lstmopt.training.metrics import seasonal_naive_mae
from lstmopt.training.own_units import OwnUnits


def split_of(values, step="D", horizon=2):
    times = pd.date_range("2024-01-01", periods=len(values), freq=step)
    table = pd.DataFrame({"time": times, "y": values})
    return split_series(read_series(table, DataOptions(target="y")), Shape(4, horizon))


def intermittent(rows=200):
    rng = np.random.default_rng(0)
    return np.where(rng.random(rows) < 0.4, rng.integers(1, 9, rows), 0).astype(float)


def test_truth_is_the_series_as_it_was_read():
    values = intermittent() / 10
    split = split_of(values)
    units, part = OwnUnits.of(split, split.validation.spans), split.validation
    origins = part.origins()
    found = units.beside_truth(repeat(part), origins)
    assert found.truth.tolist() == values[origins[:, None] + [1, 2]].tolist()
    assert found.forecasts[:, 0] == pytest.approx(values[origins], abs=1e-6)


def test_a_forecast_of_0_is_0_as_far_as_its_float32_can_say():
    values = intermittent()
    split = split_of(values)
    units, part = OwnUnits.of(split, split.validation.spans), split.validation
    found = units.beside_truth(repeat(part), part.origins())
    again = values[part.origins()][:, None] == found.truth
    idle = again & (found.truth == 0)
    assert idle.any()
    assert (found.forecasts[idle] == 0).all()  # else sMAPE would call each of them 200 %


def test_what_was_not_observed_is_no_truth():
    values = intermittent()
    values[150:153] = np.nan
    split = split_of(values)
    part = split.validation
    found = OwnUnits.of(split, split.validation.spans).beside_truth(repeat(part), part.origins())
    rows = part.origins()[:, None] + [1, 2]
    assert (found.observed == ~np.isin(rows, [150, 151, 152])).all()
    assert (np.isnan(found.truth) == ~found.observed).all()
    assert not found.observed.all()


def test_nothing_behind_the_part_is_held():
    values = intermittent()
    split = split_of(values)
    assert len(OwnUnits.of(split, split.validation.spans).target) == split.ends[1] < len(values)


@pytest.mark.parametrize(("step", "season"), [("D", 7), ("h", 24), ("YS", 1)])
def test_mase_divides_by_the_forecast_of_the_shortest_season_of_training(step, season):
    values = intermittent()
    split = split_of(values, step)
    units = OwnUnits.of(split, split.validation.spans)
    assert units.season == season
    assert units.naive_mae == seasonal_naive_mae(values[: split.ends[0]], season)


def test_a_season_that_training_does_not_hold_is_none():
    split = split_of(intermittent(90)[:60], "15min")  # a day has 96 rows
    units = OwnUnits.of(split, split.validation.spans)
    assert units.season == 1
    assert math.isfinite(units.naive_mae)
