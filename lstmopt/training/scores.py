"""Forecasts of a network over a part, and their errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lstmopt.training.batches import SCORED, DevicePart


@dataclass(frozen=True)
class Scores:
    """Errors over every observed target of a part, in the units of its targets."""

    mse: float
    mae: float
    r2: float


def evaluate(
    model: nn.Module,
    part: DevicePart,
    origins: Tensor,
    between: Callable[[], object] = lambda: None,
) -> Scores:
    """Score forecasts at ``origins`` on exactly one window of context each.

    Weighted by target, so that the answer does not depend on any batch size. ``between`` is called
    between batches.
    """
    forecasts = predict(model, part, origins, between)  # [windows, horizon]
    return score(forecasts.cpu().numpy(), *part.part.gather_targets(origins.cpu().numpy()))


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


def predict(
    model: nn.Module,
    part: DevicePart,
    origins: Tensor,
    between: Callable[[], object] = lambda: None,
) -> Tensor:
    """Forecast [windows, horizon] at ``origins``, in eval mode; see `evaluate`."""
    model.eval()
    chunks = []
    with torch.inference_mode():
        for batch in part.batches(origins, SCORED):
            between()
            chunks.append(model(batch.inputs.transpose(0, 1))[:, -1])
    return torch.cat(chunks)
