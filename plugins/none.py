"""No pruning, and no warm start."""

from __future__ import annotations

from collections.abc import Sequence

from lstmopt import Beginning, PastStudy, Space, Strategy, hookimpl
from lstmopt.pruning.pruners import NeverStop


class BeginCold:
    """Takes nothing from earlier studies."""

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        return Beginning(space)


def make_pruner() -> NeverStop:
    return NeverStop()


def make_warm_start() -> BeginCold:
    return BeginCold()


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    return [Strategy("none", make_pruner, "lets every trial run to its end", "")]


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    return [Strategy("none", make_warm_start, "takes nothing from earlier studies", "")]
