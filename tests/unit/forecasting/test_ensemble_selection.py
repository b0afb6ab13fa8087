"""Means of forecasts are chosen on validation as brute force would choose them, step by step."""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.forecasting.ensemble_selection import (
    MOST_ERROR,
    MOST_MEMBERS,
    error_products,
    greedy_path,
    mean_mse,
)

POOLS = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 30))


def pool_of(seed: int, members: int, windows: int):
    rng = np.random.default_rng(seed)
    targets = rng.standard_normal((windows, 2)).astype(np.float32)
    mask = rng.random((windows, 2)) < 0.8
    mask[0, 0] = True
    noise = rng.standard_normal((members, windows, 2)) + rng.standard_normal((members, 1, 1))
    return [(targets + each).astype(np.float32) for each in noise], targets, mask


def mse(forecasts, targets, mask) -> float:
    return float(np.mean((forecasts.astype(np.float64) - targets)[mask] ** 2))


def places(selected) -> list[int]:
    return [place for place, count in selected.counts for _ in range(count)]


@given(POOLS)
def test_the_error_of_a_mean_is_that_of_its_forecasts(drawn):
    forecasts, targets, mask = pool_of(*drawn)
    products = error_products(forecasts, targets, mask)
    for chosen in combinations_with_replacement(range(len(forecasts)), 3):
        mean = np.mean([forecasts[n].astype(np.float64) for n in chosen], axis=0)
        assert mean_mse(products, chosen) == pytest.approx(mse(mean, targets, mask))


@given(POOLS)
def test_a_path_begins_with_the_best_and_each_step_is_better(drawn):
    forecasts, targets, mask = pool_of(*drawn)
    path = greedy_path(error_products(forecasts, targets, mask))
    single = [mse(each, targets, mask) for each in forecasts]
    assert path[0].counts == ((int(np.argmin(single)), 1),)
    assert path[0].mse == pytest.approx(min(single))
    assert all(after.mse < before.mse for before, after in pairwise(path))
    assert path[-1].members <= MOST_MEMBERS


@given(POOLS)
def test_two_members_are_the_best_that_hold_the_first(drawn):
    forecasts, targets, mask = pool_of(*drawn)
    products = error_products(forecasts, targets, mask)
    path = greedy_path(products, 2)
    (first, _), *_ = path[0].counts
    single = products.diagonal()
    near = np.flatnonzero(single <= MOST_ERROR * single.min())
    best = min(mean_mse(products, (first, n)) for n in near)
    reached = path[-1].mse
    assert reached == pytest.approx(min(best, path[0].mse))


@given(POOLS)
def test_no_path_is_better_than_all_multisets(drawn):
    seed, members, windows = drawn
    products = error_products(*pool_of(seed, min(members, 4), windows))
    everything = (
        mean_mse(products, chosen)
        for size in range(1, 5)
        for chosen in combinations_with_replacement(range(len(products)), size)
    )
    path = greedy_path(products, 4)
    assert path[-1].mse >= min(everything) * (1 - 1e-9)
    for selected in path:
        assert selected.mse == pytest.approx(mean_mse(products, places(selected)))


def test_a_member_may_count_more_than_once():
    targets, mask = np.zeros((1, 1), np.float32), np.ones((1, 1), bool)
    forecasts = [np.full((1, 1), value, np.float32) for value in (1.0, -1.2)]
    path = greedy_path(error_products(forecasts, targets, mask))
    assert path[-1].counts == ((0, 4), (1, 3))
    assert path[-1].mse == pytest.approx((0.4 / 7) ** 2)


def test_what_is_far_worse_than_the_best_alone_is_not_added():
    targets, mask = np.zeros((1, 1), np.float32), np.ones((1, 1), bool)
    forecasts = [np.full((1, 1), value, np.float32) for value in (1.0, -2.0)]
    path = greedy_path(error_products(forecasts, targets, mask))
    assert [selected.counts for selected in path] == [((0, 1),)]


def test_the_first_wins_a_tie():
    targets, mask = np.zeros((3, 1), np.float32), np.ones((3, 1), bool)
    same = np.ones((3, 1), np.float32)
    assert greedy_path(error_products([same, same, same], targets, mask))[0].counts == ((0, 1),)
    assert len(greedy_path(error_products([same, same], targets, mask))) == 1


def test_an_empty_pool_has_no_path():
    assert greedy_path(np.empty((0, 0))) == []
