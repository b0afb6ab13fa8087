"""The pruner that the benchmarks found best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lstmopt import Strategy, hookimpl
from lstmopt.pruning import Pruner

WINNER = "plausible_halving"


def make(*, make_pruner: Callable[[str | Mapping[str, Any]], Pruner]) -> Pruner:
    return make_pruner(WINNER)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    return [
        Strategy(
            "auto",
            make,
            f"the measured winner: {WINNER}",
            "benchmarks/README.md",
        )
    ]
