"""Every window is judged where there is time, an even sample of them where there is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.forecasting import judging
from lstmopt.forecasting.baselines import repeat
from lstmopt.forecasting.judging import affordable, even_sample, judge
from lstmopt.training.metrics import score
from support.parts import make_part

PART = make_part(160, 240)


class Clock:
    """A clock that only forecasts move: what they take together, and for each window."""

    def __init__(self, monkeypatch, together: float, each: float) -> None:
        self.now, self.together, self.each = 0.0, together, each
        monkeypatch.setattr(judging.time, "perf_counter", lambda: self.now)

    def forecast(self, part):
        self.now += self.together + self.each * len(part.origins())
        return repeat(part)


@pytest.mark.parametrize(
    ("together", "each", "windows"),
    [(0, 0.1, 79), (5, 0.01, 79), (0, 1, 27), (2, 2, 20), (99, 0, 20), (0, 30, 20)],
)
def test_a_part_is_forecast_as_far_as_time_allows(monkeypatch, together, each, windows):
    """10 of 79 windows would say too little where each takes a second: 20 are always looked at."""
    clock = Clock(monkeypatch, together, each)
    limit = 30 if each == 1 else 10
    assert len(PART.origins()) == 79
    found = len(affordable(clock.forecast, PART, limit).origins())
    assert found <= windows + 1
    assert found == (79 if windows == 79 else pytest.approx(windows, abs=1))


@given(
    st.integers(1, 3_000),
    st.integers(-5, 4_000),
    st.lists(st.sampled_from([2, 7, 12, 24, 48, 96, 168, 365]), max_size=3),
)
def test_a_sample_is_even_ends_last_and_goes_along_with_no_season(windows, most, seasons):
    origins = np.arange(10, 10 + windows)
    sample = even_sample(origins, most, seasons)
    steps = set(np.diff(sample))
    assert len(steps) <= 1
    assert sample[-1] == origins[-1]
    assert len(sample) <= max(most, 20)
    if steps and steps != {1}:
        assert all(math.gcd(int(step), season) == 1 for step in steps for season in seasons)
    if not seasons:
        assert len(sample) >= min(windows, max(most, 20)) // 2


def test_all_windows_are_scored_as_they_are():
    judged = judge(repeat, PART, 60.0, "test")
    targets, mask = PART.gather_targets(PART.origins())
    assert judged.scores == score(repeat(PART), targets, mask)
    assert judged.errors.mean() == pytest.approx(judged.scores.mse)
    assert not judged.sampled
    np.testing.assert_array_equal(judged.last, repeat(PART))
    assert judged.lags(7) == 7


def test_a_sample_is_scored_alone_and_what_is_kept_says_what_was_left_out(monkeypatch):
    clock = Clock(monkeypatch, 0, 1)
    judged = judge(clock.forecast, PART, 10.0, "test", (4,))
    everything, sample = PART.origins(), judged.origins
    assert judged.sampled
    assert judged.windows == 79
    targets, mask = PART.gather_targets(sample)
    assert judged.scores == score(repeat(PART.at(sample)), targets, mask)
    kept = np.isin(everything, sample)
    assert kept.any()
    assert not kept.all()
    np.testing.assert_array_equal(judged.last[kept], repeat(PART)[kept])
    assert np.isnan(judged.last[~kept]).all()
    step = int(np.diff(sample)[0])
    assert judged.lags(7) == math.ceil(7 * len(sample) / 79)
    assert judged.lags(7) * step >= 7 > (judged.lags(7) - 2) * step
