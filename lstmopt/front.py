"""Dominance, fronts, hypervolume and knees: arrays in, arrays out.

Every objective is minimised here: a caller negates what it maximises.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def dominates(a: ArrayLike, b: ArrayLike) -> bool:
    """Say whether point ``a`` [objectives] is no worse than ``b`` everywhere and better once."""
    left, right = np.asarray(a, float), np.asarray(b, float)
    return bool((left <= right).all() and (left < right).any())


def front_mask(points: ArrayLike) -> NDArray[np.bool_]:
    """Mark the points [n, objectives] that no other point dominates; equal points all stay.

    Points are visited in lexicographic order, so that a point can be dominated only by one
    visited before it: O(n x front) comparisons (Kung, Luccio and Preparata, 1975). Two objectives
    take O(n log n).
    """
    values = _as_points(points)
    if values.shape[1] == 2:
        distinct, inverse = np.unique(values, axis=0, return_inverse=True)
        return _front_of_two(distinct)[inverse.reshape(-1)]
    mask = np.zeros(len(values), bool)
    kept = np.empty((0, values.shape[1]))
    for index in np.lexsort(values.T[::-1]):
        point = values[index]
        dominated = ((kept <= point).all(1) & (kept < point).any(1)).any()
        if not dominated:
            mask[index] = True
            kept = np.vstack([kept, point])
    return mask


def _front_of_two(distinct: Floats) -> NDArray[np.bool_]:
    """Mark the front of distinct points in lexicographic order: each second value a new lowest."""
    lowest = np.minimum.accumulate(distinct[:, 1])
    before = np.insert(lowest[:-1], 0, np.inf) if len(distinct) else lowest
    mask: NDArray[np.bool_] = distinct[:, 1] < before
    return mask


def front_ranks(points: ArrayLike) -> NDArray[np.int_]:
    """Return the non-dominated rank of each point [n, objectives]: 0 is the front.

    Rank k is the front of what is left without the ranks below k (Deb et al., 2002); equal points
    share a rank. Two objectives take O(n log n) (Jensen, 2003).
    """
    values = _as_points(points)
    if values.shape[1] != 2:
        return _ranks_by_peeling(values)
    distinct, inverse = np.unique(values, axis=0, return_inverse=True)  # in lexicographic order
    lowest: list[float] = []  # the lowest second value of each rank so far, which increases
    ranks = np.empty(len(distinct), int)
    for n, second in enumerate(distinct[:, 1].tolist()):
        ranks[n] = rank = bisect_right(lowest, second)
        lowest[rank : rank + 1] = [second]
    return ranks[inverse.reshape(-1)]


def _ranks_by_peeling(values: Floats) -> NDArray[np.int_]:
    ranks = np.empty(len(values), int)
    left, rank = np.arange(len(values)), 0
    while len(left):
        mask = front_mask(values[left])
        ranks[left[mask]] = rank
        left, rank = left[~mask], rank + 1
    return ranks


def contributions(front: ArrayLike, reference: ArrayLike) -> Floats:
    """Return the hypervolume that each point of a front [n, objectives] alone adds to the others'.

    No point may dominate another; one that is there twice adds nothing.
    """
    values = _as_points(front)
    corner = np.asarray(reference, float)
    if values.shape[1] == 2:
        return _contributions_of_two(values, corner)
    whole = hypervolume(values, corner)
    rest = [hypervolume(np.delete(values, n, axis=0), corner) for n in range(len(values))]
    return whole - np.array(rest)


def _contributions_of_two(values: Floats, corner: Floats) -> Floats:
    """Take the rectangle between each point and its two neighbours."""
    found = np.zeros(len(values))
    distinct, first, counts = np.unique(values, axis=0, return_index=True, return_counts=True)
    inside = (distinct < corner).all(1)
    front, owners = distinct[inside], first[inside]
    right = np.append(front[1:, 0], corner[0])
    above = np.insert(front[:-1, 1], 0, corner[1])
    # a point that is there twice adds nothing alone, and takes from its neighbours all the same
    alone = counts[inside] == 1
    found[owners[alone]] = ((right - front[:, 0]) * (above - front[:, 1]))[alone]
    return found


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Return the volume that ``points`` [n, objectives] dominate within ``reference``.

    Exact, by slicing along the last objective (HSO; While, Hingston, Barone and Huband, 2006);
    points that do not lie strictly below the reference add nothing.
    """
    corner = np.asarray(reference, float)
    values = _as_points(points, len(corner))
    values = values[(values < corner).all(1)]
    return _hypervolume(np.unique(values[front_mask(values)], axis=0), corner)


def _hypervolume(values: Floats, corner: Floats) -> float:
    if len(values) == 0:
        return 0.0
    if len(corner) == 1:
        return float(corner[0] - values.min())
    if len(corner) == 2:
        values = values[np.argsort(values[:, 0])]
        ceilings = np.minimum.accumulate(np.concatenate([corner[1:], values[:-1, 1]]))
        heights = np.maximum(ceilings - values[:, 1], 0)
        return float(((corner[0] - values[:, 0]) * heights).sum())
    values = values[np.argsort(values[:, -1])]
    depths = np.diff(np.append(values[:, -1], corner[-1]))
    slices = (
        _hypervolume(values[: n + 1, :-1][front_mask(values[: n + 1, :-1])], corner[:-1]) * depth
        for n, depth in enumerate(depths)
        if depth > 0
    )
    return float(sum(slices))


def knee(points: ArrayLike) -> int:
    """Return the index of the knee of a front [n, objectives].

    Each objective is scaled to 0..1 over the given points; the knee is the point farthest below
    the hyperplane through the extremes, which is the one with the smallest sum (Das, 1999).
    The first wins a tie.
    """
    values = _as_points(points)
    if len(values) == 0:
        raise ValueError("a knee needs at least one point")
    low, high = values.min(0), values.max(0)
    width = np.where(high > low, high - low, 1.0)
    return int(((values - low) / width).sum(1).argmin())


def _as_points(points: ArrayLike, objectives: int = 1) -> Floats:
    values = np.asarray(points, float)
    if values.size == 0:
        return np.empty((0, objectives))
    if values.ndim != 2 or np.isnan(values).any():
        raise ValueError(f"points must be [n, objectives] without NaN, not shape {values.shape}")
    return values
