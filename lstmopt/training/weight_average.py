"""Averages of the weights over the steps of training, which are scored and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_FEW = 10
"""Steps after which an average of the first ones would be old: see `WeightAverage`."""


class WeightAverage:
    """An exponential moving average of a model's parameters; its buffers stay as they are.

    After step n the decay is at most (1 + n) / (10 + n), so that the first weights, which are
    random, are soon forgotten. Without a decay nothing is averaged and nothing costs anything.

    References:
        Polyak and Juditsky, Acceleration of stochastic approximation by averaging, SIAM Journal on
        Control and Optimization 30, 1992, https://doi.org/10.1137/0330046; the growing decay is of
        TensorFlow's ``ExponentialMovingAverage``.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Begin with the model's weights.

        Args:
            model: The network; on its device already.
            decay: What is kept of the average at a step, from 0 to below 1; 0 for no average.
        """
        self._decay, self._steps = decay, 0
        self._weights = [p.detach() for p in model.parameters()] if decay else []
        self._averages = [weight.clone() for weight in self._weights]

    def update(self) -> None:
        """Take the weights after a step into the average."""
        if not self._decay:
            return
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (_FEW + self._steps))
        torch._foreach_lerp_(self._averages, self._weights, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the model hold the averages within the context, and its own weights after it."""
        if not self._decay:
            yield
            return
        own = [weight.clone() for weight in self._weights]
        torch._foreach_copy_(self._weights, self._averages)
        try:
            yield
        finally:
            torch._foreach_copy_(self._weights, own)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the averages and how many steps they are of."""
        return {"steps": self._steps, "averages": self._averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same kind of model and decay."""
        self._steps = int(state["steps"])
        saved: list[Tensor] = state["averages"]
        for average, tensor in zip(self._averages, saved, strict=True):
            average.copy_(tensor)
