"""Stacked LSTM layers."""

from __future__ import annotations

from lstmopt import Network, hookimpl
from lstmopt.networks.lstm import make_lstm
from lstmopt.search_space.hyperparameters import RECURRENT


@hookimpl
def lstmopt_networks() -> list[Network]:
    """Return ``lstm``."""
    return [
        Network(
            "lstm",
            make_lstm,
            RECURRENT,
            "stacked LSTM over rows, read row by row",
            "Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9, 1997",
        )
    ]
