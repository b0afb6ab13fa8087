"""Ends of intervals that follow the errors as they come; loads no torch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATE = 0.05
"""What an end moves by at most for an error, as a share of the interval's first width, where one
row is forecast at once; of h rows 1/√h of that: errors come h rows late and go together as long."""


def track(lower: Floats, upper: Floats, errors: Floats, level: float) -> tuple[Floats, Floats]:
    """Let both ends follow errors: outwards after one that lies beyond, else a little inwards.

    Whatever the errors are, within bounds that move as slowly, the share of them beyond an end
    comes to (1 - level) / 2: after T of them it is no further off than (B + s) / (s T), where s is
    the largest step and B how far errors reach.

    Args:
        lower: Where the lower end begins, by lead [horizon].
        upper: Where the upper end begins [horizon].
        errors: Truth minus forecast in time's order [windows, horizon], NaN where no truth was
            observed, which moves nothing.
        level: In per cent.

    Returns:
        The lower and the upper end before the first error, and after each [windows + 1, horizon].

    References:
        Angelopoulos, Candès and Tibshirani, Conformal PID control for time series prediction,
        NeurIPS 2023, https://arxiv.org/abs/2307.16895 (quantile tracking); Gibbs and Candès,
        Adaptive conformal inference under distribution shift, NeurIPS 2021,
        https://arxiv.org/abs/2106.00170
    """
    beyond = (1 - level / 100) / 2
    step = RATE / math.sqrt(len(lower)) * (upper - lower)
    ends = np.empty((2, len(errors) + 1, len(lower)))
    ends[:, 0] = lower, upper
    for number, error in enumerate(errors):
        low, high = ends[:, number]
        moved = np.where(np.isnan(error), 0.0, step)
        ends[0, number + 1] = low - moved * ((error < low) - beyond)
        ends[1, number + 1] = high + moved * ((error > high) - beyond)
    return np.minimum(*ends), np.maximum(*ends)


def known_before(
    origins: NDArray[np.int64], at: NDArray[np.int64], horizon: int
) -> NDArray[np.int64]:
    """Count the errors that are known when a forecast is made.

    Args:
        origins: The last rows that were read before forecasts whose errors come, ascending
            [windows].
        at: That of each forecast to be made [forecasts].
        horizon: Leads.

    Returns:
        How many of the windows have a truth by then, for each lead [forecasts, horizon].
    """
    leads = range(1, horizon + 1)
    return np.stack([np.searchsorted(origins + lead, at, "right") for lead in leads], axis=1)
