"""Dominance, fronts, hypervolume and knees: arrays in, arrays out.

Every objective is minimised here: a caller negates what it maximises. Fronts and hypervolumes are
moocore's (https://multi-objective.github.io/moocore/).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def dominates(a: ArrayLike, b: ArrayLike) -> bool:
    """Say whether point ``a`` [objectives] is no worse than ``b`` everywhere and better once."""
    left, right = np.asarray(a, float), np.asarray(b, float)
    return bool((left <= right).all() and (left < right).any())


def front_mask(points: ArrayLike) -> NDArray[np.bool_]:
    """Mark the points [n, objectives] that no other point dominates; equal points all stay."""
    values = _as_points(points)
    if len(values) == 0:
        return np.zeros(0, bool)
    mask: NDArray[np.bool_] = _moocore().is_nondominated(values, keep_weakly=True)
    return mask


class GrowingFront:
    """The front of points that come one by one; of equal points the lowest number stays."""

    def __init__(self) -> None:
        self._points: dict[int, tuple[float, ...]] = {}

    @property
    def numbers(self) -> list[int]:
        """The numbers of the points on the front, in the order in which they came."""
        return list(self._points)

    @property
    def points(self) -> list[tuple[float, ...]]:
        """The points of the front, in the same order."""
        return list(self._points.values())

    def add(self, number: int, point: Sequence[float]) -> bool:
        """Add a point [objectives]; say whether it is on the front now."""
        new = tuple(point)
        for earlier, known in self._points.items():
            if dominates(known, new) or (known == new and earlier < number):
                return False
        beaten = [n for n, known in self._points.items() if known == new or dominates(new, known)]
        for other in beaten:
            del self._points[other]
        self._points[number] = new
        return True


class NonDominatedRanks:
    """Non-dominated ranks of points that come one by one: rank 0 is the front.

    Rank k is the front of what is left without the ranks below k (Deb et al., NSGA-II, IEEE TEC
    6(2), 2002); equal points share a rank. A rank is the longest chain of dominance that ends at a
    point, so a new point moves others by one at most, and only along the ranks that it reaches:
    adding the 10,000th of two objectives takes a millisecond.
    """

    def __init__(self, objectives: int) -> None:
        self._points, self._ranks = np.empty((64, objectives)), np.empty(64, int)
        self._size = 0

    @property
    def points(self) -> Floats:
        """The points [n, objectives] in the order in which they came."""
        return self._points[: self._size]

    @property
    def ranks(self) -> NDArray[np.int_]:
        """The rank of each point [n]."""
        return self._ranks[: self._size]

    def extend(self, points: ArrayLike) -> None:
        """Add points [n, objectives], many at once faster than one by one."""
        new = _as_points(points, self._points.shape[1])
        if len(new) < _MANY:
            for point in new:
                self.add(point)
            return
        self._points = np.concatenate([self.points, new])
        self._ranks = np.asarray(_moocore().pareto_rank(self._points), int)
        self._size = len(self._points)

    def add(self, point: ArrayLike) -> None:
        """Add a point [objectives]."""
        new = np.asarray(point, float)
        points, ranks = self.points, self.ranks
        no_worse, no_better = (points <= new).all(1), (points >= new).all(1)
        above = no_worse & ~no_better
        rank = int(ranks[above].max()) + 1 if above.any() else 0
        self._push_down(np.flatnonzero(no_better & ~no_worse), new[None], rank)
        if self._size == len(self._ranks):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
            self._ranks = np.concatenate([self._ranks, np.empty_like(self._ranks)])
        self._points[self._size], self._ranks[self._size] = new, rank
        self._size += 1

    def _push_down(self, below: NDArray[np.int_], arrived: Floats, rank: int) -> None:
        """Move, of the points ``below`` a new one, those of ``rank`` that ``arrived`` dominate.

        What moves arrives at the next rank, and may push there in turn.
        """
        below = below[np.argsort(self.ranks[below], kind="stable")]
        starts = np.searchsorted(self.ranks[below], np.arange(rank, self.ranks.max(initial=0) + 2))
        for start, end in pairwise(starts.tolist()):
            there = below[start:end]
            theirs = self.points[there]
            no_worse = (arrived[:, None] <= theirs).all(2)
            better = (arrived[:, None] < theirs).any(2)
            leaving = there[(no_worse & better).any(0)]
            if not len(leaving):
                return
            self._ranks[leaving] += 1
            arrived = self.points[leaving]


_MANY = 16
"""Points from which on it is quicker to rank all anew."""


REFERENCE = 1.1
"""The reference point in every objective that runs from 0 to 1: the ends of a front count too."""


def contributions(front: ArrayLike, reference: ArrayLike | None = None) -> Floats:
    """Return the hypervolume that each point of a front [n, objectives] alone adds to the others'.

    No point may dominate another; one that is there twice adds nothing. Without a ``reference``
    [objectives] it is `REFERENCE` in each.
    """
    values = _as_points(front)
    if len(values) == 0:
        return np.zeros(0)
    corner = _corner(values, reference)
    if len(corner) == 1:  # moocore's begins with two objectives; points of a front are equal here
        return np.maximum(corner - values[:, 0], 0) * (len(values) == 1)
    found: Floats = _moocore().hv_contributions(values, ref=corner)
    return found


def hypervolume(points: ArrayLike, reference: ArrayLike | None = None) -> float:
    """Return the volume that ``points`` [n, objectives] dominate within ``reference``.

    Points that do not lie strictly below the reference add nothing. Without a ``reference``
    [objectives] it is `REFERENCE` in each.
    """
    values = _as_points(points)
    if len(values) == 0:
        return 0.0
    return float(_moocore().hypervolume(values, ref=_corner(values, reference)))


def _corner(points: Floats, reference: ArrayLike | None) -> Floats:
    return (
        np.full(points.shape[1], REFERENCE) if reference is None else np.asarray(reference, float)
    )


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


def spread(points: ArrayLike) -> list[int]:
    """Order a front's points [n, objectives] so that the first few stand for all of them.

    The one with the lowest first objective comes first, then always the one farthest from all
    before it (Gonzalez, Theoretical Computer Science 38, 1985), each objective scaled to 0..1.
    """
    values = _as_points(points)
    if len(values) == 0:
        return []
    width = np.ptp(values, axis=0)
    scaled = (values - values.min(0)) / np.where(width > 0, width, 1.0)
    order = [int(np.lexsort(values.T[::-1])[0])]
    distance = np.linalg.norm(scaled - scaled[order[0]], axis=1)
    while len(order) < len(values):
        distance[order] = -1.0
        order.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[order[-1]], axis=1))
    return order


def _as_points(points: ArrayLike, objectives: int = 1) -> Floats:
    values = np.asarray(points, float)
    if values.size == 0:
        return np.empty((0, objectives))
    if values.ndim != 2 or np.isnan(values).any():
        raise ValueError(f"points must be [n, objectives] without NaN, not shape {values.shape}")
    return values


def _moocore() -> ModuleType:
    """Import it where it is needed: it takes longer to load than a command that lists plug-ins."""
    return import_module("moocore")
