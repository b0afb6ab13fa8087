"""What a trial keeps in the study's storage: what it trained, and what the pruner said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from lstmopt.epoch import Epoch
from lstmopt.pruning.pruners import GO_ON, Action, Decision

if TYPE_CHECKING:
    import optuna

_SEGMENT = "segment_"

SegmentEnd = Literal["going on", "finished", "failed"]


def plain_number(value: Any) -> int | float | bool:
    """Return a number of numpy's as Python's own: measures and pruners of any author give them."""
    if isinstance(value, np.generic):
        number: int | float | bool = value.item()
        return number
    raise NotImplementedError(f"not a number: {value!r}")


class Judgement(msgspec.Struct, frozen=True, array_like=True):
    """What the pruner decided at a report of a trial."""

    report: int
    action: Action
    reason: str
    seen: dict[str, Any]

    @classmethod
    def of(cls, report: int, decision: Decision) -> Judgement:
        return cls(report, decision.action, decision.reason, dict(decision.seen))

    @property
    def decision(self) -> Decision:
        return Decision(self.action, self.reason, self.seen)


class Segment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one piece of training gave, and what the pruner said of each report that it judged.

    ``at`` counts the driver's events, so that what was known at a decision can be put together
    again: everything of a lower count. ``end`` says whether training ended in it; no pruner is
    asked about a failure. ``peak_mib`` is the most memory that the process had held by then.
    """

    at: int
    epochs: tuple[Epoch, ...]
    decisions: tuple[Judgement, ...] = ()
    end: SegmentEnd = "going on"
    peak_mib: float = 0.0

    def attribute(self, number: int) -> dict[str, Any]:
        """Return the trial attribute that stores the trial's segment of this number."""
        return {f"{_SEGMENT}{number:05d}": msgspec.to_builtins(self, enc_hook=plain_number)}


def is_segment(attribute: str) -> bool:
    """Say whether a trial's attribute of this name is a segment."""
    return attribute.startswith(_SEGMENT)


def read_segments(trial: optuna.trial.FrozenTrial) -> list[Segment]:
    """Read what a trial recorded, in order."""
    names = sorted(filter(is_segment, trial.user_attrs))
    return [msgspec.convert(trial.user_attrs[name], Segment) for name in names]


def worth_recording(made: Iterable[tuple[int, Decision]]) -> list[Judgement]:
    """Keep the decisions that are worth their place: something was seen or done."""
    return [Judgement.of(n, d) for n, d in made if d.action != "go on" or d.seen]


def last_decision(segments: Sequence[Segment]) -> tuple[int, int, Decision]:
    """Return the event, report and decision that a trial's last segment ends with."""
    for segment in segments[-1:]:
        for judgement in segment.decisions[-1:]:
            return segment.at, judgement.report, judgement.decision
    return 0, 0, GO_ON


def decided_reports(segments: Sequence[Segment]) -> int:
    """Count the reports that a pruner has judged: all, unless it stopped or paused in between."""
    _, report, decision = last_decision(segments)
    known = len(curve_of(segments))
    return known if decision.action == "go on" else report


def curve_of(segments: Sequence[Segment]) -> tuple[Epoch, ...]:
    """Return the epochs that segments recorded, in order, each once.

    A candidate that was begun anew records the same epochs again, in segments of other sizes.
    """
    by_number = {epoch.number: epoch for segment in segments for epoch in segment.epochs}
    return tuple(by_number[number] for number in sorted(by_number))
