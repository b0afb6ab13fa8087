"""A baseline that was saved forecasts as it did, and is fitted again with what it had chosen."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baseline_state import BaselineState
from lstmopt.forecasting.baselines import fit_baselines
from lstmopt.forecasting.saved_baselines import refit_baseline, restore_baseline
from lstmopt.plugin.registry import load_registry
from support.parts import make_part

REGISTRY = load_registry()
TRAIN, VALIDATION, EVERYTHING = make_part(0, 120), make_part(120, 160), make_part(0, 240)
NAMES = ["repeat", "seasonal_naive", "ridge:most_rows=13", "nlinear", "boosting:lags=4"]


def fitted(text: str):
    (baseline,) = fit_baselines(REGISTRY, [text], TRAIN, VALIDATION, (12, 24))
    return baseline


def through_a_file(state: BaselineState) -> BaselineState:
    """The state with nothing but arrays and what JSON can say."""
    arrays = {name: np.array(array) for name, array in state.arrays.items()}
    settings = msgspec.json.decode(msgspec.json.encode(state.settings))
    return BaselineState(state.rows, arrays, settings)


@pytest.mark.parametrize("text", NAMES)
def test_a_restored_baseline_forecasts_as_before(text):
    baseline = fitted(text)
    restored = restore_baseline(REGISTRY, baseline.text, through_a_file(baseline.state))
    np.testing.assert_array_equal(restored(EVERYTHING), baseline.forecast(EVERYTHING))


@pytest.mark.parametrize("text", NAMES)
def test_a_saved_baseline_says_how_far_back_it_looks(text):
    baseline = fitted(text)
    origin, rows = 200, baseline.state.rows
    forecast = baseline.forecast(EVERYTHING.at(np.array([origin])))
    far = replace(EVERYTHING, inputs=EVERYTHING.inputs.copy(), targets=EVERYTHING.targets.copy())
    far.inputs[: origin + 1 - rows] = 99.0
    far.targets[: origin + 1 - rows] = 99.0
    np.testing.assert_array_equal(baseline.forecast(far.at(np.array([origin]))), forecast)


@pytest.mark.parametrize("text", NAMES)
def test_fitting_again_on_the_same_rows_gives_the_same(text):
    baseline = fitted(text)
    state = refit_baseline(REGISTRY, text, through_a_file(baseline.state), TRAIN)
    assert state.settings == baseline.state.settings
    again = restore_baseline(REGISTRY, text, state)
    np.testing.assert_allclose(again(EVERYTHING), baseline.forecast(EVERYTHING), rtol=1e-6)


@pytest.mark.parametrize("text", ["ridge", "nlinear", "boosting"])
def test_fitting_again_learns_from_other_rows(text):
    baseline = fitted(text)
    state = refit_baseline(REGISTRY, text, baseline.state, EVERYTHING)
    again = restore_baseline(REGISTRY, text, state)
    assert np.abs(again(EVERYTHING) - baseline.forecast(EVERYTHING)).max() > 1e-3


@pytest.mark.parametrize("text", ["ridge", "boosting"])
def test_without_a_target_to_fit_on_a_baseline_stays(text):
    baseline = fitted(text)
    nothing = replace(TRAIN, scored=np.zeros(len(TRAIN.scored), bool))
    state = refit_baseline(REGISTRY, text, baseline.state, nothing)
    restored = restore_baseline(REGISTRY, text, state)
    np.testing.assert_array_equal(restored(EVERYTHING), baseline.forecast(EVERYTHING))


@pytest.mark.parametrize("trees", [1, 30])
def test_trees_as_arrays_say_what_scikit_learn_says(trees):
    from lstmopt_plugins.boosting import _Trees

    rng = np.random.default_rng(0)
    seen = rng.standard_normal((500, 5)).round(1).astype(np.float32)  # values at the thresholds
    model = HistGradientBoostingRegressor(max_iter=30, max_leaf_nodes=7, early_stopping=False)
    model.fit(seen, seen[:, 0] * seen[:, 1] + seen[:, 2])
    *_, expected = (each for each, _ in zip(model.staged_predict(seen), range(trees), strict=False))
    np.testing.assert_allclose(_Trees.of(model, trees).predict(seen), expected, rtol=1e-12)


def test_a_baseline_without_a_state_is_one_sentence(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from lstmopt import Strategy, hookimpl\n"
        "from lstmopt.forecasting.baselines import repeat\n"
        "class Mine:\n"
        "    def fit(self, train, validation, seasons):\n"
        "        return repeat\n"
        "@hookimpl\n"
        "def lstmopt_baselines():\n"
        "    return [Strategy('mine', Mine, 'has no state', '')]\n"
    )
    registry = load_registry((tmp_path / "mine.py",))
    (baseline,) = fit_baselines(registry, ["mine"], TRAIN, VALIDATION, ())
    assert baseline.forecast is not None
    assert baseline.state is None
    with pytest.raises(LstmoptError, match=r"has state, restore and refit.*'mine' of"):
        restore_baseline(registry, "mine", BaselineState(1))
