"""Recorded curves made up for tests."""

from __future__ import annotations

import numpy as np
from lstmopt_benchmarks.tables import StaticRule, Table

from lstmopt.search_space import Choice, Range, Space


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
