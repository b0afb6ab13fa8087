"""A part on its device, and the batches gathered from it; no window is ever stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lstmopt.data.windows import Part

GATHERED = 2048
"""Windows gathered at once: few enough to stay in a cache, enough that gathering costs little."""
SCORED = 512
"""Windows scored at once; fixed, so that no candidate's score depends on its own batch size."""


@dataclass(frozen=True)
class Batch:
    """Windows of one optimiser step, with the steps first as LSTM kernels take them.

    ``inputs`` [steps, windows, features]; ``targets`` [forecasts, windows, horizon] at the last
    steps; ``mask`` of the same shape is 1 where a target was observed, and None where all were.
    ``observed`` counts those.
    """

    inputs: Tensor
    targets: Tensor
    mask: Tensor | None
    observed: Tensor | float


class DevicePart:
    """A part as tensors on one device; a batch is an index gather."""

    def __init__(self, part: Part, device: str) -> None:
        self.part, self.shape = part, part.shape
        self.inputs = torch.from_numpy(part.inputs).to(device)  # [rows, features]
        self.targets = torch.from_numpy(part.targets).to(device)  # [rows]
        self.leads = torch.arange(1, part.shape.horizon + 1, device=device)
        scored = (
            None if part.all_scored else torch.from_numpy(part.scored.astype(np.float32)).to(device)
        )
        self.scored: Tensor | None = scored  # [rows], or None where every target was observed

    def origins(self, context: int) -> Tensor:
        return torch.from_numpy(self.part.origins(context)).to(self.inputs.device)

    def batches(
        self, origins: Tensor, size: int, forecasts: int = 1, window: int | None = None
    ) -> Iterator[Batch]:
        """Gather windows that end at ``origins`` and forecast at their last steps.

        ``size`` windows a batch, in order; the last batch has what is left. ``window`` is how many
        rows each has before its first forecast, those of the part's shape unless given.
        """
        context = (window or self.shape.window) + forecasts - 1
        whole = len(origins) // size * size
        several = max(1, GATHERED // size) * size
        for first in range(0, whole, several):
            group = origins[first : min(first + several, whole)]
            yield from self._gather(group.view(-1, size), forecasts, context)
        if whole < len(origins):
            yield from self._gather(origins[whole:][None], forecasts, context)

    def _gather(self, origins: Tensor, forecasts: int, context: int) -> Iterator[Batch]:
        """Gather the batches whose windows of ``context`` rows end at ``origins``.

        Those are [batches, windows].
        """
        steps = torch.arange(1 - context, 1, device=origins.device)
        rows = origins[:, None] + steps[:, None]  # [batches, steps, windows]
        # many times as quick as an index of three dimensions
        inputs = self.inputs.index_select(0, rows.reshape(-1)).view(*rows.shape, -1)
        leads = rows[:, -forecasts:, :, None] + self.leads  # [batches, forecasts, windows, horizon]
        targets = self.targets[leads]
        if self.scored is None:
            count = float(targets[0].numel())
            for each in zip(inputs, targets, strict=True):
                yield Batch(*each, None, count)
            return
        masks = self.scored[leads]
        counts = masks.sum((1, 2, 3))
        for batch in zip(inputs, targets, masks, counts, strict=True):
            yield Batch(*batch)
