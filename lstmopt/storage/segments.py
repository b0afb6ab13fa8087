"""What a trial keeps in the study's storage: what it trained, and what the pruner said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Literal

from lstmopt.epoch import Epoch
from lstmopt.pruning.pruners import GO_ON, Decision

if TYPE_CHECKING:
    import optuna

_SEGMENT = "segment_"

SegmentEnd = Literal["going on", "finished", "failed"]


@dataclass(frozen=True)
class Segment:
    """What one piece of training gave, and what the pruner said of each report that it judged.

    ``at`` counts the driver's events, so that what was known at a decision can be put together
    again: everything of a lower count.
    """

    at: int
    epochs: tuple[Epoch, ...]
    decisions: tuple[tuple[int, Decision], ...] = ()
    end: SegmentEnd = "going on"
    """Whether training ended in it; no pruner is asked about a failure."""
    peak_mib: float = 0.0
    """The most memory that the process had held when it had trained it."""

    def attribute(self, number: int) -> dict[str, Any]:
        """Return the trial attribute that stores the trial's segment of this number."""
        rows = [astuple(epoch) for epoch in self.epochs]
        made = [(report, d.action, d.reason, dict(d.seen)) for report, d in self.decisions]
        content = {"at": self.at, "epochs": rows, "decisions": made, "end": self.end}
        if self.peak_mib:
            content["peak_mib"] = self.peak_mib
        return {f"{_SEGMENT}{number:05d}": content}


def is_segment(attribute: str) -> bool:
    """Say whether a trial's attribute of this name is a segment."""
    return attribute.startswith(_SEGMENT)


def read_segments(trial: optuna.trial.FrozenTrial) -> list[Segment]:
    """Read what a trial recorded, in order."""
    names = sorted(filter(is_segment, trial.user_attrs))
    return [_read_segment(trial.user_attrs[name]) for name in names]


def _read_segment(content: dict[str, Any]) -> Segment:
    return Segment(
        content["at"],
        tuple(Epoch(*row) for row in content["epochs"]),
        tuple((report, Decision(*rest)) for report, *rest in content["decisions"]),
        content["end"],
        content.get("peak_mib", 0.0),
    )


def judged(made: tuple[int, Decision]) -> bool:
    """Say whether a decision is worth its place in the record: something was seen or done."""
    return made[1].action != "go on" or bool(made[1].seen)


def last_decision(segments: Sequence[Segment]) -> tuple[int, int, Decision]:
    """Return the event, report and decision that a trial's last segment ends with."""
    for segment in segments[-1:]:
        for report, decision in segment.decisions[-1:]:
            return segment.at, report, decision
    return 0, 0, GO_ON


def decided_reports(segments: Sequence[Segment]) -> int:
    """Count the reports that a pruner has judged: all, unless it stopped or paused in between."""
    _, report, decision = last_decision(segments)
    known = len(curve_of(segments))
    return known if decision.action == "go on" else report


def last_event(study: optuna.Study) -> int:
    """Return the highest event count that the study's trials hold."""
    events = [0]
    for trial in study.get_trials(deepcopy=False):
        events += [segment.at for segment in read_segments(trial)]
        events += [at for at, _ in trial.user_attrs.get("promotions", ())]
        events.append(trial.user_attrs.get("end", {}).get("at", 0))
    return max(events)


def curve_of(segments: Sequence[Segment]) -> tuple[Epoch, ...]:
    """Return the epochs that segments recorded, in order, each once.

    A candidate that was begun anew records the same epochs again, in segments of other sizes.
    """
    by_number = {epoch.number: epoch for segment in segments for epoch in segment.epochs}
    return tuple(by_number[number] for number in sorted(by_number))
