"""Networks, columns and parts of any composition."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from lstmopt.data.input_columns import Columns
from lstmopt.data.windows import Part, Shape
from lstmopt.networks.forecast_network import ForecastNetwork, build_network
from lstmopt.networks.gru import make_gru
from lstmopt.networks.lstm import make_lstm
from lstmopt.networks.segment import make_segment


class MeanEncoder(nn.Module):
    """What a plug-in may bring: one state a window, of rows in any order."""

    size = 5

    def __init__(self, features: int) -> None:
        super().__init__()
        self.map = nn.Linear(features, self.size)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.map(x)).mean(1, keepdim=True)


FAMILIES = {
    "lstm": make_lstm,
    "gru": make_gru,
    "segment": make_segment,
    "linear": lambda params, features, window: None,
    "foreign": lambda params, features, window: MeanEncoder(features),
}
PARAMS = {
    "window": 6,
    "calendar": "all",
    "normalisation": "none",
    "skip": False,
    "recent": 0,
    "decoder_hidden_size": 0,
    "linear": "nlinear",
    "hidden_size": 4,
    "hidden_size_2": 0,
    "hidden_size_3": 0,
    "hidden_size_4": 0,
    "num_layers": 1,
    "dropout": 0.0,
    "segment": 2,
    "cell": "lstm",
    "quantiles": "",
}
NORMALISATIONS = ("none", "last", "last_std", "revin")


def make_network(family: str, columns: Columns, **params) -> ForecastNetwork:
    complete = PARAMS | {"window": columns.window} | params
    return build_network(FAMILIES[family], complete, columns)


def random_part(columns: Columns, rows: tuple[int, int], seed: int = 0) -> Part:
    """A drifting series with columns that explain part of it."""
    rng = np.random.default_rng(seed)
    end = rows[1]
    inputs = rng.standard_normal((end, columns.features))
    inputs[:, 0] = np.cumsum(0.3 * rng.standard_normal(end)) + 0.5 * np.roll(inputs[:, -1], 1)
    inputs = inputs.astype(np.float32)
    whole = np.ones(end, bool)
    shape = Shape(columns.window, columns.horizon)
    return Part(inputs, whole, inputs[:, 0].copy(), whole, shape, rows)


def random_parts(columns: Columns) -> tuple[Part, Part]:
    """Training rows and the validation rows after them."""
    validation = random_part(columns, (200, 300))
    return validation.earlier((0, 200)), validation


@st.composite
def any_columns(draw) -> Columns:
    annual = draw(st.integers(0, 2))
    return Columns(
        past=draw(st.integers(1, 3)),
        calendar=annual + draw(st.integers(0, 3)),
        known=draw(st.integers(0, 2)),
        annual=annual,
        window=draw(st.integers(1, 9)),
        horizon=draw(st.integers(1, 3)),
    )


any_composition = st.fixed_dictionaries(
    {
        "calendar": st.sampled_from(["all", "no_annual", "none"]),
        "normalisation": st.sampled_from(NORMALISATIONS),
        "skip": st.booleans(),
        "recent": st.sampled_from([0, 3, 90]),
        "decoder_hidden_size": st.sampled_from([0, 5]),
        "linear": st.sampled_from(["nlinear", "dlinear"]),
        "hidden_size_2": st.sampled_from([0, 3]),
        "num_layers": st.integers(1, 3),
        "segment": st.integers(1, 4),
        "cell": st.sampled_from(["lstm", "gru"]),
    }
)
any_family = st.sampled_from(list(FAMILIES))


def away_from_zero(model: ForecastNetwork) -> ForecastNetwork:
    """Give weights that begin at zero some other value."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model
