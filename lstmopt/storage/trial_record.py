"""A trial as the storage holds it -> a record of what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lstmopt.epoch import Epoch
from lstmopt.objectives import Goals
from lstmopt.pareto import front_mask
from lstmopt.search_space import Params
from lstmopt.storage.segments import curve_of, read_segments

if TYPE_CHECKING:
    import optuna

FORMAT = 3
"""Of what a trial keeps in the storage; a run of another one cannot go on."""

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
RUNNING = "running"
INFEASIBLE = "infeasible"
"""A state of our own, and the attribute of such a trial: which limits it breaks."""

END = "end"
"""The attribute that says how a trial ended, and at which of the driver's events (``at``)."""

CANDIDATE = "warm_start"
"""The attribute of a trial that a warm start asked for: which of its candidates it is."""

TAKEN_OVER = "taken_over"
"""The attribute of a trial that an earlier run trained: which trial it was."""


@dataclass(frozen=True)
class TrialRecord:
    """A closed trial, or one that runs.

    ``values`` by objective name; a learned one is None unless the trial is complete. ``curve`` is
    what the pruner saw; ``epochs_trained`` may be a few more. ``by_pruner`` tells a trial that the
    pruner stopped from one whose study ran out of time. Where a study reports more often than once
    an epoch, all of these count reports.
    """

    number: int
    state: str
    params: Params
    values: dict[str, float | None]
    curve: tuple[Epoch, ...]
    epochs_trained: int
    seconds: float
    reason: str
    by_pruner: bool = False
    decisions: tuple[dict[str, Any], ...] = ()
    taken_over: bool = False
    """Whether it was trained by an earlier run."""
    began: str = ""
    ended: str = ""
    """When, in this machine's time (ISO 8601)."""
    peak_mib: float = 0.0
    """The most memory that a process had held when it had trained it."""

    def as_json(self) -> dict[str, Any]:
        content = asdict(self)
        content["epochs"] = len(self.curve)
        return content


def trial_record(trial: optuna.trial.FrozenTrial, goals: Goals) -> TrialRecord:
    """Turn a trial of the storage into a record."""
    attrs = trial.user_attrs
    end: dict[str, Any] = attrs.get(END, {})
    segments = read_segments(trial)
    curve = curve_of(segments)
    values: dict[str, float | None] = {o.name: None for o in goals.objectives}
    values |= attrs.get("static", {})
    if trial.values is not None and trial.state.name == "COMPLETE":
        values = dict(zip(goals.names, trial.values, strict=True))
    return TrialRecord(
        trial.number,
        INFEASIBLE if INFEASIBLE in attrs else STATES.get(trial.state.name, RUNNING),
        dict(trial.params),
        values,
        curve[: end.get("epochs", len(curve))],
        end.get("epochs_trained", 0),
        sum(epoch.seconds for epoch in curve),
        end.get("reason", ""),
        end.get("by_pruner", False),
        tuple(
            {"at": segment.at, "report": report, "action": decision.action, **decision.seen}
            for segment in segments
            for report, decision in segment.decisions
        ),
        TAKEN_OVER in attrs,
        _moment(trial.datetime_start),
        _moment(trial.datetime_complete),
        max((segment.peak_mib for segment in segments), default=0.0) or end.get("peak_mib", 0.0),
    )


def _moment(when: datetime | None) -> str:
    return when.isoformat(timespec="milliseconds") if when else ""


def closed_trials(study: optuna.Study, goals: Goals) -> list[TrialRecord]:
    """List the records of every closed trial, by number."""
    trials = study.get_trials(deepcopy=False)
    return [trial_record(t, goals) for t in trials if t.state.name in STATES]


def running_trials(study: optuna.Study, goals: Goals) -> list[TrialRecord]:
    """List the records of the trials that were begun and not closed yet, by number."""
    trials = study.get_trials(deepcopy=False)
    return [trial_record(t, goals) for t in trials if t.state.name == "RUNNING"]


def front_of(trials: Sequence[TrialRecord], goals: Goals) -> list[TrialRecord]:
    """List the complete trials on the front, best first objective first; equals count once."""
    complete = [t for t in trials if t.state == "complete"]
    points = [minimised(trial, goals) for trial in complete]
    best: dict[tuple[float, ...], TrialRecord] = {}
    for trial, point, kept in zip(complete, points, front_mask(points), strict=True):
        if kept:
            best.setdefault(tuple(point), trial)
    return [best[point] for point in sorted(best)]


def minimised(trial: TrialRecord, goals: Goals) -> list[float]:
    """Return a complete trial's values, each turned so that lower is better."""
    told = told_values(trial, goals)
    return [o.minimised(value) for o, value in zip(goals.objectives, told, strict=True)]


def told_values(trial: TrialRecord, goals: Goals) -> list[float]:
    """Return the values that a complete trial was told, in the goals' order."""
    values = [trial.values[name] for name in goals.names]
    return [value for value in values if value is not None]
