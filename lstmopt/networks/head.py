"""The head: what maps the encoder's last state, and what lies beside it, to all leads."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Head(nn.Linear):
    """A linear map of a state to all leads, and of a hidden layer of it where there is one.

    The hidden layer lets the hour of the forecast, which lies beside the state, bend what the state
    says; the linear map beside it is that of networks without one.

    Attributes:
        hidden: The layer of rectified units, None for none.

    Args:
        size: Units of a state, with the columns beside it.
        horizon: Leads.
        hidden_size: Units of the hidden layer, 0 for none.

    References:
        Das et al., Long-term forecasting with TiDE: Time-series dense encoder, TMLR 2023,
        https://arxiv.org/abs/2304.08424 (a dense decoder with a linear residual)
    """

    def __init__(self, size: int, horizon: int, hidden_size: int = 0) -> None:
        super().__init__(size + hidden_size, horizon)
        self.hidden = nn.Linear(size, hidden_size) if hidden_size else None

    def forward(self, state: Tensor) -> Tensor:
        """Map states [..., size] to forecasts [..., horizon]."""
        return self.map(self.see(state))

    def map(self, seen: Tensor) -> Tensor:
        """Map what `see` returns [..., features] to forecasts [..., horizon]."""
        return super().forward(seen)

    def see(self, state: Tensor) -> Tensor:
        """Return what the linear map sees of states [..., size]: they, and the hidden units."""
        if self.hidden is None:
            return state
        return torch.cat([state, nn.functional.relu(self.hidden(state))], -1)

    def begin_at_zero(self) -> None:
        """Let every forecast be zero."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
