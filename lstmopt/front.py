"""Dominance, fronts, hypervolume and knees: arrays in, arrays out.

Every objective is minimised here: a caller negates what it maximises.
"""

from __future__ import annotations

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
    visited before it: O(n x front) comparisons (Kung, Luccio and Preparata, 1975).
    """
    values = _as_points(points)
    mask = np.zeros(len(values), bool)
    kept = np.empty((0, values.shape[1]))
    for index in np.lexsort(values.T[::-1]):
        point = values[index]
        dominated = ((kept <= point).all(1) & (kept < point).any(1)).any()
        if not dominated:
            mask[index] = True
            kept = np.vstack([kept, point])
    return mask


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
