"""A study of many series: searched, judged by series, deployed, and forecasting new series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from lstmopt import load, run, update
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.verdict import compare_panel, mean_by
from lstmopt.report.page import render
from lstmopt.results.run import read_run
from lstmopt.training.metrics import forecast_metrics, metrics_by_series
from lstmopt.workflow.job import prepare
from support.panels import panel_table
from support.parts import wave
from support.studies import config_of

LENGTHS = (120, 90, 150, 60, 100, 130)
TABLE = panel_table(LENGTHS)
ALL_BASELINES = ("repeat", "seasonal_naive", "ridge", "boosting")


def study(path, **changes):
    options = {
        "data": {"path": str(path), "target": "y"},
        "task": {"window": 14, "horizon": 3},
        "networks": ["segment", "linear"],
        "space": {"hidden_size": [8], "window": [14]},
        "split": {"validation_rows": 14, "test_rows": 14},
        "budget": {"trials": 4},
        "training": {"epochs": 4},
        "baselines": ["repeat", "seasonal_naive", "ridge", "boosting", "auto_ets"],
        "intervals": {"levels": [80]},
    }
    return config_of(path, **(options | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    TABLE.to_csv(folder / "shops.csv", index=False)
    run(study(folder / "shops.csv"), folder / "run")
    return folder, read_run(folder / "run")


def test_the_last_rows_of_each_series_are_its_test(finished):
    folder, made = finished
    split = prepare(study(folder / "shops.csv"), folder / "other").split
    assert split.ends == (sum(LENGTHS) - 28 * 6, sum(LENGTHS) - 14 * 6, sum(LENGTHS))
    test = split.open_test()
    assert list(np.bincount(test.series_of(test.origins()))) == [12] * 6
    assert made.results.baselines["auto_ets"] is None  # it is of one series


def test_errors_are_those_of_each_series_averaged(finished):
    _, made = finished
    rows = made.forecasts[made.forecasts["part"] == "test"]
    assert set(rows["series"]) == {f"s{n}" for n in range(6)}
    assert len(rows) == 6 * 3  # the last forecast of each
    repeated = made.results.baselines["repeat"].metrics
    mase, smape = [], []
    for _, table in TABLE.groupby("unique_id"):
        y = table["y"].to_numpy()
        naive = np.abs(y[7:-14] - y[:-21]).mean()
        errors, shares = [], []
        for origin in range(len(y) - 15, len(y) - 3):
            truth = y[origin + 1 : origin + 4]
            errors += list(np.abs(truth - y[origin]))
            shares += list(np.abs(truth - y[origin]) / (np.abs(truth) + np.abs(y[origin])))
        mase.append(np.mean(errors) / naive)
        smape.append(200 * np.mean(shares))
    assert repeated.mase.mean == pytest.approx(np.mean(mase), rel=1e-5)
    assert repeated.smape.mean == pytest.approx(np.mean(smape), rel=1e-5)


def test_the_verdict_pairs_series():
    rng = np.random.default_rng(0)
    of, times = np.repeat(np.arange(30), 20), np.tile(np.arange(20), 30)
    rival = rng.gamma(2, size=600) * (1 + of)
    network = 0.9 * rival + 0.1 * rng.gamma(2, size=600)
    found = compare_panel("ridge", network, rival, of, times, 3)
    mine, theirs = mean_by(network, of), mean_by(rival, of)
    np.testing.assert_allclose(mine, [network[of == n].mean() for n in range(30)])
    assert found.difference == pytest.approx(1 - mine.mean() / theirs.mean())
    assert found.p == pytest.approx(ttest_rel(mine, theirs).pvalue, rel=1e-6)
    assert found.p_over_time is not None
    few = compare_panel("ridge", network[:30], rival[:30], of[:30], times[:30] % 5, 3)
    assert few.p_over_time is None


def test_metrics_of_a_series_are_those_of_it_alone():
    rng = np.random.default_rng(0)
    of = rng.integers(0, 5, 40)
    forecasts, truth = rng.normal(size=(2, 40, 3))
    observed = rng.random((40, 3)) < 0.8
    naive = np.array([1.0, 2.0, 0.0, np.nan, 3.0])
    found = metrics_by_series(forecasts, truth, observed, naive, of)
    for series in range(5):
        mine = of == series
        alone = forecast_metrics(forecasts[mine], truth[mine], observed[mine], naive[series])
        for name in ("mae", "mase", "smape"):
            np.testing.assert_allclose(getattr(found, name)[series], getattr(alone, name))
        np.testing.assert_allclose(np.sqrt(found.mse[series]), alone.rmse)


def test_all_series_are_forecast_in_one_table(finished):
    folder, made = finished
    model = Forecaster.load(folder / "run")
    found = model.predict(TABLE, levels=[80])
    assert list(found.columns) == ["unique_id", "time", "y", "y-lo-80", "y-hi-80"]
    assert len(found) == 6 * 3
    for name, rows in found.groupby("unique_id"):
        last = TABLE[TABLE["unique_id"] == name]["ds"].max()
        assert list(rows["time"]) == list(pd.date_range(last, periods=4)[1:])
        level = TABLE[TABLE["unique_id"] == name]["y"].mean()
        assert (rows["y"] / level).between(0.5, 1.5).all()
    assert (found["y-lo-80"] < found["y"]).all()
    spread = (found["y-hi-80"] - found["y-lo-80"]).groupby(found["unique_id"]).mean()
    assert spread["s2"] > 20 * spread["s0"]  # in the units of each series
    assert made.results.study.target == "y"


def test_a_series_is_forecast_the_same_alone_and_beside_others(finished):
    folder, _ = finished
    model = Forecaster.load(folder / "run")
    whole = model.predict(TABLE).set_index("unique_id")
    for name, rows in TABLE.groupby("unique_id"):
        alone = model.predict(rows)
        np.testing.assert_allclose(alone["y"], whole.loc[name, "y"], rtol=1e-5)


def test_a_new_series_is_forecast_without_training_and_a_short_one_is_named(finished):
    folder, _ = finished
    model = Forecaster.load(folder / "run")
    known = TABLE[TABLE["unique_id"] == "s1"]
    new = known.assign(unique_id="new", y=known["y"] * 100)
    short = known.tail(5).assign(unique_id="short")
    series = model.read(pd.concat([known, new, short]))
    told = [notice for notice in series.notices if "are not forecast" in notice]
    assert len(told) == 1
    assert told[0].endswith(": short")
    found = model.forecast_next(series).set_index("unique_id")["y"]
    assert set(found.index) == {"s1", "new"}
    np.testing.assert_allclose(found["new"], 100 * found["s1"], rtol=0.02)
    with pytest.raises(LstmoptError, match="found no series that has them"):
        model.predict(short)


def test_windows_alone_are_not_forecast_as_nothing_says_of_which_series_they_are(finished):
    folder, _ = finished
    model = Forecaster.load(folder / "run")
    shape = (1, model.shape.window, model.features)
    with pytest.raises(LstmoptError, match="windows alone do not say of which series"):
        model.forecast(np.zeros(shape))
    with pytest.raises(ValueError, match="found no series"):
        model.scaling.own(np.zeros((1, 3)))


def test_a_look_back_is_of_each_series(finished):
    folder, _ = finished
    model = Forecaster.load(folder / "run")
    found = model.look_back(model.read(TABLE, whole=True), 4)
    assert list(found.groupby("unique_id").size()) == [12] * 6
    truth = TABLE.set_index(["unique_id", "ds"])["y"]
    keys = list(zip(found["unique_id"], found["time"], strict=True))
    np.testing.assert_allclose(found["truth"], truth.loc[keys])


def test_a_look_back_goes_on_without_what_a_long_gap_hides(finished):
    folder, _ = finished
    model = Forecaster.load(folder / "run")
    gone = TABLE[TABLE["unique_id"] == "s2"].index[-70:-40]  # longer than what is filled
    series = model.read(TABLE.drop(index=gone), whole=True)
    found = model.look_back(series, 60).groupby("unique_id").size()
    assert found["s5"] == 60 * 3
    assert 0 < found["s2"] < 60 * 3


@pytest.mark.parametrize("sample_by", ["rows", "series"])
def test_an_epoch_may_have_fewer_windows(finished, tmp_path, sample_by):
    folder, _ = finished
    config = study(
        folder / "shops.csv", training={"epochs": 2, "windows": 64, "sample_by": sample_by}
    )
    run(config, tmp_path / "run")
    assert read_run(tmp_path / "run").results.chosen is not None


def test_ends_that_follow_errors_are_of_one_series(finished, tmp_path):
    folder, _ = finished
    config = study(folder / "shops.csv", intervals={"adaptive": True})
    with pytest.raises(LstmoptError, match=r"intervals\.adaptive follows the errors of one series"):
        prepare(config, tmp_path / "run")


def test_a_panel_is_not_updated(finished):
    folder, _ = finished
    with pytest.raises(LstmoptError, match="an update is of a model of one series"):
        update(folder / "run", TABLE)


def test_the_report_has_errors_by_series_and_a_picker(finished):
    folder, made = finished
    errors = made.series_errors
    assert list(errors.index) == [f"s{n}" for n in range(6)]
    label = made.results.chosen.label
    assert errors["repeat smape"].mean() == pytest.approx(
        made.results.baselines["repeat"].metrics.smape.mean, rel=1e-4
    )
    shown = load(folder / "run")
    drawn = shown.figures.series_errors()
    assert {trace.name for trace in drawn.data} == {label, *ALL_BASELINES}
    for trace in drawn.data:
        assert (np.diff(trace.y) >= 0).all()
    ordered = errors[f"{label} mase"].sort_values().index
    titles = [note.text for note in shown.figures.forecasts().layout.annotations]
    assert titles == [f"best: {ordered[0]}", f"median: {ordered[3]}", f"worst: {ordered[-1]}"]
    page = render(shown)
    assert 'id="series-ids"' in page
    for name in errors.index:
        assert f'"{name}":{{"times":["' in page


def test_a_single_series_has_no_errors_by_series(tmp_path):
    wave().to_csv(tmp_path / "wave.csv", index=False)
    run(config_of(tmp_path / "wave.csv", budget={"trials": 1}), tmp_path / "run")
    assert read_run(tmp_path / "run").series_errors.empty
    page = render(load(tmp_path / "run"))
    assert 'id="series-ids"' not in page


def test_a_series_without_what_is_known_in_advance_is_named_and_the_rest_goes_on(tmp_path):
    table = TABLE.assign(price=np.arange(len(TABLE)) % 5)
    table.to_csv(tmp_path / "shops.csv", index=False)
    known = {"path": str(tmp_path / "shops.csv"), "target": "y", "known": ["price"]}
    run(study(tmp_path / "shops.csv", data=known, budget={"trials": 2}), tmp_path / "run")
    model = Forecaster.load(tmp_path / "run")
    ahead = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range(rows["ds"].max(), periods=4)[1:],
                "price": [1, 2, 3],
            }
        )
        for name, rows in TABLE.groupby("unique_id")
        if name != "s4"
    ]
    series = model.read(table, pd.concat(ahead))
    told = [notice for notice in series.notices if "are not forecast" in notice]
    assert len(told) == 1
    assert "of price in advance" in told[0]
    assert told[0].endswith(": s4")
    assert set(model.forecast_next(series)["unique_id"]) == {"s0", "s1", "s2", "s3", "s5"}
    with pytest.raises(LstmoptError, match="and price of the next 3, found no series"):
        model.predict(table)


def test_holidays_are_known_in_advance_of_every_series(tmp_path):
    TABLE.to_csv(tmp_path / "shops.csv", index=False)
    data = {"path": str(tmp_path / "shops.csv"), "target": "y", "holidays": "US"}
    run(study(tmp_path / "shops.csv", data=data, budget={"trials": 2}), tmp_path / "run")
    model = Forecaster.load(tmp_path / "run")
    assert model.data.known == ("holiday", "workingday")
    series = model.read(TABLE)
    monday = pd.Timestamp("2024-01-15")  # Martin Luther King's
    place = list(series.times).index(monday)
    assert list(series.known_values[place]) == [1, 0]
    assert len(model.forecast_next(series)) == 6 * 3
