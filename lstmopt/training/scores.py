"""Forecasts of a network over a part, and their errors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.training.batches import SCORED, DevicePart
from lstmopt.training.metrics import Scores, score


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
    return score_at(predict(model, part, origins, between), part, origins)


def score_at(forecasts: Tensor, part: DevicePart, origins: Tensor) -> Scores:
    """Score forecasts [windows, horizon] that were made at ``origins``."""
    return score(forecasts.cpu().numpy(), *part.part.gather_targets(origins.cpu().numpy()))


def predict(
    model: nn.Module,
    part: DevicePart,
    origins: Tensor,
    between: Callable[[], object] = lambda: None,
) -> Tensor:
    """Forecast [windows, horizon] at ``origins``, in eval mode; see `evaluate`."""
    return _forecast(model, model, part, origins, between)


def predict_quantiles(
    model: ForecastNetwork,
    part: DevicePart,
    origins: Tensor,
    between: Callable[[], object] = lambda: None,
) -> Tensor:
    """Forecast quantiles [windows, horizon, quantiles] at ``origins``, as `predict` does."""
    return _forecast(model, model.forecast_quantiles, part, origins, between)


def _forecast(
    model: nn.Module,
    forecast: Callable[[Tensor], Tensor],
    part: DevicePart,
    origins: Tensor,
    between: Callable[[], object],
) -> Tensor:
    model.eval()
    chunks = []
    with torch.inference_mode():
        for batch in part.batches(origins, SCORED, window=getattr(model, "window", None)):
            between()
            chunks.append(forecast(batch.inputs.transpose(0, 1))[:, -1])
    return torch.cat(chunks)
