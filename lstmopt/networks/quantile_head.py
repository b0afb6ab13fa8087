"""What forecasts quantiles around a network's forecast, which is their median."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmopt.search_space.quantiles import MEDIAN

_LEAST_GAP = 1e-3
"""Between two quantiles, in the unit of the head, where a network begins."""


class QuantileHead(nn.Module):
    """Distances between neighbouring quantiles: the softplus of a linear map, for each lead.

    As no distance is below 0, quantiles never cross. The map begins at a constant.

    Attributes:
        quantiles: Shares, ascending, the median among them.
        median: The median's place.
        probabilities: The shares as numbers on the network's device [quantiles].

    Args:
        size: What the network's head sees of a window; 0 for nothing.
        horizon: Leads.
        quantiles: Shares, ascending, the median among them.

    References:
        Koenker and Bassett, Regression quantiles, Econometrica 46, 1978,
        https://doi.org/10.2307/1913643; Gasthaus et al., Probabilistic forecasting with spline
        quantile function RNNs, AISTATS 2019 (quantiles that cannot cross, from positive increments)
    """

    probabilities: Tensor

    def __init__(self, size: int, horizon: int, quantiles: Sequence[float]) -> None:
        super().__init__()
        self.quantiles, self.horizon = tuple(quantiles), horizon
        self.median = self.quantiles.index(MEDIAN)
        gaps = len(self.quantiles) - 1
        self.weight = nn.Parameter(torch.zeros(horizon * gaps, size))
        self.bias = nn.Parameter(torch.zeros(horizon * gaps))
        self.register_buffer("probabilities", torch.tensor(self.quantiles), persistent=False)

    def forward(self, seen: Tensor, unit: Tensor, median: Tensor) -> Tensor:
        """Return quantiles [..., horizon, quantiles].

        Args:
            seen: What the network's head sees [..., size].
            unit: What distances are multiplied by [..., 1] or [1]; its sign does not matter.
            median: The network's forecasts [..., horizon].
        """
        mapped = nn.functional.linear(seen, self.weight, self.bias)
        gaps = nn.functional.softplus(mapped) * unit.abs()
        gaps = gaps.view(*gaps.shape[:-1], self.horizon, -1)
        middle = median.unsqueeze(-1)
        below = gaps[..., : self.median].flip(-1).cumsum(-1).flip(-1)
        above = gaps[..., self.median :].cumsum(-1)
        return torch.cat([middle - below, middle, middle + above], -1)

    def begin(self, residuals: NDArray[np.float64]) -> None:
        """Let every distance be that of residuals.

        Args:
            residuals: What the network's head leaves over on training windows, in its unit
                [windows, horizon]; NaN where no target was observed.
        """
        if not len(residuals):
            return
        known = np.where(np.isfinite(residuals).any(axis=0), residuals, 0.0)
        found = np.nanquantile(known, self.quantiles, axis=0)  # [quantiles, horizon]
        gaps = np.maximum(np.diff(found, axis=0), _LEAST_GAP).T.ravel()
        with torch.no_grad():
            self.bias.copy_(torch.from_numpy(gaps + np.log(-np.expm1(-gaps))))  # softplus inverted
