"""Stacked GRU layers."""

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
    from lstmopt.networks.gru import make_gru  # torch takes a second to load

    return make_gru(params, features, window)


@hookimpl
def lstmopt_networks() -> list[Network]:
    """Return ``gru``."""
    return [
        Network(
            "gru",
            build,
            RECURRENT,
            "stacked GRU over rows, read row by row",
            "Cho et al., Learning phrase representations using RNN encoder-decoder for statistical "
            "machine translation, EMNLP 2014, https://arxiv.org/abs/1406.1078",
        )
    ]
