"""The pruner that the benchmarks found best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lstmopt import Strategy, hookimpl
from lstmopt.pruning import Pruner

WINNER = "plausible_halving"
"""By the figures in benchmarks/README.md, which come with the command that makes them."""


def make(
    *, make_pruner: Callable[[str | Mapping[str, Any]], Pruner], stop_only: bool = False
) -> Pruner:
    return make_pruner({"name": WINNER, "stop_only": stop_only})


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    return [Strategy("auto", make, f"the measured winner: {WINNER}", "benchmarks/README.md")]
