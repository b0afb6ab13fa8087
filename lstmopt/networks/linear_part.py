"""The linear part of a network: NLinear or DLinear, with what is known of the rows to come."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

LinearKind = Literal["nlinear", "dlinear"]

_KERNEL = 25
"""Rows of DLinear's moving average, as published; fewer where the window is shorter."""


class LinearPart(nn.Module):
    """Forecasts linear in the target's window and in other columns of its last row.

    ``nlinear`` forecasts the difference to the window's last value from differences to it;
    ``dlinear`` the target itself, from its moving average and what that leaves: two maps that are
    kept as their sum. The weights begin at 0; see `linear_start` for what they are set to.

    References:
        Zeng et al., Are transformers effective for time series forecasting?, AAAI 2023,
        https://doi.org/10.1609/aaai.v37i9.26317
    """

    def __init__(
        self, window: int, others: int, horizon: int, kind: LinearKind = "nlinear"
    ) -> None:
        super().__init__()
        self.kind: LinearKind = kind
        self.features = seen_of_target(window, kind) + others
        self.weight = nn.Parameter(torch.zeros(horizon, self.features))
        self.bias = nn.Parameter(torch.zeros(horizon))

    def see(self, target: Tensor, others: Tensor) -> Tensor:
        """Return what is seen [batch, features] of windows [batch, window] and [batch, others]."""
        if self.kind == "nlinear":
            target = target[:, :-1] - target[:, -1:]
        return torch.cat([target, others], 1)

    def forward(self, target: Tensor, others: Tensor) -> Tensor:
        """Forecast [batch, horizon] from targets [batch, window] and other columns."""
        found = self.apply_to(self.see(target, others))
        return found + target[:, -1:] if self.kind == "nlinear" else found

    def apply_to(self, seen: Tensor) -> Tensor:
        """Return the map [batch, horizon] of what is seen [batch, features], never rounded."""
        if torch.is_autocast_enabled(seen.device.type):
            with torch.autocast(seen.device.type, enabled=False):
                return nn.functional.linear(seen, self.weight, self.bias)
        return nn.functional.linear(seen, self.weight, self.bias)


def seen_of_target(window: int, kind: LinearKind) -> int:
    """Return how many numbers are seen of the target's window.

    The last value's difference to itself is none.
    """
    return window - 1 if kind == "nlinear" else window


def decomposition_basis(window: int) -> NDArray[np.float64]:
    """Return a matrix B [window, window] for which ridge on v is ridge on DLinear's two maps.

    The forecast is B v times the window. With A the moving average, the two maps t and s give
    the slopes Aᵀt + (I - A)ᵀs; the least squared norm of (t, s) for given slopes w is
    wᵀ(AᵀA + (I - A)ᵀ(I - A))⁻¹w, so B is a root of that matrix.
    """
    kernel = min(_KERNEL, window - 1 + window % 2)
    rows = np.arange(window)[:, None] + np.arange(kernel) - kernel // 2
    average = np.zeros((window, window))
    # the ends of the window are repeated, so that the average has its length
    np.add.at(average, (np.arange(window)[:, None], rows.clip(0, window - 1)), 1 / kernel)
    rest = np.eye(window) - average
    root = np.linalg.cholesky(average.T @ average + rest.T @ rest)
    return np.asarray(root, np.float64)
