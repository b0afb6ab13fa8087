"""The encoder ``gru``: stacked gated recurrent units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lstmopt.networks.recurrent import RecurrentStack, layer_sizes
from lstmopt.search_space import Value


class GRUEncoder(RecurrentStack):
    """Gated recurrent units that read every row (Cho et al., EMNLP 2014)."""

    def __init__(self, features: int, sizes: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__("gru", features, sizes, dropout)


def make_gru(params: Mapping[str, Value], features: int, window: int) -> GRUEncoder:
    """Make the encoder of a candidate.

    Args:
        params: ``hidden_size``, ``hidden_size_2`` to ``_4``, ``num_layers`` and ``dropout``.
        features: Columns of a row.
        window: Rows, of which there may be any number.

    Returns:
        The encoder.
    """
    return GRUEncoder(features, layer_sizes(params), float(params["dropout"]))
