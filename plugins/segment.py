"""Recurrent layers over segments of the window."""

from __future__ import annotations

from lstmopt import Network, hookimpl
from lstmopt.networks.segment import make_segment
from lstmopt.search_space.hyperparameters import RECURRENT, SEGMENTS


@hookimpl
def lstmopt_networks() -> list[Network]:
    """Return ``segment``."""
    return [
        Network(
            "segment",
            make_segment,
            RECURRENT | SEGMENTS,
            "recurrent layers over segments of the window, such as days of hours",
            "Lin et al., SegRNN: Segment recurrent neural network for long-term time series "
            "forecasting, 2023, https://arxiv.org/abs/2308.11200",
        )
    ]
