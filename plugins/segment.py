"""Recurrent layers over segments of the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lstmopt import Network, hookimpl
from lstmopt.search_space import Value
from lstmopt.search_space.hyperparameters import RECURRENT, SEGMENTS

if TYPE_CHECKING:
    from torch import nn


def build(params: Mapping[str, Value], features: int, window: int) -> nn.Module:
    """Build the encoder of a candidate.

    Args:
        params: All its hyperparameters.
        features: Columns of a row.
        window: Rows.

    Returns:
        The encoder.
    """
    from lstmopt.networks.segment import make_segment  # torch takes a second to load

    return make_segment(params, features, window)


@hookimpl
def lstmopt_networks() -> list[Network]:
    """Return ``segment``."""
    return [
        Network(
            "segment",
            build,
            RECURRENT | SEGMENTS,
            "recurrent layers over segments of the window, such as days of hours",
            "Lin et al., SegRNN: Segment recurrent neural network for long-term time series "
            "forecasting, 2023, https://arxiv.org/abs/2308.11200",
        )
    ]
