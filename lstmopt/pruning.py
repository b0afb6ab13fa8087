"""Who a trial may be compared with, and what the votes mean.

A trial is compared only with peers: finished trials that are no worse on every static objective.
With several learned objectives it is stopped only if the rule says stop for every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, Protocol, runtime_checkable

Curve = tuple[float, ...]
"""The best value so far of a learned objective after each epoch; lower is better."""

Action = Literal["go on", "pause", "stop"]


@dataclass(frozen=True)
class TrialView:
    """What a pruner may know of a trial.

    ``static`` holds the static objectives and ``losses`` the learned ones after each epoch, by
    name, all turned so that lower is better.
    """

    number: int
    finished: bool
    static: Mapping[str, float]
    losses: Mapping[str, Sequence[float]]

    def curve(self, objective: str) -> Curve:
        return tuple(accumulate(self.losses[objective], min))

    def until(self, epoch: int) -> TrialView:
        """Return the trial as it stood after ``epoch`` epochs, still running."""
        seen = {name: tuple(values[:epoch]) for name, values in self.losses.items()}
        return TrialView(self.number, False, self.static, seen)


def value_at(trial: TrialView, objective: str, epoch: int) -> float | None:
    """Return the best value by ``epoch``; None for a trial that has not got there.

    A finished trial that ended earlier counts with what it ended with.
    """
    values = trial.losses[objective][:epoch]
    if not values or (len(values) < epoch and not trial.finished):
        return None
    return min(values)


@dataclass(frozen=True)
class Decision:
    """What happens to a trial, and why in words that name what was seen."""

    action: Action
    reason: str = ""


@runtime_checkable
class Pruner(Protocol):
    """Sees a trial and every other trial of the study."""

    def decide(self, trial: TrialView, others: Sequence[TrialView]) -> Decision:
        """Decide about ``trial`` as it stands at its last epoch."""


@runtime_checkable
class Rule(Protocol):
    """Sees one curve and those of its peers, and knows nothing of objectives."""

    def should_stop(self, curve: Curve, peers: Sequence[Curve]) -> bool:
        """Say whether a trial with this curve is hopeless among its peers."""


def peers_of(trial: TrialView, others: Sequence[TrialView]) -> list[TrialView]:
    """List the finished trials that are no worse than ``trial`` on every static objective."""
    return [
        other
        for other in others
        if other.finished
        and other.number != trial.number
        and all(other.static[name] <= value for name, value in trial.static.items())
    ]


@dataclass(frozen=True)
class PeersPruner:
    """Applies a rule among peers, objective by objective; every vote must say stop."""

    rule: Rule
    name: str

    def decide(self, trial: TrialView, others: Sequence[TrialView]) -> Decision:
        peers = peers_of(trial, others)
        epoch = len(next(iter(trial.losses.values())))
        for objective in trial.losses:
            curves = [peer.curve(objective) for peer in peers]
            if not self.rule.should_stop(trial.curve(objective), curves):
                return Decision("go on")
        seen = ", ".join(f"{name} {trial.curve(name)[-1]:.4g}" for name in trial.losses)
        return Decision(
            "stop", f"{self.name} at epoch {epoch}: {seen} among {len(peers)} peers no slower"
        )


@runtime_checkable
class Promoter(Protocol):
    """A pruner that pauses trials at rungs and lets some of them go on later."""

    def next_rung(self, epoch: int) -> int | None:
        """Return the first rung after ``epoch``, so that no trial is trained past it unasked."""

    def promote(self, paused: Sequence[TrialView], others: Sequence[TrialView]) -> int | None:
        """Return the number of the paused trial that goes on next, None when none should yet."""


class NeverStop:
    """Lets every trial run to its end."""

    def decide(self, trial: TrialView, others: Sequence[TrialView]) -> Decision:
        return Decision("go on")


def as_pruner(made: Pruner | Rule, name: str) -> Pruner:
    """Turn what a pruner strategy made into a pruner."""
    if isinstance(made, Pruner):
        return made
    if isinstance(made, Rule):
        return PeersPruner(made, name)
    raise TypeError(f"pruner {name!r} made {type(made).__name__}, without decide or should_stop")


def first_stop(
    pruner: Pruner, trial: TrialView, others: Sequence[TrialView], from_epoch: int
) -> tuple[int, Decision] | None:
    """Ask the pruner after each epoch from ``from_epoch`` on, as if epochs came one by one.

    So a decision does not depend on how many epochs a segment happened to hold.
    """
    for epoch in range(from_epoch, len(next(iter(trial.losses.values()))) + 1):
        decision = pruner.decide(trial.until(epoch), others)
        if decision.action != "go on":
            return epoch, decision
    return None
