"""A task's frozen scale: bounds, reference point and best known front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstmopt.pareto import REFERENCE, hypervolume

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TaskScale:
    """Bounds that never move, so that a figure means the same in every benchmark of a task.

    A learned objective is 0 at the best known value and 1 at the median; a static one (``log``)
    runs from 0 to 1 on the logarithm between its extremes. ``front`` holds the best known points,
    unscaled, lower is better.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    log: tuple[bool, ...]
    front: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, points: ArrayLike, log: Sequence[bool]) -> TaskScale:
        """Freeze the scale of a task from many of its finished points [n, objectives]."""
        values = np.asarray(points, float)
        flags = np.array(log)
        high = np.where(flags, values.max(0), np.median(values, 0))
        front = values[moocore.is_nondominated(values)]  # of equal points one
        return cls(
            tuple(values.min(0).tolist()),
            tuple(high.tolist()),
            tuple(log),
            tuple(tuple(point) for point in front.tolist()),
        )

    def scaled(self, points: ArrayLike) -> Floats:
        """TaskScale points [n, objectives]."""
        values = np.array(points, float).reshape(-1, len(self.low))
        low, high, log = np.array(self.low), np.array(self.high), np.array(self.log)
        with np.errstate(all="ignore"):  # the branch not taken
            linear = (values - low) / (high - low)
            ratio = np.log(values / low) / np.log(high / low)
        # an objective may hold one value only, which is then the best
        return np.where(high > low, np.where(log, ratio, linear), 0.0)

    def hypervolume(self, points: ArrayLike) -> float:
        """Return the hypervolume of points [n, objectives] below the reference point."""
        scaled = self.scaled(points)
        scaled = scaled[(scaled < REFERENCE).all(1)]
        return hypervolume(scaled)
