"""No pruning."""

from __future__ import annotations

from lstmopt import Strategy, hookimpl
from lstmopt.pruning import NeverStop


def make() -> NeverStop:
    return NeverStop()


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    return [Strategy("none", make, "lets every trial run to its end", "")]
