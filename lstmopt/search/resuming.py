"""What becomes of a trial that an earlier driver left open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lstmopt.search_space import Params, Space
from lstmopt.storage.segments import last_decision, read_segments
from lstmopt.storage.trial_record import DUPLICATE_OF, INFEASIBLE, PROMOTIONS, SEED

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Resumption:
    """The next thing to do with a trial.

    Attributes:
        action: ``refuse`` it for a limit that it breaks, ``draw`` what is not drawn yet, ``reuse``
            what its ``duplicate`` gave; or, of one that has trained, ``stop`` it as judged at
            ``report``, ``complete`` or ``pause`` it, or let it ``go on``.
        reason: Why it is refused or stopped.
    """

    action: Literal["refuse", "draw", "reuse", "stop", "complete", "pause", "go on"]
    reason: str = ""
    report: int = 0
    duplicate: int = 0


def resume(
    trial: optuna.trial.FrozenTrial, space: Space, find_duplicate: Callable[[Params], int | None]
) -> Resumption:
    """Say how an open trial goes on, from its record alone.

    ``find_duplicate`` numbers a closed trial of the same candidate. What had been decided when the
    driver ended is carried out; a segment that had ended training closes its trial.
    """
    attributes, segments = trial.user_attrs, read_segments(trial)
    if reason := attributes.get(INFEASIBLE):
        return Resumption("refuse", reason)
    if space.rejects(trial.params) or SEED not in attributes:
        return Resumption("draw")
    duplicate = attributes.get(DUPLICATE_OF)
    if duplicate is None and not segments:
        duplicate = find_duplicate(trial.params)
    if duplicate is not None:
        return Resumption("reuse", duplicate=duplicate)
    at, report, decision = last_decision(segments)
    if decision.action == "stop":
        return Resumption("stop", decision.reason, report)
    if segments and segments[-1].end == "finished":
        return Resumption("complete")
    promoted = any(event > at for event, _ in attributes.get(PROMOTIONS, ()))
    return Resumption("pause" if decision.action == "pause" and not promoted else "go on")
