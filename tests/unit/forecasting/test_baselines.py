"""The bar: linear forecasts against brute force, published figures, and every fitted baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from lstmopt.config.study_file import shipped_study
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baselines import fit_baselines, repeat, score_part, window_lengths
from lstmopt.forecasting.linear import WindowView, fit_linear
from lstmopt.plugin.registry import load_registry
from support.parts import make_part

HORIZON = 2
REGISTRY = load_registry()


def by_hand(train, part, view, penalty, lead, wanted):
    """Ridge of one lead on the training windows that are wanted, by scikit-learn."""
    origins = train.origins(max(view.window, train.shape.window))
    seen, last = view.gather(train, origins)
    targets = train.gather_targets(origins)[0].astype(float)
    if view.relative:
        targets = targets - last
    model = Ridge(alpha=penalty).fit(seen[wanted], targets[wanted, lead])
    seen, last = view.gather(part, part.origins())
    return model.predict(seen) + (last[:, 0] if view.relative else 0)


def scored(part, rows):
    """The part with targets at some rows alone."""
    there = np.zeros(len(part.scored), bool)
    there[rows] = True
    return replace(part, scored=there)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("inputs", [1, None])
@pytest.mark.parametrize("rows", ["all", "some", "every other"])
def test_a_linear_forecast_is_ridge_regression_of_each_lead(relative, inputs, rows):
    part = make_part(0, 160)
    missing = {"all": [], "some": [40, 41, 90], "every other": list(range(1, 160, 2))}[rows]
    train = scored(part, np.setdiff1d(np.arange(160), missing))
    view = WindowView(part.shape.window, inputs, relative)
    mask = train.gather_targets(train.origins())[1]
    assert mask.all(1).any() == (rows != "every other")
    for penalty in (0.5, 100.0):
        (found,) = fit_linear(train, view, [penalty], 10_000)
        for lead in range(HORIZON):
            wanted = mask.all(1) if mask.all(1).any() else mask[:, lead].astype(bool)
            expected = by_hand(train, part, view, penalty, lead, wanted)
            assert found(part)[:, lead] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_without_any_target_of_a_lead_there_is_no_linear_forecast():
    train, validation = make_part(0, 160), make_part(160, 240)
    last = scored(train, [159])  # the second lead of the last window, and nobody's first
    assert last.gather_targets(last.origins())[1].any(0).tolist() == [False, True]
    fitted = {b.name: b for b in fit_baselines(REGISTRY, ["ridge"], last, validation, ())}
    assert fitted["ridge"].forecast is None


def test_where_a_longer_window_has_a_gap_the_last_value_is_repeated():
    train, part = make_part(0, 160), make_part(160, 240)
    gap = replace(part, usable=part.usable.copy())
    gap.usable[170] = False
    (found,) = fit_linear(train, WindowView(3 * part.shape.window, 1, False), [1.0], 10_000)
    forecasts, origins = found(gap), gap.origins()
    near = (origins >= 170) & (origins < 170 + 3 * part.shape.window)
    assert near.any()
    np.testing.assert_array_equal(forecasts[near], repeat(gap)[near])


@pytest.mark.parametrize(
    ("horizon", "published", "naive"),
    [(96, 0.0531, 0.069), (192, 0.0691, 0.092), (336, 0.0810, 0.113), (720, 0.0802, 0.129)],
)
def test_nlinear_has_the_published_error_on_etth1(horizon, published, naive):
    """The target alone, window 336, 14,400 hours split 0.6/0.2/0.2 (Zeng et al., AAAI 2023)."""
    table = pd.read_csv(shipped_study().with_name("ETTh1.csv.gz"))[:14_400]
    series = read_series(table, DataOptions(target="OT", features=(), calendar=False))
    split = split_series(series, Shape(336, horizon), (0.6, 0.2))
    (forecast,) = fit_linear(split.train, WindowView(336, 1, True), [0.0], 50_000)
    test = split.open_test()
    assert score_part(forecast, test).mse == pytest.approx(published, abs=5e-5)
    assert score_part(repeat, test).mse == pytest.approx(naive, abs=5e-4)


def test_windows_reach_back_two_seasons_where_training_is_long_enough():
    train = make_part(0, 160)
    assert window_lengths(train, (7, 12), 1000) == sorted({train.shape.window, 7, 14, 12, 24})
    assert max(window_lengths(train, (30, 60), 1000)) == 30
    assert max(window_lengths(train, (7, 12), 13)) <= 13


def test_every_baseline_is_fitted_scored_on_validation_and_timed():
    train, validation = make_part(0, 160), make_part(160, 240)
    fitted = fit_baselines(REGISTRY, None, train, validation, (12,))
    names = {baseline.name for baseline in fitted}
    assert {"repeat", "seasonal_naive", "ridge", "nlinear", "boosting"} <= names
    for baseline in fitted:
        assert baseline.validation == score_part(baseline.forecast, validation)
        assert baseline.latency_ms > 0


def test_baselines_are_chosen_by_name_with_their_options():
    train, validation = make_part(0, 160), make_part(160, 240)
    (only,) = fit_baselines(REGISTRY, ["ridge:most_rows=13"], train, validation, ())
    assert only.name == "ridge"
    with pytest.raises(LstmoptError, match="did you mean 'ridge'"):
        fit_baselines(REGISTRY, ["rigde"], train, validation, ())


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        ("return np.zeros(3)", "a finite number for each"),
        ("return np.full((len(part.origins()), part.shape.horizon), np.nan)", "a finite number"),
        ("raise KeyError('x')", "raised KeyError"),
    ],
)
def test_a_plug_in_that_forecasts_wrongly_is_named(tmp_path, forecast, words):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from lstmopt import Strategy, hookimpl\n"
        "def forecast(part):\n"
        f"    {forecast}\n"
        "class Mine:\n"
        "    def fit(self, train, validation, seasons):\n"
        "        return forecast\n"
        "@hookimpl\n"
        "def lstmopt_baselines():\n"
        "    return [Strategy('mine', Mine, 'is wrong', '')]\n"
    )
    registry = load_registry((tmp_path / "mine.py",))
    with pytest.raises(LstmoptError, match=words) as error:
        fit_baselines(registry, ["mine"], make_part(0, 160), make_part(160, 240), ())
    assert "baseline 'mine' of" in str(error.value)
