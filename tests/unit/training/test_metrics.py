from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import r2_score

from lstmopt.training.metrics import (
    METRICS,
    ScoredForecasts,
    forecast_metrics,
    metrics_by_lead,
    score,
    seasonal_naive_mae,
)

# float32 ones: the square of every one is a float64
NUMBERS = st.integers(-6, 6).map(float) | st.floats(-1e6, 1e6, width=32)
ALL = np.ones((3, 1), bool)


@st.composite
def forecasts(draw):
    """Forecasts, truth (zeros and equal values among them) and where it was observed."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 4)))
    made, truth = (draw(arrays(float, shape, elements=NUMBERS)) for _ in range(2))
    return made, truth, draw(arrays(bool, shape))


def by_hand(made, truth, observed, naive_mae):
    pairs = [
        (f, y)
        for f, y, seen in zip(made.ravel(), truth.ravel(), observed.ravel(), strict=True)
        if seen
    ]
    if not pairs:
        return dict.fromkeys(METRICS, math.nan)
    count, known = len(pairs), [y for _, y in pairs]
    mae = sum(abs(f - y) for f, y in pairs) / count
    varies = count > 1 and len(set(known)) > 1
    return {
        "mae": mae,
        "rmse": math.sqrt(sum((f - y) ** 2 for f, y in pairs) / count),
        "mase": mae / naive_mae if naive_mae > 0 else math.nan,
        "smape": sum(200 * abs(f - y) / (abs(f) + abs(y)) if f or y else 0 for f, y in pairs)
        / count,
        "r2": r2_score(known, [f for f, _ in pairs]) if varies else math.nan,
        "bias": sum(f - y for f, y in pairs) / count,
    }


@given(forecasts(), st.sampled_from([0.0, 0.5, 3.0, math.nan]))
def test_metrics_are_what_a_loop_over_the_observed_targets_gives(drawn, naive_mae):
    found, expected = forecast_metrics(*drawn, naive_mae), by_hand(*drawn, naive_mae)
    for name in METRICS:
        assert getattr(found, name) == pytest.approx(
            expected[name], rel=1e-6, abs=1e-6, nan_ok=True
        )


@given(forecasts())
def test_what_stands_where_nothing_was_observed_changes_nothing(drawn):
    made, truth, observed = drawn
    other = np.where(observed, truth, np.nan)
    assert repr(forecast_metrics(made, truth, observed, 2.0)) == repr(
        forecast_metrics(made, other, observed, 2.0)
    )


@given(forecasts())
def test_the_metrics_of_a_lead_are_those_of_its_column_alone(drawn):
    made, truth, observed = drawn
    found = metrics_by_lead(made, truth, observed, 2.0)
    assert len(found) == made.shape[1]
    for lead, metrics in enumerate(found):
        alone = tuple(array[:, [lead]] for array in drawn)
        assert repr(metrics) == repr(forecast_metrics(*alone, 2.0))
        assert math.isnan(metrics.mae) == (not observed[:, lead].any())


def test_smape_is_that_of_the_m4_competition_and_0_where_both_are_0():
    made, truth = np.array([[110.0], [0.0], [5.0]]), np.array([[90.0], [0.0], [0.0]])
    smape = forecast_metrics(made, truth, ALL, 1.0).smape
    assert smape == pytest.approx((200 * 20 / 200 + 0 + 200) / 3)


def test_r2_of_a_truth_that_is_always_the_same_is_not_defined():
    truth = np.full((3, 1), 0.1)  # the mean of three of them is another float
    assert truth.mean() != 0.1
    assert math.isnan(forecast_metrics(truth + 1, truth, ALL, 1.0).r2)
    assert math.isnan(score(truth + 1, truth, ALL).r2)


@settings(max_examples=50)
@given(
    st.lists(NUMBERS | st.just(math.nan), min_size=1, max_size=12),
    st.integers(1, 13),
)
def test_the_scale_of_mase_is_the_seasonal_naive_error_of_the_rows(values, season):
    pairs = [
        abs(values[n] - values[n - season])
        for n in range(season, len(values))
        if math.isfinite(values[n]) and math.isfinite(values[n - season])
    ]
    expected = sum(pairs) / len(pairs) if pairs else math.nan
    found = seasonal_naive_mae(np.array(values), season)
    assert found == pytest.approx(expected, nan_ok=True)


def test_an_objective_cannot_change_what_the_next_one_sees():
    found = ScoredForecasts(np.zeros((3, 1)), np.ones((3, 1)), ALL.copy(), 2.0, 7)
    with pytest.raises(ValueError, match="read-only"):
        found.forecasts += 1
    assert (found.metrics().mase, found.metrics().bias) == (0.5, -1)
    assert found.by_lead()[0].rmse == 1
    assert found.leads.tolist() == [1]
