"""A linear forecast as a candidate: solved, not trained."""

from __future__ import annotations

from lstmopt import Network, hookimpl
from lstmopt.search_space.hyperparameters import LINEAR


@hookimpl
def lstmopt_networks() -> list[Network]:
    """Return ``linear``."""
    return [
        Network(
            "linear",
            None,
            LINEAR,
            "NLinear or DLinear in closed form",
            "Zeng et al., Are transformers effective for time series forecasting?, AAAI 2023, "
            "https://doi.org/10.1609/aaai.v37i9.26317",
        )
    ]
