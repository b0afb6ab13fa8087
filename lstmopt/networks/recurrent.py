"""Stacked recurrent layers: the encoders of every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.search_space import Value

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}

MOST_WIDTHS = 4
"""Layers whose width has a hyperparameter of its own: ``hidden_size``, ``hidden_size_2`` …"""


def layer_sizes(params: Mapping[str, Value]) -> tuple[int, ...]:
    """Return the units of each layer: 0 for ``hidden_size_2`` … is as many as the layer before."""
    sizes = [int(params["hidden_size"])]
    for layer in range(2, int(params["num_layers"]) + 1):
        own = int(params[f"hidden_size_{layer}"]) if layer <= MOST_WIDTHS else 0
        sizes.append(own or sizes[-1])
    return tuple(sizes)


class RecurrentStack(nn.Module):
    """Recurrent layers with dropout between them (Zaremba, Sutskever and Vinyals, 2014).

    The forget gate's bias of an LSTM starts at 1 (Jozefowicz, Zaremba and Sutskever, 2015). Layers
    of one width are one module of torch's, others one each.

    Attributes:
        size: Units of a state.
        per_row: A state is given for each row.
        cell: lstm or gru.
        dropout: The share that is dropped between layers.
        layers: What is run one after the other.
    """

    per_row = True

    def __init__(
        self, cell: str, features: int, sizes: Sequence[int], dropout: float = 0.0
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise LstmoptError(
                f"cell is lstm or gru, found {cell!r}: {near_miss(cell, list(CELLS))}"
            )
        self.cell = cell
        self.size, self.dropout = sizes[-1], dropout if len(sizes) > 1 else 0.0
        if len(set(sizes)) == 1:
            modules = [CELLS[cell](features, sizes[0], len(sizes), dropout=self.dropout)]
        else:
            inputs = (features, *sizes)
            modules = [CELLS[cell](*ends) for ends in zip(inputs, sizes, strict=False)]
        self.layers = nn.ModuleList(modules)
        if cell == "lstm":
            for module in modules:
                _open_forget_gate(module)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs [batch, steps, features] to states [batch, steps, size]."""
        states = x.transpose(0, 1)
        for number, layer in enumerate(self.layers):
            if number:
                states = nn.functional.dropout(states, self.dropout, self.training)
            states, _ = layer(states)
        return states.transpose(0, 1)


def _open_forget_gate(lstm: nn.RNNBase) -> None:
    hidden = lstm.hidden_size
    with torch.no_grad():
        for layer in range(lstm.num_layers):
            for bias, value in (("bias_ih", 1.0), ("bias_hh", 0.0)):
                # gates are stacked as input, forget, cell, output
                getattr(lstm, f"{bias}_l{layer}")[hidden : 2 * hidden].fill_(value)
