"""No pruning, and no warm start."""

from __future__ import annotations

from collections.abc import Sequence

from lstmopt import Beginning, PastStudy, Space, Strategy, hookimpl
from lstmopt.pruning.pruners import NeverStop


class BeginCold:
    """Takes nothing from earlier studies."""

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return the whole space and nothing else."""
        return Beginning(space)


def make_pruner() -> NeverStop:
    """Return the pruner that stops nothing."""
    return NeverStop()


def make_warm_start() -> BeginCold:
    """Return the warm start that learns nothing."""
    return BeginCold()


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``none``."""
    return [Strategy("none", make_pruner, "lets every trial run to its end", "")]


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    """Return ``none``."""
    return [Strategy("none", make_warm_start, "takes nothing from earlier studies", "")]
