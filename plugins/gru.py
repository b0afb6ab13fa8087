"""Stacked GRU layers."""

from __future__ import annotations

from lstmopt import Network, hookimpl
from lstmopt.networks.gru import make_gru
from lstmopt.search_space.hyperparameters import RECURRENT


@hookimpl
def lstmopt_networks() -> list[Network]:
    """Return ``gru``."""
    return [
        Network(
            "gru",
            make_gru,
            RECURRENT,
            "stacked GRU over rows, read row by row",
            "Cho et al., Learning phrase representations using RNN encoder-decoder for statistical "
            "machine translation, EMNLP 2014, https://arxiv.org/abs/1406.1078",
        )
    ]
