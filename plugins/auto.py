"""The strategies that the benchmarks found best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lstmopt import Beginning, PastStudy, Pruner, Space, Strategy, hookimpl
from lstmopt.search_space import NETWORK
from lstmopt.warm_start.protocols import WarmStart

PRUNER = "plausible_halving"
SAME_WORK, OTHER_WORK, NO_PAST = "replay", "transfer", "shipped"
"""By the figures in benchmarks/README.md, which come with the commands that make them."""


class ByWork:
    """Takes over what was done on the same work, transfers the rest; what is shipped is for LSTMs.

    A space of several families begins cold without earlier studies: what is shipped for one reaches
    nothing sooner there (docs/networks.md).
    """

    def __init__(self, replay: WarmStart, transfer: WarmStart, shipped: WarmStart) -> None:
        self.replay, self.transfer, self.shipped = replay, transfer, shipped

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return the same work's finished trials, and candidates learnt from the rest."""
        if not past:
            return self._without_past(space)
        same = self.replay.begin(space, [study for study in past if study.same_work])
        other = self.transfer.begin(space, [study for study in past if not study.same_work])
        notices = same.notices + other.notices
        if not (same.finished or other.candidates or other.observations):
            other = self._without_past(space)
        return replace(other, finished=same.finished, notices=notices)

    def _without_past(self, space: Space) -> Beginning:
        return Beginning(space) if NETWORK in space.parameters else self.shipped.begin(space, ())


def make_winner_of_pruners(
    *, make_pruner: Callable[[str | Mapping[str, Any]], Pruner], stop_only: bool = False
) -> Pruner:
    """Make the pruner that the benchmarks found best, `plausible_halving`.

    Args:
        make_pruner: Makes a pruner of the registry.
        stop_only: Stop for good what would be paused, but for the front of a rung.

    Returns:
        The pruner, its other options at their defaults.

    References:
        benchmarks/README.md
    """
    return make_pruner({"name": PRUNER, "stop_only": stop_only})


def make_winner_of_warm_starts(*, make_warm_start: Callable[[str], WarmStart]) -> ByWork:
    """Make the warm start that chooses by what earlier studies have in common with this one.

    Args:
        make_warm_start: Makes a warm start of the registry.

    Returns:
        A warm start that replays the same work, transfers from other work, and without either
        begins a study of LSTMs with what is shipped.

    References:
        benchmarks/README.md
    """
    return ByWork(*map(make_warm_start, (SAME_WORK, OTHER_WORK, NO_PAST)))


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``auto``."""
    words = f"the measured winner: {PRUNER}"
    return [Strategy("auto", make_winner_of_pruners, words, "benchmarks/README.md")]


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    """Return ``auto``."""
    words = f"{SAME_WORK} for the same data, {OTHER_WORK} for other runs, else {NO_PAST} for LSTMs"
    return [Strategy("auto", make_winner_of_warm_starts, words, "benchmarks/README.md")]
