"""Columns taken from a network's input."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Selection(nn.Module):
    """Takes columns of the last dimension; those that lie side by side without a copy."""

    numbers: Tensor

    def __init__(self, columns: tuple[int, ...]) -> None:
        super().__init__()
        first = columns[0] if columns else 0
        self._beside = columns == tuple(range(first, first + len(columns)))
        self._slice = slice(first, first + len(columns))
        numbers = torch.tensor(columns, dtype=torch.int64)
        self.register_buffer("numbers", numbers, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., features] to [..., columns]."""
        return x[..., self._slice] if self._beside else x.index_select(-1, self.numbers)
