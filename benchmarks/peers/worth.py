"""What a front is worth: hypervolume within bounds that are the same for all contenders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lstmopt.pareto import hypervolume


@dataclass(frozen=True)
class Worth:
    """Loss from ``best`` (0) to ``median`` (1), latency on the logarithm between its extremes.

    Beyond 1.1 nothing counts.
    """

    best: float
    median: float
    fastest: float
    slowest: float

    def __call__(self, points: Sequence[tuple[float, float]]) -> float:
        """Return the hypervolume of (loss, milliseconds); 0 where there are none."""
        if not points:
            return 0.0
        loss, latency = np.array(points).T
        scaled = np.column_stack(
            [
                (loss - self.best) / (self.median - self.best),
                np.log(latency / self.fastest) / math.log(self.slowest / self.fastest),
            ]
        )
        return hypervolume(scaled, [1.1, 1.1])


def covers(points: Sequence[tuple[float, float]], front: Sequence[tuple[float, float]]) -> bool:
    """Say whether for each point of ``front`` one of ``points`` is as good in loss and latency."""
    return all(any(p[0] <= f[0] and p[1] <= f[1] for p in points) for f in front)
