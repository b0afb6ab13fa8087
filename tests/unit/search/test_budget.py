from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.search.active_trial import ActiveTrial
from lstmopt.search.budget import SearchBudget
from lstmopt.search_space import Candidate
from lstmopt.system import deadline
from lstmopt.system.deadline import Deadline


def training(*asked):
    return [ActiveTrial(n, Candidate({}, 0), {}, asked=reports) for n, reports in enumerate(asked)]


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


counts = st.integers(0, 50)


@given(counts, counts, st.lists(counts), st.lists(counts))
def test_what_is_left_is_what_is_neither_trained_nor_asked_for(total, earlier, spent, asked):
    left = SearchBudget(5, total, trained=earlier)
    for reports in spent:
        left.spend(reports)
    assert left.reports_left(training(*asked)) == total - earlier - sum(spent) - sum(asked)
    assert left.is_spent(training(*asked)) == (total - earlier - sum(spent) - sum(asked) < 1)


@given(counts, counts)
def test_no_more_trials_are_begun_than_there_may_be(trials, begun):
    left = SearchBudget(trials).trials_left(begun)
    assert left == max(0, trials - begun)


def test_without_a_limit_nothing_but_trials_runs_out(clock):
    unlimited = SearchBudget(5)
    unlimited.spend(10**9)
    clock.now += 1e9
    assert unlimited.reports_left(training(3)) == math.inf
    assert not unlimited.is_spent([])
    assert not unlimited.time_is_up


def test_time_is_counted_from_the_beginning_and_spends_everything(clock):
    timed = SearchBudget(5, 100, Deadline(60, clock.now))
    clock.now += 59
    assert timed.seconds_left == 1
    assert not timed.is_spent([])
    clock.now += 1
    assert timed.time_is_up
    assert timed.is_spent([])


def test_what_comes_after_the_search_is_kept_back(clock):
    timed = SearchBudget(5, 100, Deadline(60, clock.now))
    timed.kept_back = 20
    clock.now += 39
    assert timed.seconds_left == 1
    clock.now += 1
    assert timed.time_is_up


def test_the_last_quarter_of_the_search_is_its_closing(clock):
    timed = SearchBudget(5, 100, Deadline(60, clock.now))
    timed.kept_back = 20  # 40 seconds to search
    for second in range(40):
        assert timed.is_closing == (second > 30), second
        clock.now += 1
    assert timed.is_closing
    assert not SearchBudget(5, 100).is_closing
