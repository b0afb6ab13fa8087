"""How far off a network's forecast may be, from what its head sees: a quantile head."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Floats = NDArray[np.float64]

QUANTILE = 0.8
"""Of the absolute error, which the head gives."""
_STEPS, _BATCH, _RATE, _DECAY = 1_500, 256, 0.01, 1e-4
_LEAST_RESIDUAL = 1e-6


@dataclass(frozen=True)
class SpreadHead:
    """A quantile of the absolute error, for each lead by itself: a softplus of a linear map.

    Attributes:
        centre: What is taken from what is seen [features].
        unit: What that is divided by [features].
        weight: Slopes, and the constants in the last row [features + 1, horizon].
        scale: What the softplus is multiplied by [horizon].
    """

    centre: Floats
    unit: Floats
    weight: Floats
    scale: Floats

    def arrays(self) -> dict[str, Floats]:
        """Return it as arrays, which `SpreadHead` takes by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def spread(self, seen: Floats) -> Floats:
        """Return how far off forecasts may be.

        Args:
            seen: What the network's head sees [windows, features].

        Returns:
            The quantile of the absolute error [windows, horizon], above 0.
        """
        mapped = (seen - self.centre) / self.unit @ self.weight[:-1] + self.weight[-1]
        found: Floats = np.logaddexp(0.0, mapped) * self.scale
        return found


def fit_spread(seen: Floats, residuals: Floats, seed: int = 0) -> SpreadHead:
    """Fit the quantile of absolute errors by their pinball loss.

    It begins at the quantile of all windows and goes 1,500 steps of Adam with a rate that falls to
    0.

    Args:
        seen: What the network's head sees on training windows [windows, features].
        residuals: What its forecasts were off by there [windows, horizon].
        seed: Of the order of the windows.

    Returns:
        The head.

    References:
        Koenker and Bassett, Regression quantiles, Econometrica 46, 1978,
        https://doi.org/10.2307/1913643; Romano, Patterson and Candès, Conformalized quantile
        regression, NeurIPS 2019, https://arxiv.org/abs/1905.03222 (what calibration makes of it)
    """
    size = np.abs(residuals)
    scale = np.maximum(np.quantile(size, QUANTILE, axis=0), _LEAST_RESIDUAL)
    centre, unit = seen.mean(axis=0), seen.std(axis=0)
    unit = np.where(unit > _LEAST_RESIDUAL, unit, 1.0)
    inputs = torch.from_numpy((seen - centre) / unit).float()
    targets = torch.from_numpy(size / scale).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(inputs.shape[1], targets.shape[1])
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, float(np.log(np.expm1(1.0))))  # its softplus is 1
        optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
        for _ in range(_STEPS):
            some = torch.randint(len(inputs), (min(_BATCH, len(inputs)),))
            apart = targets[some] - nn.functional.softplus(head(inputs[some]))
            loss = torch.maximum(QUANTILE * apart, (QUANTILE - 1) * apart).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    weight = torch.cat([head.weight.T, head.bias[None]]).detach().double().numpy()
    return SpreadHead(centre, unit, weight, scale)
