"""Fronts and hypervolumes of 10,000 points."""

from __future__ import annotations

import numpy as np
import pytest

from lstmopt.pareto import front_mask, hypervolume

POINTS = 10_000


def cloud(objectives: int) -> np.ndarray:
    """Points of which few are on the front, as in a study."""
    return np.random.default_rng(0).uniform(size=(POINTS, objectives))


def sphere(points: int) -> np.ndarray:
    """Points that are all on a front of two objectives, the worst case."""
    angles = np.linspace(0, np.pi / 2, points)
    return 1 - np.column_stack([np.cos(angles), np.sin(angles)])


@pytest.mark.parametrize("objectives", [2, 3])
def bench_front(benchmark, objectives):
    benchmark(front_mask, cloud(objectives))


def bench_front_of_a_sphere(benchmark):
    benchmark.pedantic(front_mask, (sphere(POINTS),), rounds=3)


@pytest.mark.parametrize("objectives", [2, 3])
def bench_hypervolume(benchmark, objectives):
    benchmark(hypervolume, cloud(objectives), [1.1] * objectives)
