"""A family of networks for lstmopt: a small temporal convolution.

Causal convolutions whose reach doubles from level to level read a window at once, where a recurrent
network reads it row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from lstmopt import Choice, Hyperparameter, Network, Range, hookimpl


class Level(nn.Module):
    """Two causal convolutions of one dilation, added to what came in.

    Args:
        inputs: Columns of a row.
        channels: Columns that come out.
        kernel: Rows that a convolution reads.
        dilation: How far apart they are.
    """

    def __init__(self, inputs: int, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self._before = (kernel - 1) * dilation
        self.first = nn.Conv1d(inputs, channels, kernel, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.residual = nn.Conv1d(inputs, channels, 1) if inputs != channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Run the level.

        Args:
            x: What came in [batch, inputs, rows].

        Returns:
            What comes out [batch, channels, rows].
        """
        found = x
        for convolution in (self.first, self.second):
            # rows are added before the first alone, so that nothing sees a later one
            found = nn.functional.pad(found, (self._before, 0))
            found = nn.functional.relu(convolution(found))
        result: Tensor = nn.functional.relu(found + self.residual(x))
        return result


class TemporalConvolution(nn.Module):
    """Levels of causal convolutions, each of twice the last one's dilation.

    The last state sees 1 + 2 (kernel - 1) (2^levels - 1) rows. Without the weight normalisation and
    the dropout of the paper.

    Args:
        features: Columns of a row.
        channels: Columns of a state.
        kernel: Rows that a convolution reads.
        levels: How many there are.

    Attributes:
        size: Columns of a state.
        per_row: A state is given for each row.

    References:
        Bai, Kolter and Koltun, An empirical evaluation of generic convolutional and recurrent
        networks for sequence modeling, 2018, https://arxiv.org/abs/1803.01271
    """

    per_row = True

    def __init__(self, features: int, channels: int, kernel: int, levels: int) -> None:
        super().__init__()
        self.size = channels
        inputs = [features, *[channels] * (levels - 1)]
        self.levels = nn.Sequential(
            *(Level(width, channels, kernel, 2**n) for n, width in enumerate(inputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Read windows.

        Args:
            x: Inputs [batch, rows, features].

        Returns:
            States [batch, rows, size].
        """
        states: Tensor = self.levels(x.transpose(1, 2)).transpose(1, 2)
        return states


def make_tcn(params: Mapping[str, Any], features: int, window: int) -> TemporalConvolution:
    """Make the encoder of a candidate.

    Args:
        params: ``channels``, ``kernel`` and ``levels``.
        features: Columns of a row.
        window: Rows, of which there may be any number.

    Returns:
        The encoder.
    """
    channels, kernel, levels = (int(params[name]) for name in ("channels", "kernel", "levels"))
    return TemporalConvolution(features, channels, kernel, levels)


@hookimpl
def lstmopt_networks() -> list[Network]:
    """Return ``tcn``."""
    return [
        Network(
            "tcn",
            make_tcn,
            {
                "channels": Hyperparameter(32, Choice((16, 32, 64)), costs=True, least=1),
                "kernel": Hyperparameter(3, Choice((2, 3, 5)), costs=True, least=2),
                "levels": Hyperparameter(3, Range(2, 5, integer=True), costs=True, least=1),
            },
            "causal dilated convolutions with residuals over rows",
            "Bai, Kolter and Koltun, An empirical evaluation of generic convolutional and "
            "recurrent networks for sequence modeling, 2018, https://arxiv.org/abs/1803.01271",
        )
    ]
