"""The strategies that the benchmarks found best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lstmopt import Strategy, hookimpl
from lstmopt.pruning import Pruner
from lstmopt.space import Space
from lstmopt.warm_start import Beginning, PastStudy, WarmStart

PRUNER = "plausible_halving"
WARM_START, WITHOUT_PAST = "best", "shipped"
"""By the figures in benchmarks/README.md, which come with the commands that make them."""


class WithOrWithoutPast:
    """Begins with one strategy where there are earlier studies and with another where not."""

    def __init__(self, with_past: WarmStart, without: WarmStart) -> None:
        self.with_past, self.without = with_past, without

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        return (self.with_past if past else self.without).begin(space, past)


def make_winner_of_pruners(
    *, make_pruner: Callable[[str | Mapping[str, Any]], Pruner], stop_only: bool = False
) -> Pruner:
    return make_pruner({"name": PRUNER, "stop_only": stop_only})


def make_winner_of_warm_starts(*, make_warm_start: Callable[[str], WarmStart]) -> WithOrWithoutPast:
    return WithOrWithoutPast(make_warm_start(WARM_START), make_warm_start(WITHOUT_PAST))


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    words = f"the measured winner: {PRUNER}"
    return [Strategy("auto", make_winner_of_pruners, words, "benchmarks/README.md")]


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    words = f"{WARM_START} where there are earlier runs, {WITHOUT_PAST} where not"
    return [Strategy("auto", make_winner_of_warm_starts, words, "benchmarks/README.md")]
