from __future__ import annotations

import itertools

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.pareto import (
    GrowingFront,
    NonDominatedRanks,
    contributions,
    dominates,
    front_mask,
    hypervolume,
    knee,
)

coordinates = st.integers(0, 6).map(float)


def clouds(objectives: int, most: int = 8):
    return st.lists(st.tuples(*[coordinates] * objectives), max_size=most)


any_cloud = st.integers(1, 4).flatmap(clouds)


@given(any_cloud)
def test_the_front_is_what_brute_force_finds(points):
    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert front_mask(points).tolist() == expected


@given(any_cloud, st.randoms())
def test_a_front_that_grows_is_at_every_point_the_front_of_what_came(points, random):
    growing, numbers = GrowingFront(), list(range(len(points)))
    random.shuffle(numbers)  # trials end in another order than they began
    for place, number in enumerate(numbers):
        came = sorted(numbers[: place + 1])
        stays = growing.add(number, points[number])
        mask = front_mask([points[n] for n in came])
        front = [n for n, kept in zip(came, mask, strict=True) if kept]
        firsts = {points[n]: n for n in reversed(front)}  # of equal points the lowest number
        assert sorted(growing.numbers) == sorted(firsts.values())
        assert growing.points == [points[n] for n in growing.numbers]
        assert stays == (number in firsts.values())


@given(st.tuples(coordinates, coordinates), st.tuples(coordinates, coordinates))
def test_dominance_is_asymmetric(a, b):
    assert not (dominates(a, b) and dominates(b, a))
    assert not dominates(a, a)


def volume_by_cells(points, reference) -> int:
    """Count the unit cells below the reference that some point dominates."""
    cells = itertools.product(*[range(int(r)) for r in reference])

    def covered(cell) -> bool:
        return any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points)

    return sum(map(covered, cells))


@given(st.integers(1, 4).flatmap(lambda n: clouds(n, 6)))
def test_hypervolume_is_the_number_of_dominated_cells(points):
    reference = [5.0] * (len(points[0]) if points else 2)
    assert hypervolume(points, reference) == pytest.approx(volume_by_cells(points, reference))


@given(clouds(3), st.tuples(coordinates, coordinates, coordinates))
def test_another_point_never_lowers_the_hypervolume(points, new):
    reference = [5.0] * 3
    assert hypervolume([*points, new], reference) >= hypervolume(points, reference) - 1e-9


@given(any_cloud)
def test_a_rank_is_the_front_of_what_the_ranks_below_leave(points):
    ranking = NonDominatedRanks(len(points[0]) if points else 1)
    for point in points:
        ranking.add(point)
    ranks = ranking.ranks.tolist()
    for rank in range(len(points)):
        left = [point for point, r in zip(points, ranks, strict=True) if r >= rank]
        mine = [r == rank for r in ranks if r >= rank]
        assert front_mask(left).tolist() == mine


def test_ranks_of_many_points_are_those_of_a_sort_of_all_at_once():
    points = np.random.default_rng(0).integers(0, 30, (400, 2))
    expected = moocore.pareto_rank(points.astype(float)).tolist()
    one_by_one, by_chunks = NonDominatedRanks(2), NonDominatedRanks(2)
    for point in points:
        one_by_one.add(point)
    for chunk in np.split(points, [1, 3, 40, 41, 120, 350]):
        by_chunks.extend(chunk)
    assert one_by_one.ranks.tolist() == by_chunks.ranks.tolist() == expected
    assert by_chunks.points.tolist() == points.tolist()


@given(any_cloud)
def test_a_contribution_is_what_the_hypervolume_loses_without_the_point(points):
    points = [p for p, kept in zip(points, front_mask(points), strict=True) if kept]
    reference = [5.0] * (len(points[0]) if points else 2)
    expected = [
        hypervolume(points, reference) - hypervolume(points[:n] + points[n + 1 :], reference)
        for n in range(len(points))
    ]
    assert contributions(points, reference) == pytest.approx(expected)


@given(clouds(2).filter(bool), st.floats(0.1, 10), st.floats(-5, 5))
def test_the_knee_does_not_depend_on_units(points, scale, shift):
    moved = np.asarray(points) * [scale, 1] + [shift, 0]
    width = np.ptp(np.asarray(points), axis=0)
    sums = ((np.asarray(points) - np.min(points, 0)) / np.where(width > 0, width, 1)).sum(1)
    chosen = sums[knee(moved)]
    assert chosen == pytest.approx(sums.min())


def test_the_knee_is_the_bend_of_a_bent_front():
    assert knee([(0, 10), (1, 2), (10, 0)]) == 1


def test_points_with_nan_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        front_mask([(1.0, np.nan)])
