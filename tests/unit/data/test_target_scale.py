"""Transforms and bounds of a target: exact there and back, and kept by all that is forecast."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lstmopt import run
from lstmopt.data.layout import Spans
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.scaling import fit_scaling
from lstmopt.data.split import split_series
from lstmopt.data.target_scale import TargetOptions, TargetScale, fit_target_scale
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.results.run import read_run
from lstmopt.workflow.job import prepare
from support.parts import wave
from support.studies import config_of

SHAPE = Shape(6, 2)
POSITIVE = st.floats(1e-3, 1e6)
SCALES = st.one_of(
    st.just(TargetScale()),
    st.just(TargetScale("log1p")),
    st.floats(-1, 2).map(lambda power: TargetScale("box_cox", power)),
    st.just(TargetScale("box_cox", 0.0)),
)


def skewed(rows=400):
    """A positive series whose noise grows with its level."""
    table = wave(rows)
    table["load"] = np.exp(table["load"] / 4)
    return table


@given(SCALES, st.lists(POSITIVE, min_size=1, max_size=30))
def test_what_is_transformed_comes_back(scale, values):
    own = np.array(values)
    steep = abs(scale.power) if scale.transform == "box_cox" else 1.0
    # a negative power makes large values nearly alike
    lost = 1e-15 / max(steep, 1e-9) * np.max(np.maximum(own, 1 / own) ** steep)
    np.testing.assert_allclose(scale.own(scale.transformed(own)), own, rtol=1e-9 + lost)


@given(SCALES, st.floats(-1e6, 1e6), st.floats(-10, 10), st.floats(0.1, 10))
def test_nothing_that_comes_back_breaks_a_bound_or_is_no_number(scale, value, lower, wide):
    bounded = replace(scale, lower=lower, upper=lower + wide)
    (found,) = bounded.own(np.array([value]))
    assert lower <= found <= lower + wide
    assert math.isfinite(scale.own(np.array([value]))[0])


@given(SCALES, st.lists(st.floats(-50, 50), min_size=2, max_size=20))
def test_what_comes_back_keeps_its_order(scale, values):
    found = scale.own(np.sort(values))
    assert (np.diff(found) >= 0).all()


def test_the_power_is_the_likeliest_of_the_training_rows_alone():
    table = skewed()
    series = read_series(table, DataOptions(target="load"))
    options = TargetOptions("box_cox")
    found = fit_target_scale(series, Spans.one((0, 280)), options)
    wanted = stats.boxcox_normmax(table["load"][:280], method="mle", brack=(-1, 1))
    assert found.power == pytest.approx(wanted, abs=1e-3)
    table.loc[280:, "load"] **= 2
    again = fit_target_scale(
        read_series(table, DataOptions(target="load")), Spans.one((0, 280)), options
    )
    assert again == found


def test_what_is_scaled_is_the_transformed_target():
    series = read_series(skewed(), DataOptions(target="load"))
    scaling = fit_scaling(series, Spans.one((0, 280)), TargetScale("log1p"))
    scaled = scaling.scale(series.values[:280, 0], 0)
    assert (scaled.mean(), scaled.std()) == pytest.approx((0, 1))
    np.testing.assert_allclose(scaling.own(scaled), series.values[:280, 0])
    split = split_series(series, SHAPE, (0.5, 0.1), folds=3, target=TargetOptions("box_cox"))
    oldest, newest = (
        fit_target_scale(series, Spans.one((0, end)), TargetOptions("box_cox"))
        for end in (120, 200)
    )
    assert split.scaling.target == oldest != newest


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            {"lower": 7.0},
            r"its bounds, found 'load' to be at least 7 but 6\.\d+ at 2024.* in all",
        ),
        ({"upper": 10.0}, r"found 'load' to be at most 10 but 1\d"),
        ({"lower": 3.0, "upper": 2.0}, r"task.lower stays below task.upper, found 3 and 2"),
        ({"transform": "sqrt"}, r"transform"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_trains(tmp_path, task, words):
    wave().to_csv(tmp_path / "wave.csv", index=False)
    with pytest.raises(LstmoptError, match=words):
        prepare(config_of(tmp_path / "wave.csv", task={"window": 6} | task), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("transform", "least"), [("log1p", -1.0), ("box_cox", 0.0), ("box_cox", -3.0)]
)
def test_a_value_that_cannot_be_transformed_is_refused(tmp_path, transform, least):
    table = wave()
    table.loc[390, "load"] = least
    table.to_csv(tmp_path / "wave.csv", index=False)
    config = config_of(tmp_path / "wave.csv", task={"window": 6, "transform": transform})
    with pytest.raises(LstmoptError, match=rf"by {transform} lies above .*, found {least:g}"):
        prepare(config, tmp_path / "run")


@pytest.fixture(scope="module", params=["log1p", "box_cox"])
def finished(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    skewed().to_csv(folder / "wave.csv", index=False)
    lower, upper = skewed()["load"].min(), skewed()["load"].max()
    task = {"window": 12, "horizon": 2, "transform": request.param}
    task |= {"lower": float(lower), "upper": float(upper)}
    more = {"task": task, "budget": {"trials": 1}, "objectives": ["val_mase"]}
    config = config_of(folder / "wave.csv", **more)
    run(config, folder / "run")
    return folder, read_run(folder / "run"), (lower, upper)


def test_forecasts_and_intervals_keep_the_bounds_in_the_targets_own_units(finished):
    folder, made, (lower, upper) = finished
    numbers = made.forecasts.drop(columns=["part", "origin", "lead", "time"])
    assert numbers.min().min() >= lower * (1 - 1e-9)  # a file has twelve digits
    assert numbers.max().max() <= upper * (1 + 1e-9)
    rows = made.forecasts[made.forecasts["part"] == "test"]
    truth = skewed().set_index("time")["load"].loc[rows["time"]].to_numpy()
    np.testing.assert_allclose(rows["truth"], truth, rtol=1e-5)
    found = Forecaster.load(folder / "run").predict(folder / "wave.csv", levels=[80])
    assert found[["load", "load-lo-80", "load-hi-80"]].to_numpy().min() >= lower
    assert (found["load-lo-80"] <= found["load"]).all()


def test_errors_in_own_units_are_those_of_the_table(finished):
    _, made, _ = finished
    rows = made.forecasts[made.forecasts["part"] == "test"]
    errors = made.results.baselines["ridge"]
    apart = rows["ridge"] - rows["truth"]
    assert errors.own.mae.mean == pytest.approx(apart.abs().mean(), rel=1e-4)
    assert errors.own.mse.mean == pytest.approx((apart**2).mean(), rel=1e-4)
    assert errors.scaled.mse.mean < errors.own.mse.mean


def test_a_transformed_interval_is_wider_where_the_target_is_higher(finished):
    folder, made, _ = finished
    config = made.results
    model = Forecaster.load(folder / "run")
    found = model.look_back(model.read(folder / "wave.csv"), 40, [80])
    width = found["load-hi-80"] - found["load-lo-80"]
    inside = (found["load-hi-80"] < found["load-hi-80"].max()) & (
        found["load-lo-80"] > found["load-lo-80"].min()
    )
    assert np.corrcoef(width[inside], found["load"][inside])[0, 1] > 0.8
    assert any("transformed by" in text for text in config.warnings)


def test_a_table_that_cannot_be_transformed_is_refused_by_the_model(finished):
    folder, _, _ = finished
    table = skewed()
    table.loc[395, "load"] = -2.0
    with pytest.raises(LstmoptError, match="choose another transform or another target"):
        Forecaster.load(folder / "run").predict(table)
