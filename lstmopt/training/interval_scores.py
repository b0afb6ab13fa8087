"""How good intervals are: do they hold the truth, and how wide are they; loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class IntervalScores:
    """What intervals came to, in the target's own units; NaN where no truth was observed.

    Attributes:
        coverage: The share of truths that lie within, ends included.
        width: Mean distance of the ends.
        winkler: Mean of the width and, where the truth lies outside, of its distance times 2 / α,
            where 1 - α is the level as a share; lower is better.
        pinball: Mean over both ends of the pinball loss of the quantiles that they stand for, α / 2
            and 1 - α / 2; α / 4 of ``winkler``.

    References:
        Winkler, A decision-theoretic approach to interval estimation, JASA 67, 1972; Gneiting and
        Raftery, Strictly proper scoring rules, prediction, and estimation, JASA 102, 2007,
        https://doi.org/10.1198/016214506000001437
    """

    coverage: float
    width: float
    winkler: float
    pinball: float


def score_intervals(lower: Floats, upper: Floats, truth: Floats, level: float) -> IntervalScores:
    """Score intervals where the truth was observed.

    Args:
        lower: Their lower ends, of any shape.
        upper: Their upper ends, of the same shape.
        truth: What came, of the same shape; NaN where it was not observed.
        level: In per cent.

    Returns:
        The scores.

    Raises:
        ValueError: Where the shapes differ.
    """
    if not lower.shape == upper.shape == truth.shape:
        raise ValueError(f"shapes differ: {lower.shape}, {upper.shape}, {truth.shape}")
    known = np.isfinite(truth)
    low, high, came = lower[known], upper[known], truth[known]
    if not len(came):
        return IntervalScores(math.nan, math.nan, math.nan, math.nan)
    alpha = 1 - level / 100
    width = float(np.mean(high - low))
    missed = float(np.mean(np.maximum(low - came, 0) + np.maximum(came - high, 0)))
    winkler = width + 2 / alpha * missed
    within = float(np.mean((low <= came) & (came <= high)))
    return IntervalScores(within, width, winkler, alpha / 4 * winkler)
