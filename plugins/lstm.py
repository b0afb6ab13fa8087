"""Stacked LSTM layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lstmopt import Network, hookimpl
from lstmopt.search_space import Value
from lstmopt.search_space.hyperparameters import RECURRENT

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
    from lstmopt.networks.lstm import make_lstm  # torch takes a second to load

    return make_lstm(params, features, window)


@hookimpl
def lstmopt_networks() -> list[Network]:
    """Return ``lstm``."""
    return [
        Network(
            "lstm",
            build,
            RECURRENT,
            "stacked LSTM over rows, read row by row",
            "Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9, 1997",
        )
    ]
