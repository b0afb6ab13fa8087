"""Architectures and networks of tests."""

from __future__ import annotations

from lstmopt.data.input_columns import Columns
from lstmopt.networks.families import installed_families
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.search_space import Architecture


def lstm(hidden: int, layers: int = 1) -> Architecture:
    return Architecture.of({"hidden_size": hidden, "num_layers": layers})


def past_columns(features: int, window: int, horizon: int) -> Columns:
    """Return columns that are all of the past."""
    return Columns(features, 0, 0, 0, window, horizon)


def network_of(architecture: Architecture, features: int, horizon: int) -> ForecastNetwork:
    """Build a network that reads windows of 6 rows."""
    columns = past_columns(features, 6, horizon)
    return installed_families().build(architecture.params, columns)
