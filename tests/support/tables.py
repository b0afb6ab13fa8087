"""Recorded curves made up for tests."""

from __future__ import annotations

import numpy as np
from lstmopt_benchmarks.tables import StaticRule, Table, table_space

from lstmopt.plugin.network import known_hyperparameters
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import Choice, Range, Space, draw, parse_space


def make_recorded(rows: int = 80, epochs: int = 9, seed: int = 0, failing: int = 0) -> Table:
    """A table whose loss falls with the epochs and depends smoothly on two hyperparameters."""
    rng = np.random.default_rng(seed)
    space = Space({"hidden_size": Choice((8, 16, 32)), "learning_rate": Range(1e-4, 1e-1, True)})
    sizes = rng.choice([8, 16, 32], rows)
    rates = np.exp(rng.uniform(np.log(1e-4), np.log(1e-1), rows))
    final = 0.1 + 2.0 / sizes + 0.05 * (np.log10(rates) + 2.5) ** 2
    steps = np.arange(1, epochs + 1)
    losses = final[:, None] * (1 + 1 / steps)
    losses[:failing, epochs // 2 :] = np.nan
    return Table(
        "synthetic",
        losses,
        np.full((rows, epochs), 0.5),
        {"latency_ms": sizes / 100},
        space,
        tuple(
            {"hidden_size": int(size), "learning_rate": float(rate)}
            for size, rate in zip(sizes, rates, strict=True)
        ),
        {"latency_ms": StaticRule("lookup", ("hidden_size",))},
        "made for tests",
    )


def default_like(season: int, **more: list[str]) -> Space:
    """The default space of a series with a season of so many rows, in short."""
    table = {
        "network": ["segment", "linear"],
        "hidden_size": [32, 64],
        "segment": [season // 2, season],
        "window": [2 * season, 4 * season, 7 * season],
        "skip": [True, False],
        "recent": [season],
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
        "ema": [0.99],
        **more,
    }
    return parse_space(table, known_hyperparameters(load_registry().networks))


def make_families(
    name: str, season: int, rows: int = 40, epochs: int = 4, best: float = 3e-3, **more: list[str]
) -> Table:
    """A table of the default space: what is linear is solved at once and no better than others."""
    space = table_space(default_like(season, **more))
    only = {**space.parameters, "network": Choice(("linear",))}
    linear = list(Space(only, space.conditions).grid())
    trained = [p for p in draw(space, 9 * rows, np.random.default_rng(0)) if "segment" in p]
    params = tuple([*linear, *trained][:rows])
    losses = np.array([_ends(p, season, best) for p in params])[:, None] * np.ones(epochs)
    seconds = np.full((rows, epochs), 0.5)
    seconds[: len(linear), 1:] = np.nan
    latency = [p["window"] / season / 10 + p.get("hidden_size", 0) / 32 for p in params]
    names = ("network", "hidden_size", "segment", "window", "skip", "recent", *more)
    rules = {"latency_ms": StaticRule("lookup", names)}
    statics = {"latency_ms": np.array(latency)}
    return Table(name, losses, seconds, statics, space, params, rules, "made for tests", "", name)


def _ends(params, season, best):
    if "segment" not in params:
        return 1.0 - 0.02 * params["window"] / season
    distance = abs(np.log10(params["learning_rate"] / best))
    return 0.4 + distance + 8 / params["hidden_size"] + 0.1 * params["segment"] / season
