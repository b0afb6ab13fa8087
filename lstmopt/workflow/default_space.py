"""The space of a study that names none: families of networks, sized by the series' seasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lstmopt.data.series import Series
from lstmopt.plugin.network import Network, known_hyperparameters
from lstmopt.search_space import NETWORK, STANDARD, Choice, Hyperparameter, Range

NETWORKS = ("segment", "linear")
"""The families of a study that names none (chosen by measurement, see docs/networks.md)."""

_SEASON = 12
"""Rows that stand for a season where the series shows none."""
_MOST_ROWS = 512
"""The longest window."""
_SHARE = 5
"""A window is at most one of so many shares of the training rows."""
_SEASONS = (2, 4, 7)
"""Windows, in the shortest season's."""
_YEARS = 1.25
"""The training part covers so many years or more where annual cycles are read."""

_DOMAINS: dict[str, Any] = {
    "hidden_size": [32, 64],
    "normalisation": ["last", "last_std"],
    "skip": [True, False],
    "decoder_hidden_size": [64],
    "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    "batch_size": [64, 128],
    "ema": [0.99],
}
"""What standard hyperparameters vary over; those that are not here keep their defaults."""


def default_space(
    networks: Sequence[Network], series: Series, training_rows: int, window: int | None
) -> dict[str, Any]:
    """Return a ``[space]`` table for families of networks.

    Args:
        networks: The families.
        series: What is forecast.
        training_rows: How many rows are trained on.
        window: Rows that a forecast reads, where the user names them.

    Returns:
        The table, as a study file holds it.
    """
    known = known_hyperparameters(networks)
    windows = [window] if window else window_rows(series.season, training_rows)
    table: dict[str, Any] = {NETWORK: [network.name for network in networks]}
    own = {name for network in networks for name in network.names}
    for name in (n for n in known.hyperparameters if n in own):
        if name == "window":
            table[name] = windows
        elif name == "segment":
            table[name] = segment_rows(series.season, max(windows))
        elif name == "recent":
            table[name] = [min(_shortest(series.season), *windows)]
        elif name == "calendar" and not _covers_years(series, training_rows):
            table[name] = ["no_annual"]
        elif name in _DOMAINS:
            table[name] = _DOMAINS[name]
        elif name not in STANDARD:
            table[name] = _as_table(known.hyperparameters[name])
    return table


def window_rows(seasons: Sequence[int], training_rows: int) -> list[int]:
    """Return lengths of windows: a few of the shortest season's.

    Args:
        seasons: Plausible season lengths, in rows; there may be none.
        training_rows: How many rows are trained on.

    Returns:
        Rows, ascending.
    """
    season = _shortest(seasons)
    longest = min(_MOST_ROWS, max(2, training_rows // _SHARE))
    return sorted({min(count * season, longest) for count in _SEASONS})


def segment_rows(seasons: Sequence[int], longest: int) -> list[int]:
    """Return lengths of segments: the shortest season and half of it.

    Args:
        seasons: Plausible season lengths, in rows; there may be none.
        longest: Rows of the longest window.

    Returns:
        Rows, ascending.
    """
    season = min(_shortest(seasons), longest)
    return sorted({max(1, season // 2), season})


def _shortest(seasons: Sequence[int]) -> int:
    return min((season for season in seasons if season >= 4), default=_SEASON)


def _covers_years(series: Series, training_rows: int) -> bool:
    """Say whether annual cycles can be told from a trend."""
    first, last = series.times[0], series.times[training_rows - 1]
    return bool((last - first).days >= _YEARS * 365.25)


def _as_table(hyperparameter: Hyperparameter) -> Any:
    """Return a plug-in's default domain as a study file has it."""
    match hyperparameter.domain:
        case Choice(values):
            return list(values)
        case Range(low, high, log):
            return {"low": low, "high": high, "log": log}
