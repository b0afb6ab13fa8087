"""A trial as the storage holds it -> a record of what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lstmopt.epoch import Epoch
from lstmopt.objectives import Goals
from lstmopt.pareto import front_mask
from lstmopt.search_space import Params
from lstmopt.storage.segments import curve_of, read_segments

if TYPE_CHECKING:
    import optuna

FORMAT = 3
"""Of what a trial keeps in the storage; a run of another one cannot go on."""

Status = Literal["complete", "pruned", "failed", "infeasible", "running", "interrupted"]
"""What became of a trial; ``infeasible`` broke a limit and was never trained."""

INFEASIBLE: Literal["infeasible"] = "infeasible"
"""Also the attribute of such a trial: which limits it breaks."""
NOT_TRAINED = "not trained: "
"""How the reason of such a trial begins."""
_CLOSED: dict[str, Status] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}

STATIC, SEED = "static", "seed"
"""The attributes that hold a candidate's static objectives, and the seed of its training."""
DUPLICATE_OF = "twin"
"""The attribute of a trial whose candidate was tried before: by which trial."""
PROMOTIONS = "promotions"
"""The attribute that lists when a paused trial was let go on, and who else could then."""
END = "end"
"""The attribute that says how a trial ended: a `TrialEnd`."""
CANDIDATE = "warm_start"
"""The attribute of a trial that a warm start asked for: which of its candidates it is."""
TAKEN_OVER = "taken_over"
"""The attribute of a trial that an earlier run trained: which trial it was."""


class TrialEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a trial ended: at which of the driver's events, why, and after how many reports.

    ``epochs`` is where a stopped trial was judged, None for all that it recorded; ``values`` are
    its objectives there, by name, where it had trained by then.
    """

    at: int
    reason: str = ""
    epochs: int | None = None
    by_pruner: bool = False
    epochs_trained: int = 0
    peak_mib: float = 0.0
    values: dict[str, float] | None = None


@dataclass(frozen=True)
class TrialRecord:
    """A closed trial, or one that runs.

    ``values`` by objective name, at the best report: also of a trial that was stopped, but a
    learned one is None where nothing was trained and where the trial failed. ``curve`` is what the
    pruner saw; ``epochs_trained`` may be a few more. ``by_pruner`` tells a trial that the pruner
    stopped from one whose study ran out of time. Where a study reports more often than once an
    epoch, all of these count reports.
    """

    number: int
    state: Status
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
    duplicate: bool = False
    """Whether its candidate was tried before, and was not trained again."""

    @property
    def has_values(self) -> bool:
        """Whether every objective is known: it was trained, to its end or not, and did not fail."""
        return self.state in ("complete", "pruned") and None not in self.values.values()


def trial_end(trial: optuna.trial.FrozenTrial) -> TrialEnd | None:
    """Read how a trial ended, None where it has not."""
    end = trial.user_attrs.get(END)
    return None if end is None else msgspec.convert(end, TrialEnd)


def trial_record(trial: optuna.trial.FrozenTrial, goals: Goals) -> TrialRecord:
    """Turn a trial of the storage into a record."""
    attributes, end = trial.user_attrs, trial_end(trial) or TrialEnd(0)
    segments = read_segments(trial)
    curve = curve_of(segments)
    values: dict[str, float | None] = {o.name: None for o in goals.objectives}
    values |= attributes.get(STATIC, {}) | (end.values or {})
    if trial.values is not None and trial.state.name == "COMPLETE":
        values = dict(zip(goals.names, trial.values, strict=True))
    return TrialRecord(
        trial.number,
        INFEASIBLE if INFEASIBLE in attributes else _CLOSED.get(trial.state.name, "running"),
        dict(trial.params),
        values,
        curve[: end.epochs],
        end.epochs_trained,
        sum(epoch.seconds for epoch in curve),
        end.reason,
        end.by_pruner,
        tuple(
            {"at": segment.at, "report": made.report, "action": made.action, **made.seen}
            for segment in segments
            for made in segment.decisions
        ),
        TAKEN_OVER in attributes,
        _moment(trial.datetime_start),
        _moment(trial.datetime_complete),
        max((segment.peak_mib for segment in segments), default=0.0) or end.peak_mib,
        DUPLICATE_OF in attributes,
    )


def _moment(when: datetime | None) -> str:
    return when.isoformat(timespec="milliseconds") if when else ""


def closed_trials(study: optuna.Study, goals: Goals) -> list[TrialRecord]:
    """List the records of every closed trial, by number."""
    trials = study.get_trials(deepcopy=False)
    return [trial_record(t, goals) for t in trials if t.state.name in _CLOSED]


def active_trials(study: optuna.Study, goals: Goals) -> list[TrialRecord]:
    """List the records of the trials that were begun and not closed yet, by number."""
    trials = study.get_trials(deepcopy=False)
    return [trial_record(t, goals) for t in trials if t.state.name == "RUNNING"]


def last_event(study: optuna.Study) -> int:
    """Return the highest event count that the study's trials hold."""
    events = [0]
    for trial in study.get_trials(deepcopy=False):
        events += [segment.at for segment in read_segments(trial)]
        events += [at for at, _ in trial.user_attrs.get(PROMOTIONS, ())]
        if end := trial_end(trial):
            events.append(end.at)
    return max(events)


def front_of(trials: Iterable[TrialRecord], goals: Goals) -> list[TrialRecord]:
    """List the trials on the front of everything that was trained, whatever stopped it.

    Best first objective first; equals count once. Where a report is a fold, trials of fewer folds
    than others have are not comparable with those, and left out.
    """
    trained = [trial for trial in trials if trial.has_values]
    if goals.cumulative:
        most = max((len(trial.curve) for trial in trained), default=0)
        trained = [trial for trial in trained if len(trial.curve) == most]
    points = [goals.minimised(trial.values) for trial in trained]
    best: dict[tuple[float, ...], TrialRecord] = {}
    for trial, point, kept in zip(trained, points, front_mask(points), strict=True):
        if kept:
            best.setdefault(tuple(point), trial)
    return [best[point] for point in sorted(best)]


LIBRARY = 8
"""So many of the best trials keep their networks, for means of them."""


def best_of(trials: Iterable[TrialRecord], goals: Goals, most: int = LIBRARY) -> list[TrialRecord]:
    """List the trials of lowest first learned objective that were trained here, best first.

    Where a report is a fold there are none: a trial's network is of one fold.

    Args:
        trials: Closed trials.
        goals: What the study optimises.
        most: How many at most.
    """
    own = [t for t in trials if t.has_values and not t.duplicate and not t.taken_over]
    if goals.cumulative:
        return []
    place = goals.objectives.index(goals.learned[0])
    own.sort(key=lambda trial: (goals.minimised(trial.values)[place], trial.number))
    return own[:most]


def finished_front_of(trials: Iterable[TrialRecord], goals: Goals) -> list[TrialRecord]:
    """List the trials on the front of those alone that were trained to their end."""
    return front_of((trial for trial in trials if trial.state == "complete"), goals)
