from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lstmopt.forecasting.conformal import Conformal, Intervals
from lstmopt.forecasting.quantile_tracking import RATE, known_before, track

ERRORS = arrays(float, st.tuples(st.integers(1, 200), st.just(2)), elements=st.floats(-5, 5))


def naive(end, step, beyond, errors, sign):
    """Follow errors with one end of one lead; return where it was and how often it was broken."""
    places, broken = [end], 0
    for error in errors:
        over = sign * (error - end) > 0
        broken += over
        end += sign * step * (over - beyond)
        places.append(end)
    return np.array(places), broken


@given(ERRORS, st.sampled_from([50.0, 80.0, 90.0]))
def test_each_end_is_broken_as_often_as_its_level_says_whatever_comes(errors, level):
    lower, upper = np.array([-1.0, -2.0]), np.array([1.0, 3.0])
    lows, highs = track(lower, upper, errors, level)
    count, beyond = len(errors), (1 - level / 100) / 2
    for lead, step in enumerate(RATE / np.sqrt(2) * (upper - lower)):
        low, under = naive(lower[lead], step, beyond, errors[:, lead], -1)
        high, over = naive(upper[lead], step, beyond, errors[:, lead], 1)
        np.testing.assert_allclose(lows[:, lead], np.minimum(low, high))
        np.testing.assert_allclose(highs[:, lead], np.maximum(low, high))
        for broken in (under, over):  # ends stay within a step of the errors or the beginning
            assert abs(broken / count - beyond) <= (2 * 5 + 2 * step) / (step * count)


def test_coverage_comes_to_its_level_after_a_change_that_fixed_ends_never_follow():
    rng = np.random.default_rng(0)
    errors = np.concatenate([rng.standard_normal((500, 1)), 4 * rng.standard_normal((3_000, 1))])
    conformal = Conformal.of(errors[:500], adaptive=True)
    later, origins = errors[500:], np.arange(3_000)
    lows, highs = conformal.bounds_along(90, later, origins)
    within = (lows <= later) & (later <= highs)
    assert within[1_000:].mean() == pytest.approx(0.9, abs=0.02)
    low, high = Conformal.of(errors[:500]).bounds_along(90, later, origins)
    assert ((low <= later) & (later <= high)).mean() < 0.5


@given(ERRORS, st.sampled_from([80.0, 90.0]))
def test_a_forecast_is_bounded_by_what_was_known_when_it_was_made_and_by_nothing_else(
    errors, level
):
    start = Conformal.of(np.random.default_rng(1).standard_normal((60, 2)), adaptive=True)
    origins = np.cumsum(np.random.default_rng(2).integers(1, 3, len(errors)))
    lows, highs = start.bounds_along(level, errors, origins)
    for place in {0, len(errors) // 2, len(errors) - 1}:
        for lead in (1, 2):
            known = errors[origins + lead <= origins[place]]
            low, high = start.joined(known).bounds(level)
            assert (lows[place, lead - 1], highs[place, lead - 1]) == (
                low[lead - 1],
                high[lead - 1],
            )


def test_known_errors_are_counted_as_one_counts_by_hand():
    origins = np.array([3, 4, 7, 8])
    at = np.array([3, 4, 5, 8, 20])
    for lead in (1, 2):
        column = known_before(origins, at, 2)[:, lead - 1]
        assert column.tolist() == [sum(o + lead <= a for o in origins) for a in at]


def test_what_was_not_observed_moves_nothing():
    errors = np.array([[np.nan, 9.0], [np.nan, 9.0]])
    lows, highs = track(np.full(2, -1.0), np.full(2, 1.0), errors, 80)
    assert (lows[:, 0] == -1).all()
    assert (highs[:, 0] == 1).all()
    assert (np.diff(highs[:, 1]) > 0).all()


def test_adaptive_ends_are_kept_with_what_they_followed():
    rng = np.random.default_rng(0)
    conformal = Conformal.of(rng.standard_normal((60, 2)), True).joined(rng.normal(size=(40, 2)))
    again = Conformal.restore(conformal.description())
    assert len(again.later) == 40
    np.testing.assert_allclose(again.bounds(80), conformal.bounds(80), rtol=1e-5)
    fixed = Conformal.restore(Conformal.of(rng.normal(size=(60, 2))).description())
    assert fixed.later is None


def test_columns_of_some_origins_are_those_of_the_last_that_was_bounded_before_them():
    errors = np.random.default_rng(0).normal(size=(50, 1))
    conformal = Conformal.of(errors, adaptive=True)
    intervals = Intervals(conformal, (80,), errors, np.arange(0, 100, 2))
    lows, _ = intervals.bounds(80)
    found = intervals._at(lows, np.array([0, 1, 50, 51]))
    np.testing.assert_array_equal(found[:, 0], lows[[0, 0, 25, 25], 0])
