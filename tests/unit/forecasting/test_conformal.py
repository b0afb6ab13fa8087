from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.data.scaling import Scaling
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.conformal import MOST_WINDOWS, Conformal, Intervals
from lstmopt.forecasting.levels import check_levels
from lstmopt.training.interval_scores import score_intervals

LEVELS = (50.0, 80.0, 90.0)
NUMBERS = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)


def errors_of(count, horizon=2, seed=0):
    return np.random.default_rng(seed).standard_normal((count, horizon)) ** 3


@given(st.lists(NUMBERS, min_size=20, max_size=120), st.floats(1, 90))
def test_ends_are_the_order_statistics_that_the_rule_names(values, level):
    lower, upper = Conformal(np.array(values)[:, None]).bounds(level)
    count, share = len(values), level / 100
    if count < 39:
        wanted = sorted(map(abs, values))[math.ceil(round((count + 1) * share, 9)) - 1]
        assert (lower[0], upper[0]) == (-wanted, wanted)
    else:
        rank = math.ceil(round((count + 1) * (1 + share) / 2, 9))
        assert upper[0] == sorted(values)[rank - 1]
        assert lower[0] == sorted(values)[count - rank]


@given(st.lists(NUMBERS, min_size=20, max_size=80), st.floats(1, 90), st.floats(1, 90))
def test_an_interval_of_a_higher_level_holds_that_of_a_lower(values, one, other):
    conformal = Conformal(np.array(values)[:, None])
    (low, high), (wide_low, wide_high) = map(conformal.bounds, sorted((one, other)))
    assert wide_low[0] <= low[0]
    assert high[0] <= wide_high[0]


@given(st.floats(1e-3, 1e3), st.sampled_from(LEVELS), st.sampled_from([20, 60]))
def test_scaling_the_target_scales_the_interval(unit, level, count):
    own, scaled = Conformal(errors_of(count)), Conformal(errors_of(count) * unit)
    for before, after in zip(own.bounds(level), scaled.bounds(level), strict=True):
        np.testing.assert_allclose(after, before * unit)


@pytest.mark.parametrize("count", [20, 38, 39, 100])
@pytest.mark.parametrize("level", [50.0, 80.0, 90.0])
def test_exchangeable_errors_are_covered_at_least_as_often_as_the_level_says(count, level):
    rng, held, times = np.random.default_rng(1), 0, 8_000
    for errors in rng.gamma(2.0, size=(times, count + 1)):  # all on one side
        lower, upper = Conformal(errors[:-1, None]).bounds(level)
        held += lower[0] <= errors[-1] <= upper[0]
    four_deviations = 4 * math.sqrt(0.25 / times)
    assert held / times >= level / 100 - four_deviations
    # one error more or less at each end is all that is given away
    assert held / times <= level / 100 + 2 / (count + 1) + four_deviations + (count < 39) * 0.01


def test_each_lead_has_an_interval_of_its_own_from_what_was_observed_of_it():
    errors = errors_of(60) * [1.0, 10.0]
    errors[:10, 1] = np.nan
    lower, upper = Conformal(errors).bounds(80)
    alone = [Conformal(errors[:, :1]).bounds(80), Conformal(errors[10:, 1:]).bounds(80)]
    np.testing.assert_array_equal(lower, [alone[0][0][0], alone[1][0][0]])
    np.testing.assert_array_equal(upper, [alone[0][1][0], alone[1][1][0]])


def test_a_level_that_there_are_too_few_errors_for_is_refused_with_what_they_reach():
    for count, most in ((4, 80), (9, 90), (19, 95), (38, 97.4), (39, 95)):
        conformal = Conformal(errors_of(count))
        conformal.bounds(most)
        with pytest.raises(LstmoptError, match=rf"found {count}, which reach .* %: ask for a low"):
            conformal.bounds(most + 1.5)


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([0], "between 0 and 100 per cent, found 0"),
        ([100.0], "found 100"),
        ([-5], "found -5"),
        ([float("nan")], "found nan"),
        ([90, 80, 90.0], "each level is asked for once, found 90, 80, 90"),
    ],
)
def test_levels_that_are_none_are_refused(levels, words):
    with pytest.raises(LstmoptError, match=words):
        check_levels(levels)


def test_errors_are_kept_evenly_over_time_and_of_the_newest_too():
    truth = np.arange(2_500.0)[:, None]
    conformal = Conformal.of(truth)
    assert len(conformal.errors) == 834 <= MOST_WINDOWS
    np.testing.assert_array_equal(conformal.errors[:, 0], truth[::3, 0])
    both = conformal.joined(np.full((500, 1), -1.0))
    assert len(both.errors) <= MOST_WINDOWS
    assert (both.errors == -1).sum() == pytest.approx(250, abs=1)


def test_what_is_described_is_restored_to_a_float32():
    conformal = Conformal(errors_of(50, 3))
    again = Conformal.restore(conformal.description())
    np.testing.assert_allclose(again.errors, conformal.errors, rtol=1e-6)
    with pytest.raises(ValueError, match=r"base64|padding|characters"):
        Conformal.restore({"scale": "constant", "errors": {"shape": [1, 3], "float32": "?"}})


def test_columns_are_named_and_ordered_as_neuralforecasts_are():
    conformal = Conformal(np.linspace(-1, 1, 99)[:, None] * [1, 2])
    scaling = Scaling(np.array([10.0]), np.array([2.0]))
    columns = Intervals(conformal, (80, 97.5)).columns("y", np.float32([[0, 5]]), scaling)
    assert list(columns) == ["y-lo-97.5", "y-lo-80", "y-hi-80", "y-hi-97.5"]
    assert columns["y-lo-80"] == pytest.approx([10 - 0.8163, 20 - 1.6327], abs=1e-3)


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=20),
    st.sampled_from([50.0, 80.0, 95.0]),
)
def test_scores_are_those_of_the_definitions(rows, level):
    low, high, truth = (np.array(column) for column in zip(*rows, strict=True))
    low, high = np.minimum(low, high), np.maximum(low, high)
    alpha = 1 - level / 100
    winkler, pinball, within = [], [], []
    for down, up, y in zip(low, high, truth, strict=True):
        winkler.append(up - down + 2 / alpha * (max(down - y, 0) + max(y - up, 0)))
        within.append(down <= y <= up)
        for end, q in ((down, alpha / 2), (up, 1 - alpha / 2)):
            pinball.append(max(q * (y - end), (q - 1) * (y - end)))
    found = score_intervals(low, high, truth, level)
    assert found.coverage == np.mean(within)
    assert found.winkler == pytest.approx(np.mean(winkler), rel=1e-6)
    assert found.pinball == pytest.approx(np.mean(pinball), rel=1e-6, abs=1e-9)
    assert found.width == pytest.approx(np.mean(high - low))


def test_what_was_not_observed_counts_nowhere():
    truth = np.array([[0.0, np.nan], [5.0, np.nan]])
    ends = np.full((2, 2), -1.0), np.full((2, 2), 1.0)
    assert score_intervals(*ends, truth, 80).coverage == 0.5
    assert math.isnan(score_intervals(*ends, np.full((2, 2), np.nan), 80).winkler)
    with pytest.raises(ValueError, match="shapes differ"):
        score_intervals(ends[0], ends[1], truth[0], 80)
