"""Errors of forecasts; loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """Errors over every observed target of a part, in the units of its targets."""

    mse: float
    mae: float
    r2: float


def score(forecasts: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Scores:
    """Score forecasts against targets, both [windows, horizon], where ``mask`` is true.

    R² compares with the mean of the scored targets; it is NaN where they do not vary.
    """
    if not forecasts.shape == targets.shape == mask.shape:
        raise ValueError(f"shapes differ: {forecasts.shape}, {targets.shape}, {mask.shape}")
    truth = targets[mask].astype(np.float64)
    errors = forecasts[mask].astype(np.float64) - truth
    mse, variance = float(np.mean(errors**2)), float(truth.var())
    r2 = 1 - mse / variance if variance > 0 else math.nan
    return Scores(mse, float(np.mean(np.abs(errors))), r2)
