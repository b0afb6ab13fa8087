"""The result document as values: everything that a study found, and its file.

``optimization_results.json`` holds a `StudyResults`. A number that JSON cannot say (NaN, infinity)
is None here, as it is null there. A field with a default may be missing in a file that an earlier
version of the same schema wrote.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from lstmopt.data.series_features import SeriesFeatures
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.model_history import ModelUpdate
from lstmopt.objectives import ForecastCost, Goals
from lstmopt.pareto import front_mask
from lstmopt.plugin.strategy import Objective
from lstmopt.search_space import STANDARD, Architecture, Choice, Space
from lstmopt.storage.segments import plain_number
from lstmopt.storage.trial_record import (
    INFEASIBLE,
    Status,
    TrialRecord,
    active_trials,
    closed_trials,
    finished_front_of,
    front_of,
)

if TYPE_CHECKING:
    import optuna

SCHEMA = 1
ABOUT = "about"
"""The attribute of a stored study that holds what was known when it began."""

Count = int | float
"""Epochs: a fraction where a study reports more often than once an epoch."""


Param = str | int | float | bool | None
"""A hyperparameter; a user's own objective may have any that Optuna has."""


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """A value that JSON can say."""


class RangeEntry(Plain, frozen=True, kw_only=True):
    """A range of the search space; ``integer`` where it holds whole numbers only."""

    low: Count
    high: Count
    log: bool = False
    integer: bool = False


class StudyFacts(Plain, frozen=True, kw_only=True):
    """What a study is: its choices, its data and the machine that it ran on.

    ``parts`` are the rows at which training, validation and test end, with the ``gap`` of rows that
    is not trained on; with several ``folds`` those of the newest. ``times`` are the first and the
    last of the series. ``mase_season`` is the season, in rows, of the naive forecast whose error on
    the rows before the test part, ``mase_scale``, MASE divides by. ``data`` is the data's
    fingerprint, ``work`` what a loss depends on.
    """

    name: str
    sampler: str
    pruner: str
    seed: int
    device: str
    target: str
    versions: dict[str, str]
    data: str
    workers: int | None = None
    engine: str = ""
    latency_on: str = ""
    machine: str | None = None
    plugins: dict[str, str] = {}
    space: dict[str, list[Param] | RangeEntry] = {}
    window: int | None = None
    horizon: int = 1
    epochs: int | None = None
    targets_per_window: int | None = None
    inputs: tuple[str, ...] = ()
    step: str = ""
    rows: int = 0
    parts: tuple[int, ...] = ()
    folds: int = 1
    gap: int = 0
    times: tuple[str, ...] = ()
    mase_season: int | None = None
    mase_scale: float | None = None
    warm_start: dict[str, Any] = {}
    work: dict[str, Any] = {}
    features: SeriesFeatures | None = msgspec.field(default=None, name="traits")


class ObjectiveEntry(Plain, frozen=True, kw_only=True):
    """An objective, without the function that measures it."""

    name: str
    direction: Literal["minimize", "maximize"]
    kind: Literal["static", "learned", "forecast"]
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"


class ArchitectureEntry(Plain, frozen=True, kw_only=True):
    """What a forecast of an architecture costs: milliseconds, weights, megabytes.

    ``params`` are its hyperparameters as far as they are not what they always are; ``hidden_size``
    and ``num_layers`` are so of a network without them too.
    """

    hidden_size: int = 0
    num_layers: int = 0
    params: dict[str, Param] = {}
    latency_ms: float
    latency_spread_ms: float
    parameters: int
    model_mb: float
    features: int = 1
    window: int = 24
    horizon: int = 1

    @classmethod
    def of(cls, cost: ForecastCost) -> ArchitectureEntry:
        measured = {n: getattr(cost, n) for n in _MEASURED}
        layers = {name: cost[name] for name in ("hidden_size", "num_layers")}
        params: dict[str, Param] = {**cost.architecture.params}
        return cls(**measured, **layers, params=params, model_mb=cost.model_mb)

    @property
    def cost(self) -> ForecastCost:
        return ForecastCost(self.architecture, **{n: getattr(self, n) for n in _MEASURED})

    @property
    def architecture(self) -> Architecture:
        layers = {"hidden_size": self.hidden_size, "num_layers": self.num_layers}
        return Architecture.of(layers | self.params)


_MEASURED = (
    "latency_ms",
    "latency_spread_ms",
    "parameters",
    "features",
    "window",
    "horizon",
)
"""What is measured of a forecast, and of what."""


def finite(value: float | None) -> float | None:
    """Return a number that JSON can say, None for NaN and infinity."""
    return value if value is not None and math.isfinite(value) else None


def _float(value: float | None) -> float:
    return math.nan if value is None else value


class ReportEntry(Plain, frozen=True, kw_only=True, omit_defaults=True):
    """One report of a trial's training (see ``epoch.Epoch``)."""

    number: int
    train_loss: float | None
    val_loss: float | None
    val_mae: float | None
    val_r2: float | None
    seconds: float
    values: dict[str, float | None] = {}

    @classmethod
    def of(cls, epoch: Epoch) -> ReportEntry:
        return cls(
            number=epoch.number,
            train_loss=finite(epoch.train_loss),
            val_loss=finite(epoch.val_loss),
            val_mae=finite(epoch.val_mae),
            val_r2=finite(epoch.val_r2),
            seconds=epoch.seconds,
            values={name: finite(value) for name, value in epoch.values.items()},
        )

    def value(self, name: str) -> float | None:
        """Return a loss, or what an objective of the kind ``forecast`` measured, by its name."""
        found: float | None = (
            self.values[name] if name in self.values else getattr(self, name, None)
        )
        return found

    @property
    def epoch(self) -> Epoch:
        """The report as training gave it, NaN for what JSON could not say."""
        return Epoch(
            self.number,
            _float(self.train_loss),
            _float(self.val_loss),
            _float(self.val_mae),
            _float(self.val_r2),
            self.seconds,
            {name: _float(value) for name, value in self.values.items()},
        )


class TrialEntry(Plain, frozen=True, kw_only=True):
    """A trial (see ``storage.trial_record.TrialRecord``); ``epochs`` counts its curve."""

    number: int
    state: Status
    params: dict[str, Param]
    values: dict[str, float | None]
    curve: tuple[ReportEntry, ...]
    epochs_trained: int
    seconds: float
    reason: str
    by_pruner: bool = False
    decisions: tuple[dict[str, Any], ...] = ()
    taken_over: bool = False
    began: str = ""
    ended: str = ""
    peak_mib: float = 0.0
    epochs: int

    @classmethod
    def of(cls, record: TrialRecord) -> TrialEntry:
        names = ("number", "state", "params", "epochs_trained", "seconds", "reason", "by_pruner")
        more = ("decisions", "taken_over", "began", "ended", "peak_mib")
        return cls(
            **{name: getattr(record, name) for name in (*names, *more)},
            values={name: finite(value) for name, value in record.values.items()},
            curve=tuple(map(ReportEntry.of, record.curve)),
            epochs=len(record.curve),
        )

    @property
    def label(self) -> str:
        """What it is called."""
        return trial_label(self.number)

    @property
    def has_values(self) -> bool:
        """Whether every objective is known (see `storage.trial_record.TrialRecord`)."""
        return self.state in ("complete", "pruned") and None not in self.values.values()

    @property
    def trained_to_end(self) -> bool:
        """Whether nothing stopped it before its last epoch."""
        return self.state == "complete"

    def as_row(self) -> dict[str, Any]:
        """Return what a table of the front says of it; ``epochs`` counts its reports."""
        return {
            "trial": self.number,
            "values": self.values,
            "params": self.params,
            "trained_to_end": self.trained_to_end,
            "epochs": self.epochs,
        }


class Spread(Plain, frozen=True, kw_only=True):
    """Mean and standard deviation over seeds."""

    mean: float | None
    std: float | None


class ErrorsInUnit(Plain, frozen=True, kw_only=True):
    """Mean squared and mean absolute error, in one unit."""

    mse: Spread
    mae: Spread


class MetricsEntry(Plain, frozen=True, kw_only=True):
    """Metrics in the target's own units (see ``training.metrics.ForecastMetrics``)."""

    mae: Spread
    rmse: Spread
    mase: Spread
    smape: Spread
    r2: Spread
    bias: Spread


class IntervalScoresEntry(Plain, frozen=True, kw_only=True):
    """What intervals came to, in the target's own units (see ``training.interval_scores``)."""

    coverage: float | None
    width: float | None
    winkler: float | None
    pinball: float | None


class IntervalEntry(Plain, frozen=True, kw_only=True):
    """Intervals of one level, in per cent, on the test part.

    ``all_leads`` are the scores over all leads, ``by_lead`` those of each, the next row first;
    ``calibrated_on`` is the number of forecasts that each interval rests on.
    """

    level: float
    calibrated_on: int
    all_leads: IntervalScoresEntry
    by_lead: tuple[IntervalScoresEntry, ...] = ()


class ForecastErrors(Plain, frozen=True, kw_only=True):
    """Errors on the test part: of the scaled target, in the target's own unit, and R².

    ``metrics`` are over all leads, ``by_lead`` of each lead, the next row first; ``intervals`` are
    of each level, ascending, of a chosen trial those of the refit that is deployed; ``reliability``
    are levels in per cent, and the share of truths within intervals of each.
    """

    scaled: ErrorsInUnit
    own: ErrorsInUnit
    r2: Spread
    metrics: MetricsEntry | None = None
    by_lead: tuple[MetricsEntry, ...] = ()
    intervals: tuple[IntervalEntry, ...] = ()
    reliability: tuple[tuple[float, float | None], ...] = ()

    def metric(self, name: str) -> Spread | None:
        """Return a metric over all leads; None where an earlier version did not record it."""
        found: Spread | None = {"mae": self.own.mae, "r2": self.r2}.get(name)
        return getattr(self.metrics, name) if self.metrics else found


class FinalistEntry(Plain, frozen=True, kw_only=True):
    """A trial of the front that was trained anew with ``seeds`` seeds."""

    trial: int
    seeds: int
    validation: dict[str, Spread]
    test_mse: float | None = None


class MemberEntry(Plain, frozen=True, kw_only=True, omit_defaults=True):
    """A member of an average, and how often it counts: a refit of a trial, or a baseline.

    ``refit`` counts a trial's refits from 1; it is 0 for the network that the search trained.
    """

    count: int
    trial: int | None = None
    refit: int = 0
    baseline: str = ""

    @property
    def label(self) -> str:
        """What it is, in words."""
        refit = f" (refit {self.refit})" if self.refit else ""
        name = self.baseline or f"trial {self.trial}{refit}"
        return f"{self.count} × {name}" if self.count > 1 else name


class AverageEntry(Plain, frozen=True, kw_only=True):
    """A mean of refits and baselines that could be chosen (see ``workflow.averages``).

    ``made`` says of what: a trial's refits, or the best of all. ``parameters`` counts the numbers
    that its members hold.
    """

    number: int
    made: Literal["refits", "networks", "networks and baselines"]
    members: tuple[MemberEntry, ...]
    validation: dict[str, float | None]
    latency_ms: float
    latency_spread_ms: float
    parameters: int
    model_mb: float
    test_mse: float | None = None

    @property
    def label(self) -> str:
        """What it is called."""
        return average_label(self.number)

    @property
    def words(self) -> str:
        """What it is the mean of."""
        return members_words(self.members)

    @property
    def values(self) -> dict[str, float]:
        """What is known of it by the names of objectives and of what forecasts cost."""
        costs = {name: getattr(self, name) for name in ("latency_ms", "parameters", "model_mb")}
        known = {name: value for name, value in self.validation.items() if value is not None}
        return costs | known


PointEntry = TrialEntry | AverageEntry
"""What may be chosen: a trial of the front or an average."""


def trial_label(number: int | None) -> str:
    """Return what a trial is called."""
    return f"trial {number}"


def average_label(number: int) -> str:
    """Return what an average is called."""
    return f"average {number}"


def members_words(members: Sequence[MemberEntry]) -> str:
    """Say what an average is the mean of."""
    return "mean of " + ", ".join(member.label for member in members)


class ChosenEntry(Plain, frozen=True, kw_only=True):
    """What was chosen: a trial, or an average of ``members``; then ``trial`` is None.

    ``pick`` says how: knee, best, fastest, or named by its number. An average has no ``params``.
    """

    trial: int | None
    params: dict[str, Param]
    validation: dict[str, float | None]
    test: ForecastErrors
    latency_ms: float
    pick: str = ""
    average: int | None = None
    members: tuple[MemberEntry, ...] = ()

    @property
    def label(self) -> str:
        """What it is called."""
        return trial_label(self.trial) if self.average is None else average_label(self.average)

    @property
    def named(self) -> str:
        """What it is called, and what an average is of."""
        return f"{self.label} ({members_words(self.members)})" if self.members else self.label

    @property
    def trials(self) -> tuple[int, ...]:
        """The trials whose networks are deployed."""
        if self.trial is not None:
            return (self.trial,)
        return tuple(dict.fromkeys(m.trial for m in self.members if m.trial is not None))


class HindsightEntry(Plain, frozen=True, kw_only=True):
    """What it cost to select on validation, among all ``points`` that could be chosen.

    ``selected`` has the lowest squared error on validation, ``best`` has it on the test part, where
    ``selected_mse`` and ``best_mse`` are; ``cost`` is the share by which the first is higher. It
    was looked at after the choice, which it did not change.
    """

    points: int
    selected: str
    selected_mse: float
    best: str
    best_mse: float
    cost: float


class SampleEntry(Plain, frozen=True, kw_only=True):
    """An even sample of a part's origins, where forecasting from all ``of`` them took too long."""

    origins: int
    of: int

    def __str__(self) -> str:
        return f"{self.origins:,} of {self.of:,} origins"


class BaselineEntry(Plain, frozen=True, kw_only=True):
    """A baseline on the validation part: its scaled errors, and what one forecast takes.

    ``validation_sample`` and ``test_sample`` are None where it forecast from every origin.
    """

    validation_mse: float | None
    latency_ms: float | None
    validation_mae: float | None = None
    validation_r2: float | None = None
    validation_sample: SampleEntry | None = None
    test_sample: SampleEntry | None = None

    @property
    def values(self) -> dict[str, float]:
        """What is known of it by the names of objectives; empty where a series cannot have it."""
        known = {
            "val_loss": self.validation_mse,
            "latency_ms": self.latency_ms,
            "val_mae": self.validation_mae,
            "val_r2": self.validation_r2,
        }
        return {name: value for name, value in known.items() if value is not None}


class VerdictEntry(Plain, frozen=True, kw_only=True):
    """The choice against the best baseline (see ``forecasting.verdict.Comparison``)."""

    baseline: str
    difference: float
    low: float
    high: float
    p: float
    says: Literal["deploy", "do not deploy", "no difference"]
    p_over_time: float | None = None


class AllRowsEntry(Plain, frozen=True, kw_only=True):
    """That the deployed weights were trained on all rows, after the test part was opened."""

    rows: int
    epochs: Count
    seconds: float


class Spent(Plain, frozen=True, kw_only=True):
    """What a study spent; ``peak_mib`` is the most memory of a process that trained."""

    trials: int
    epochs_trained: Count
    epochs_saved: Count
    seconds: float
    taken_over: int = 0
    infeasible: int = 0
    reports: int = 0
    reports_per_epoch: int = 1
    peak_mib: float = 0.0


class Reports(Plain, frozen=True, kw_only=True):
    """How many reports a whole trial gives, and an epoch; how many epochs a report takes at most.

    The last is above 1 where a report is a fold.
    """

    reports: int
    reports_per_epoch: int
    epochs_per_report: int = 1


class StudyAbout(Plain, frozen=True, kw_only=True):
    """What was known of a study when it began."""

    study: StudyFacts
    objectives: tuple[ObjectiveEntry, ...]
    architectures: tuple[ArchitectureEntry, ...]
    budget: Reports
    warnings: tuple[str, ...] = ()


class Outcome(Plain, frozen=True, kw_only=True):
    """What came of a study's finalists; ``baselines`` hold None for a season that there is not."""

    chosen: ChosenEntry
    finalists: tuple[FinalistEntry, ...]
    baselines: dict[str, ForecastErrors | None]
    bar: dict[str, BaselineEntry]
    verdict: VerdictEntry | None
    features: SeriesFeatures
    all_rows: AllRowsEntry | None = None
    averages: tuple[AverageEntry, ...] = ()
    hindsight: HindsightEntry | None = None


class StudyResults(Plain, frozen=True, kw_only=True):
    """Everything that a study found, the verdict first.

    ``front`` is that of everything trained, ``finished_front`` of the trials alone that were
    trained to their end.

    What the test part said is of weights trained on the training part alone; ``all_rows`` and
    ``updates`` say how the deployed ones went on.

    ``chosen`` is None until a model was chosen.
    """

    verdict: VerdictEntry | None = None
    schema: int
    study: StudyFacts
    objectives: tuple[ObjectiveEntry, ...]
    architectures: tuple[ArchitectureEntry, ...]
    trials: tuple[TrialEntry, ...]
    front: tuple[int, ...]
    finished_front: tuple[int, ...] = ()
    finalists: tuple[FinalistEntry, ...] = ()
    averages: tuple[AverageEntry, ...] = ()
    chosen: ChosenEntry | None
    baselines: dict[str, ForecastErrors | None] | None
    bar: dict[str, BaselineEntry] = {}
    hindsight: HindsightEntry | None = None
    all_rows: AllRowsEntry | None = None
    updates: tuple[ModelUpdate, ...] = ()
    budget: Spent
    warnings: tuple[str, ...] = ()

    @property
    def goals(self) -> Goals:
        """The objectives; what they measured is here, they measure no more."""
        return goals_of(self.objectives, self.study.folds > 1)

    @property
    def front_trials(self) -> list[TrialEntry]:
        """The trials of the front, best first objective first."""
        trials = {trial.number: trial for trial in self.trials}
        return [trials[number] for number in self.front]

    @property
    def points(self) -> tuple[PointEntry, ...]:
        """What may be chosen: the trials of the front, then the averages."""
        return (*self.front_trials, *self.averages)

    @property
    def on_front(self) -> NDArray[np.bool_]:
        """Which points no other one dominates [points].

        Trials count with what the search found, averages with their own values; one of which an
        objective is unknown is not on the front.
        """
        goals = self.goals
        values = [point.values for point in self.points]
        known = np.array([None not in map(row.get, goals.names) for row in values], bool)
        mask = known.copy()
        mask[known] = front_mask([goals.minimised(values[n]) for n in known.nonzero()[0]])
        return mask

    def architecture(self, params: Mapping[str, Any]) -> Architecture:
        """Return what decides the cost of a trial's forecasts."""
        names = {name for entry in self.architectures for name in entry.params}
        of_plugins = params.keys() - names - STANDARD.keys()
        return Architecture.of(params, of_plugins)

    @property
    def front_points(self) -> NDArray[np.float64]:
        """The front [n, objectives], each value turned so that lower is better."""
        goals = self.goals
        rows = [goals.minimised(trial.values) for trial in self.front_trials]
        return np.array(rows, float).reshape(-1, len(goals.objectives))


def baseline_values(results: StudyResults) -> dict[str, dict[str, float]]:
    """Return of each baseline that the series can have what is known by objectives' names."""
    return {name: entry.values for name, entry in results.bar.items() if entry.values}


def pareto_document(results: StudyResults, points: Sequence[PointEntry]) -> dict[str, Any]:
    """Return the verdict, ``points`` by what they are, and baselines, as JSON says them."""
    return {
        "verdict": results.verdict and as_document(results.verdict),
        "front": [point.as_row() for point in points if isinstance(point, TrialEntry)],
        "averages": [as_document(point) for point in points if isinstance(point, AverageEntry)],
        "baselines": [
            {"baseline": name, "values": values}
            for name, values in baseline_values(results).items()
        ],
    }


def space_entries(space: Space) -> dict[str, list[Param] | RangeEntry]:
    """List what varies in a study, by hyperparameter."""
    return {
        name: list(parameter.values)
        if isinstance(parameter, Choice)
        else RangeEntry(
            low=parameter.low, high=parameter.high, log=parameter.log, integer=parameter.integer
        )
        for name, parameter in space.parameters.items()
    }


def objective_entries(goals: Goals) -> tuple[ObjectiveEntry, ...]:
    """List a study's objectives as plain values."""
    names = ObjectiveEntry.__struct_fields__
    return tuple(ObjectiveEntry(**{n: getattr(o, n) for n in names}) for o in goals.objectives)


def goals_of(entries: Iterable[ObjectiveEntry], cumulative: bool = False) -> Goals:
    """Return objectives that were read back; they measure nothing."""
    objectives = (Objective(measure=_measured, **msgspec.to_builtins(e)) for e in entries)
    return Goals(tuple(objectives), cumulative)


def _measured(_: Any) -> float:
    raise TypeError("an objective read back from a record measures nothing")


def make_results(
    about: StudyAbout,
    trials: Sequence[TrialRecord],
    goals: Goals,
    seconds: float,
    outcome: Outcome | None = None,
) -> StudyResults:
    """Put together what is known of a study; without an outcome nothing was chosen yet."""
    return StudyResults(
        schema=SCHEMA,
        study=msgspec.structs.replace(about.study, features=outcome.features if outcome else None),
        objectives=about.objectives,
        architectures=about.architectures,
        trials=tuple(map(TrialEntry.of, trials)),
        front=tuple(trial.number for trial in front_of(trials, goals)),
        finished_front=tuple(trial.number for trial in finished_front_of(trials, goals)),
        finalists=outcome.finalists if outcome else (),
        averages=outcome.averages if outcome else (),
        chosen=outcome.chosen if outcome else None,
        baselines=outcome.baselines if outcome else None,
        bar=outcome.bar if outcome else {},
        verdict=outcome.verdict if outcome else None,
        hindsight=outcome.hindsight if outcome else None,
        all_rows=outcome.all_rows if outcome else None,
        budget=_spent(trials, about.budget, seconds),
        warnings=about.warnings,
    )


def _spent(trials: Sequence[TrialRecord], planned: Reports, seconds: float) -> Spent:
    each = planned.reports_per_epoch
    most = planned.reports * planned.epochs_per_report
    saved = sum(most - t.epochs_trained for t in trials if t.by_pruner)
    return Spent(
        trials=sum(t.state != INFEASIBLE and not t.taken_over for t in trials),
        taken_over=sum(t.taken_over for t in trials),
        infeasible=sum(t.state == INFEASIBLE for t in trials),
        epochs_trained=epochs_of(sum(t.epochs_trained for t in trials), each),
        epochs_saved=epochs_of(saved, each),
        reports=planned.reports,
        reports_per_epoch=each,
        seconds=seconds,
        peak_mib=max((trial.peak_mib for trial in trials), default=0.0),
    )


def epochs_of(reports: int, reports_per_epoch: int) -> Count:
    """Return how many epochs so many reports are."""
    return reports / reports_per_epoch if reports_per_epoch > 1 else reports


def results_so_far(study: optuna.Study) -> tuple[StudyResults, tuple[TrialEntry, ...]] | None:
    """Return the results of a study as it stands in its storage, and the trials not closed yet.

    None for a study that says nothing of itself.
    """
    known = study.user_attrs.get(ABOUT)
    if known is None:
        return None
    about = msgspec.convert(known, StudyAbout)
    goals = goals_of(about.objectives, about.study.folds > 1)
    closed, active = closed_trials(study, goals), active_trials(study, goals)
    moments = [m for t in (*closed, *active) for m in (t.began, t.ended) if m]
    results = make_results(about, closed, goals, _seconds_between(moments))
    return results, tuple(map(TrialEntry.of, active))


def _seconds_between(moments: Sequence[str]) -> float:
    if not moments:
        return 0.0
    first, last = (datetime.fromisoformat(moment) for moment in (min(moments), max(moments)))
    return (last - first).total_seconds()


def as_document(value: Plain) -> dict[str, Any]:
    """Return a value as the plain dicts and lists that its file holds."""
    document: dict[str, Any] = msgspec.json.decode(as_json(value))
    return document


def as_json(value: Plain) -> bytes:
    """Return a value as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=plain_number))


def read_results(path: Path) -> StudyResults:
    """Read an ``optimization_results.json``. Raises LstmoptError for what is not one."""
    try:
        content = path.read_bytes()
        found = msgspec.json.decode(content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise LstmoptError(
            f"a finished run holds {path.name}, found none that can be read in "
            f"{path.parent}: run the study to its end, or name another folder"
        ) from None
    stamp = found.get("schema") if isinstance(found, dict) else type(found).__name__
    if stamp != SCHEMA:
        raise LstmoptError(
            f"this version reads results of schema {SCHEMA}, found {stamp!r} "
            f"in {path}: run the study again"
        )
    try:
        return msgspec.convert(found, StudyResults)
    except msgspec.ValidationError as error:
        raise LstmoptError(
            f"results hold {', '.join(StudyResults.__struct_fields__)}, each of its kind, found in "
            f"{path} that they are not ({error}): it is damaged; run the study again"
        ) from None


class AuditedTrial(Plain, frozen=True, kw_only=True):
    """A stopped trial that was trained to its end.

    ``values`` by objective, None where it failed; ``repeated`` says whether training it again gave
    bit for bit the losses of the record.
    """

    trial: int
    stopped_at: int
    reports: int
    values: dict[str, float | None] | None
    repeated: bool


class FrontMember(Plain, frozen=True, kw_only=True):
    """A trial of the front, and whether it was trained to its end."""

    trial: int
    trained_to_end: bool


class AuditSoFar(Plain, frozen=True, kw_only=True):
    """What an audit has trained: ``audit.json`` while it goes on."""

    schema: int = SCHEMA
    trials: tuple[AuditedTrial, ...]


class Audit(AuditSoFar, frozen=True, kw_only=True):
    """How often pruning was wrong: ``audit.json``.

    The front here is that of everything trained: ``front`` says of each member whether it was
    trained to its end, ``deployed`` of each trial whose networks are deployed. A stopped trial that
    is on the front is not lost, for the refit trains it to its end. ``lost`` numbers the other
    sampled trials that would have come to it; ``interval`` holds their share at 95 %;
    ``front_gain`` is by which share the front's hypervolume would have been larger with all of the
    sample trained to its end.
    """

    front: tuple[FrontMember, ...] = ()
    deployed: tuple[FrontMember, ...] = ()
    stopped: int
    sampled: int
    lost: tuple[int, ...]
    false_prune_rate: float
    interval: tuple[float, float]
    front_gain: float | None
    epochs_saved: Count
    decisions_replayed: int
    decisions_different: tuple[str, ...]
