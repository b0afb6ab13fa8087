"""The encoder ``lstm``: a stacked LSTM, and the forecaster that is no more than it and a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lstmopt.networks.head import Head
from lstmopt.networks.recurrent import RecurrentStack, layer_sizes
from lstmopt.search_space import Value


class LSTMEncoder(RecurrentStack):
    """Long short-term memory that reads every row (Hochreiter and Schmidhuber, 1997)."""

    def __init__(self, features: int, sizes: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__("lstm", features, sizes, dropout)


def make_lstm(params: Mapping[str, Value], features: int, window: int) -> LSTMEncoder:
    """Make the encoder of a candidate.

    Args:
        params: ``hidden_size``, ``hidden_size_2`` to ``_4``, ``num_layers`` and ``dropout``.
        features: Columns of a row.
        window: Rows, of which there may be any number.

    Returns:
        The encoder.
    """
    return LSTMEncoder(features, layer_sizes(params), float(params["dropout"]))


class LSTMForecaster(nn.Module):
    """A stacked LSTM with a linear head that forecasts all leads at once.

    The forget gate's bias starts at 1 (Jozefowicz, Zaremba and Sutskever, 2015); dropout acts
    between layers only (Zaremba, Sutskever and Vinyals, 2014).
    """

    def __init__(
        self, hidden: int, layers: int, features: int, horizon: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            features, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0
        )
        self.head = Head(hidden, horizon)
        with torch.no_grad():
            for layer in range(layers):
                for bias, value in (("bias_ih", 1.0), ("bias_hh", 0.0)):
                    # gates are stacked as input, forget, cell, output
                    getattr(self.lstm, f"{bias}_l{layer}")[hidden : 2 * hidden].fill_(value)

    def forward(self, x: Tensor, last: int = 1) -> Tensor:
        """Map inputs [batch, steps, features] to forecasts [batch, last, horizon].

        A forecast is made at each of the ``last`` steps.
        """
        states, _ = self.lstm(x)  # [batch, steps, hidden]
        forecasts: Tensor = self.head(states[:, -last:])
        return forecasts


_CLASSIC, _COMPOSED = "lstm.", "encoder.layers.0."
"""What the names of the recurrent weights begin with here, and in a `ForecastNetwork`."""


def composed_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of an `LSTMForecaster` under the names of a `ForecastNetwork`."""
    return {_renamed(name, _CLASSIC, _COMPOSED): weight for name, weight in weights.items()}


def classic_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a stacked LSTM under the names of an `LSTMForecaster`."""
    return {_renamed(name, _COMPOSED, _CLASSIC): weight for name, weight in weights.items()}


def _renamed(name: str, before: str, after: str) -> str:
    return after + name.removeprefix(before) if name.startswith(before) else name
