"""The verdict: its test is calibrated, its interval covers, and it is said in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.forecasting.verdict import _standard_error, compare


def forecasts_that_differ_by_noise(rng, windows, memory):
    """Squared errors of two forecasts of one series that are equally good [windows] each."""
    common = rng.normal(size=windows + memory)
    kernel = np.ones(memory) / np.sqrt(memory)
    truth = np.convolve(common, kernel, "valid")[:windows]  # errors that go together for a while
    one, other = (truth + 0.7 * np.convolve(rng.normal(size=windows + memory), kernel, "valid")
                  [:windows] for _ in range(2))  # fmt: skip
    return one**2, other**2


@pytest.mark.parametrize(("windows", "memory"), [(400, 1), (1000, 6), (2000, 24)])
def test_equally_good_forecasts_are_told_apart_in_about_one_of_twenty_cases(windows, memory):
    rng = np.random.default_rng(0)
    found = [
        compare("repeat", *forecasts_that_differ_by_noise(rng, windows, memory), memory)
        for _ in range(600)
    ]
    rejected = np.mean([verdict.says != "no difference" for verdict in found])
    assert 0.03 <= rejected <= 0.085
    covered = np.mean([verdict.low <= 0 <= verdict.high for verdict in found])
    assert covered == 1 - rejected


def test_a_better_forecast_is_deployed_and_a_worse_one_is_not():
    rng = np.random.default_rng(1)
    good, bad = rng.chisquare(1, 800) * 0.7, rng.chisquare(1, 800)
    better, worse = compare("ridge", good, bad, 3), compare("ridge", bad, good, 3)
    assert (better.says, worse.says) == ("deploy", "do not deploy")
    assert better.low < 0.3 < better.high
    assert better.difference == pytest.approx(1 - good.mean() / bad.mean())
    assert worse.difference < 0
    assert better.p == pytest.approx(worse.p)


@given(st.integers(0, 2**31), st.integers(5, 200), st.floats(0.1, 10))
@settings(max_examples=30)
def test_the_unit_of_the_errors_changes_nothing(seed, windows, unit):
    rng = np.random.default_rng(seed)
    one, other = rng.chisquare(1, windows), rng.chisquare(1, windows)
    before, after = compare("a", one, other, 2), compare("a", unit * one, unit * other, 2)
    assert after.p == pytest.approx(before.p)
    assert after.difference == pytest.approx(before.difference)
    assert after.high == pytest.approx(before.high)


@given(st.integers(0, 2**31), st.integers(3, 60), st.floats(0.1, 200))
def test_the_interval_holds_0_where_the_test_does_not_reject(seed, windows, worse):
    """Also of few windows, of which one is far off."""
    rng = np.random.default_rng(seed)
    one, other = worse * rng.chisquare(1, windows) ** 2, rng.chisquare(1, windows)
    verdict = compare("a", one, other, 4)
    assert verdict.low <= verdict.difference <= verdict.high
    assert (verdict.low <= 0 <= verdict.high) == (verdict.says == "no difference")


@pytest.mark.parametrize("windows", [1, 2, 5, 50])
def test_the_same_forecast_makes_no_difference(windows):
    errors = np.random.default_rng(0).chisquare(1, windows)
    verdict = compare("repeat", errors, errors, 24)
    assert (verdict.says, verdict.p, verdict.difference) == ("no difference", 1.0, 0.0)


def test_the_variance_is_that_of_newey_and_west():
    from statsmodels.stats.sandwich_covariance import S_hac_simple

    values = np.random.default_rng(0).normal(size=300).cumsum()
    centred = values - values.mean()
    expected = np.sqrt(S_hac_simple(centred[:, None], nlags=7)[0, 0]) / len(values)
    assert _standard_error(values, 7) == pytest.approx(expected)
