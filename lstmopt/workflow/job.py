"""A checked study with its data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import torch

from lstmopt.config.options import Config, SplitOptions, TaskOptions
from lstmopt.config.study_file import read_config, replace
from lstmopt.data.cuts import Cut, Dates, LastRows, Shares
from lstmopt.data.read_series import read_series
from lstmopt.data.series import Series
from lstmopt.data.series_features import SeriesFeatures, series_features
from lstmopt.data.split import Split, split_series
from lstmopt.data.windows import Shape
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError, masked
from lstmopt.execution.local_engine import default_workers
from lstmopt.forecasting.baselines import make_baseline, repeat, score_folds
from lstmopt.networks.families import Families, installed_families, take_from_files
from lstmopt.objectives import ForecastCost, ForecastCosts, Goals, make_goals
from lstmopt.plugin.network import known_hyperparameters
from lstmopt.plugin.registry import Registry, load_registry
from lstmopt.plugin.strategy import Named
from lstmopt.pruning.pruners import make_pruner
from lstmopt.results.document import (
    ArchitectureEntry,
    Reports,
    StudyAbout,
    StudyFacts,
    finite,
    objective_entries,
    space_entries,
)
from lstmopt.search.search_plan import Plan, check_support
from lstmopt.search_space import NETWORK, Architecture, Candidate, Params, Space, parse_space, plain
from lstmopt.search_space.quantiles import parse_quantiles, quantile_text
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.trial_record import FORMAT
from lstmopt.system.host import machine, versions
from lstmopt.system.mmap_arrays import Scratch, store
from lstmopt.system.study_lock import hold_study
from lstmopt.training.folds import TrainingParts, mean_values
from lstmopt.training.forecast_objectives import ForecastObjectives
from lstmopt.training.memory_estimate import training_mb
from lstmopt.training.options import TrainingOptions
from lstmopt.training.own_units import OwnUnits
from lstmopt.training.trainer import reports_per_epoch, targets_per_window, windows_per_epoch
from lstmopt.warm_start.past_studies import WORK
from lstmopt.warm_start.protocols import make_warm_start
from lstmopt.workflow.calibration import interval_levels, level_notices, with_defaults
from lstmopt.workflow.default_space import NETWORKS, default_space
from lstmopt.workflow.required_packages import with_packages

_WINDOW = 24
"""Rows that a forecast reads where nothing says it."""


@dataclass(frozen=True)
class Job:
    """A checked study with its data: everything that a run, or a refit of one, needs."""

    config: Config
    registry: Registry
    plan: Plan
    split: Split
    parts: Path
    """The file from which workers read `TrainingParts`."""
    device: str
    workers: int
    folder: RunFolder
    scratch: Scratch
    """Holds ``parts`` and the series for as long as the job is there."""
    own_objective: bool = False
    """Whether a user's own objective suggests the hyperparameters, whatever the space."""
    families: Families = field(default_factory=installed_families)
    """What builds its networks."""
    executor: Executor | None = None
    """A user's own, on which candidates are trained in place of what the study file names."""
    latency_on: str = ""
    """Where forecasts were timed."""

    @property
    def series(self) -> Series:
        return self.split.series

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of the data and the objectives."""
        told = (*self.series.notices, *self.split.notices(), *self.goals.notices())
        transformed = self.split.scaling.target.notices()
        return (*told, *transformed, *level_notices(self.split, self.config.intervals))

    @property
    def goals(self) -> Goals:
        return self.plan.goals

    @property
    def reports(self) -> int:
        """How many reports a trial gives that runs to its last epoch."""
        return trial_reports(self.config, self.plan.reports_per_epoch)

    @property
    def most_epochs(self) -> int:
        """How many epochs a trial takes at most, in shares where an epoch is reported so."""
        return self.reports * self.plan.epochs_per_report

    @property
    def engine(self) -> str:
        """Name where candidates are trained."""
        return type(self.executor).__name__ if self.executor else self.config.engine.url or "local"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for one driver, in its folder and in its storage."""
        with self.folder.lock(), hold_study(self.config.name, self.config.storage):
            yield

    def work(self) -> dict[str, Any]:
        """Return what of the identity a loss depends on."""
        return {key: value for key, value in self.identity().items() if key in WORK}

    @cached_property
    def series_features(self) -> SeriesFeatures:
        """What the target is like in the training part, of a panel in its longest series."""
        spans = self.split.train.spans
        longest = int((spans.end - spans.first).argmax())
        rows = slice(int(spans.first[longest]), int(spans.end[longest]))
        return series_features(self.series.values[rows, 0], self.series.season)

    def forecast_costs(self, costs: Mapping[Architecture, ForecastCost]) -> ForecastCosts:
        """Return what forecasts cost, as a search asks for it."""
        training = self.plan.space.training
        return ForecastCosts(costs, self.goals, self.plan.limits, self._memory_mb, training)

    def _memory_mb(self, params: Params) -> float:
        part = self.split.train
        targets = targets_per_window(part, self.config.training)
        return training_mb(Candidate(params, 0), part.columns, targets, self.families)

    def _warm_start_without_passwords(self) -> dict[str, Any]:
        table = dict(self.config.warm_start)
        return table | {"runs": [masked(run) for run in table.get("runs", ())]}

    def identity(self) -> dict[str, Any]:
        """Say what must not change between calls of one run, by a user's words."""
        config = self.config
        # reports count steps of the space's largest batch
        reports = {"reports an epoch": self.plan.reports_per_epoch}
        windows = {"longest window": self.split.train.shape.window}
        varying = windows if "window" in self.plan.space.parameters else {}
        return (
            (reports if config.training.report_every else {})
            | varying
            | {
                "target": self.series.target,
                "set of columns": [
                    list(names)
                    for names in (self.series.past, self.series.known, self.series.calendar)
                ],
                "max_gap": config.data.max_gap,
                "data file": self.series.fingerprint,
                "objectives": list(config.objectives),
                "space": msgspec.to_builtins(_plain_space(self.plan.space)),
                "task or split": [_plain_task(config.task), _plain_split(config)],
                "training": _plain_training(config.training),
                "limits": msgspec.to_builtins(config.limits),
                "pruner": dict(config.pruner),
                "tell_stopped": config.tell_stopped,
                "seed": config.seed,
                "record's format": FORMAT,
            }
        )

    def about(self, costs: Mapping[Architecture, ForecastCost]) -> StudyAbout:
        """Return what is known of the study before its first trial."""
        series, units = self.series, OwnUnits.of(self.split, self.split.before_test)
        return StudyAbout(
            study=StudyFacts(
                name=self.config.name,
                sampler=self.plan.sampler.name,
                pruner=self.config.pruner["name"],
                seed=self.config.seed,
                device=self.device,
                workers=self.workers,
                engine=self.engine,
                latency_on=self.latency_on,
                machine=machine(),
                versions=versions(),
                plugins=self.registry.third_parties,
                space={} if self.own_objective else space_entries(self.plan.space),
                window=self.split.train.shape.window,
                horizon=self.config.task.horizon,
                epochs=self.config.training.epochs,
                targets_per_window=self.config.training.targets_per_window,
                target=series.target,
                inputs=(*series.past, *series.known, *series.calendar),
                step=series.step,
                rows=len(series.times),
                parts=self.split.ends,
                folds=self.config.split.folds,
                gap=self.config.split.gap,
                times=(str(series.times[0]), str(series.times[-1])),
                mase_season=units.season,
                mase_scale=finite(units.scale),
                data=series.fingerprint,
                warm_start=self._warm_start_without_passwords(),
                work=self.work(),
            ),
            objectives=objective_entries(self.goals),
            architectures=tuple(map(ArchitectureEntry.of, costs.values())),
            budget=Reports(
                reports=self.reports,
                reports_per_epoch=self.plan.reports_per_epoch,
                epochs_per_report=self.plan.epochs_per_report,
            ),
            warnings=self.notices,
        )


def prepare(
    config: Config,
    out: str | Path,
    source: pd.DataFrame | None = None,
    executor: Executor | None = None,
) -> Job:
    """Check everything that can be wrong before any work is done."""
    registry = load_registry(tuple(Path(p) for p in config.plugins))
    folder = RunFolder(Path(out))
    _refuse_another_study(folder, config.name)
    config = with_packages(config, registry, folder)
    several_folds = config.split.folds > 1
    goals = make_goals([registry.objective(n) for n in config.objectives], several_folds)
    known = known_hyperparameters(registry.networks)
    names = config.networks or (() if config.space else NETWORKS)
    families = [registry.network(name) for name in names]
    space = parse_space(config.space, known)
    named = Named.of(config.sampler)
    sampler = registry.strategy("sampler", named.name)
    if not families:
        check_support(sampler, space, goals)
    device = choose_device(config.device, config.engine.url, executor)
    if source is None and not config.data.path:
        raise LstmoptError("a study needs a table, found none: give --data CSV or [data] path")
    series = read_series(config.data.path if source is None else source, config.data)
    cut_at = _cut_of(config.split)
    trained, validated = (int(np.median(rows)) for rows in cut_at.rows(series))
    if families:
        rows = max(trained, 1)
        table = default_space(families, series, rows, config.task.window)
        config = replace(config, space=table | plain(config.space))
        space = parse_space(config.space, known)
        check_support(sampler, space, goals)
    # scores are over the same origins for all windows: those of the longest
    longest = space.largest("window") or config.task.window or _WINDOW
    config = replace(config, task=replace(config.task, window=longest))
    shape = Shape(longest, config.task.horizon)
    cut = config.split
    fractions = cut.train, cut.validation
    forecast = bool(families) or any(objective.quantiles for objective in goals.objectives)
    intervals = with_defaults(
        config.intervals, validated, shape.horizon, cut.folds, forecast, series.panel is not None
    )
    config = replace(config, intervals=intervals)
    if isinstance(intervals.quantiles, tuple) and intervals.quantiles:
        space = space.with_fixed("quantiles", quantile_text(intervals.quantiles))
    for text in space.values_of("quantiles"):
        parse_quantiles(str(text))
    split = split_series(
        series,
        shape,
        fractions,
        cut.folds,
        cut.gap,
        cut.history,
        intervals.calibration or 0.0,
        config.task.target,
        cut_at,
    )
    interval_levels(split, config.intervals)
    training = replace(
        config.training,
        targets_per_window=targets_per_window(split.train, config.training),
        windows=windows_per_epoch(split.train, config.training),
    )
    config = replace(config, training=training)
    _check_training_windows(split, config)
    reports = reports_per_epoch(split.train, config.training, space.largest("batch_size"))
    measures = forecast_objectives(split, goals)
    plan = Plan(
        config.seed,
        space,
        goals,
        sampler,
        named.options,
        make_pruner(registry, config.pruner, partial(naive_losses, split, goals, measures)),
        config.budget.trials,
        config.budget.seconds,
        config.budget.epochs,
        config.limits,
        config.tell_stopped,
        reports,
        trial_reports(config, reports),
        config.training.epochs if several_folds else 1,
        solved=registry.solved_families,
    )
    plan.make_sampler(0)
    make_warm_start(registry, config.warm_start_strategy)
    for text in config.baselines or ():
        make_baseline(registry, text)
    workers = config.workers or (0 if config.engine.url or executor else default_workers(device))
    scratch = Scratch()
    parts = scratch.path / "parts"
    take_from_files(config.plugins)  # what is built in this process may be of one
    packed = Families.of_space(registry, space.values_of(NETWORK))
    shared = store(TrainingParts(split.folds, measures, packed), parts)
    newest, *older = shared.folds
    series = store(series, scratch.path / "series")
    split = replaced(
        split, train=newest.train, validation=newest.validation, series=series, older=tuple(older)
    )
    return Job(
        config,
        registry,
        plan,
        split,
        parts,
        device,
        workers,
        folder,
        scratch,
        families=packed,
        executor=executor,
    )


def _refuse_another_study(folder: RunFolder, name: str) -> None:
    """Refuse a folder in which a study of another name was begun: nothing of it is overwritten."""
    if not folder.study_file.is_file():
        return
    found = read_config(folder.study_file).name
    if found != name:
        raise LstmoptError(
            f"a run's folder holds one study, found {found!r} in {folder.path} and not {name!r}: "
            "choose another --out"
        )


def trial_reports(config: Config, reports_per_epoch: int) -> int:
    """Return how many reports a trial gives: a fold's or, with one fold, an epoch's."""
    folds = config.split.folds
    return folds if folds > 1 else config.training.epochs * reports_per_epoch


def forecast_objectives(split: Split, goals: Goals) -> tuple[ForecastObjectives, ...]:
    """Return what workers need to measure the goals' forecast objectives, by fold; else nothing."""
    if not goals.forecast:
        return ()
    scale = split.scaling.target
    return tuple(
        ForecastObjectives.of(
            goals.forecast, OwnUnits.of_fold(split.series, fold, scale, split.by_series)
        )
        for fold in split.folds
    )


def naive_losses(
    split: Split, goals: Goals, measures: Sequence[ForecastObjectives] = ()
) -> dict[str, float]:
    """Return what repeating the last value scores on the validation part, by learned objective.

    Turned so that lower is better; infinite where it is no number, for anything is as good then.
    With several folds the worst mean over the newest ones, so that at no report more is asked for.
    """
    measured = [
        measure.measure(repeat(fold.validation), fold.validation.origins()).values
        for measure, fold in zip(measures, split.folds, strict=False)
    ]
    epochs = []
    for n in range(1, len(split.folds) + 1):
        scores = score_folds([repeat] * n, split.folds[:n])
        values = mean_values(measured[:n])
        epochs.append(Epoch(0, scores.mse, scores.mse, scores.mae, scores.r2, 0.0, values))
    losses = {o.name: [o.minimised(o.at(e)) for e in epochs] for o in goals.learned}
    return {
        name: math.inf if any(map(math.isnan, found)) else max(found)
        for name, found in losses.items()
    }


def choose_device(name: str, engine: str = "", executor: Executor | None = None) -> str:
    """Turn ``auto`` into ``cuda`` where there is one; refuse a device that is not there.

    What workers elsewhere have is not known here: a cluster is asked for GPUs by naming ``cuda``.
    """
    if engine or executor:
        return "cpu" if name == "auto" else name
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise LstmoptError(
            "device cuda needs a GPU that torch can use, found none: use cpu or auto"
        )
    return name


def _plain_task(task: TaskOptions) -> dict[str, Any]:
    """Return the task's options; those that came later are left out where they change nothing."""
    plain: dict[str, Any] = msgspec.to_builtins(task)
    later = {"transform": "none", "lower": None, "upper": None, "scale_by": "series"}
    return {n: v for n, v in plain.items() if n not in later or v != later[n]}


def _cut_of(split: SplitOptions) -> Cut:
    """Return where a study's parts begin."""
    if split.validation_rows is not None and split.test_rows is not None:
        return LastRows(split.validation_rows, split.test_rows)
    if split.validation_from is not None and split.test_from is not None:
        return Dates(split.validation_from, split.test_from)
    return Shares(split.train, split.validation)


def _plain_training(training: TrainingOptions) -> dict[str, Any]:
    """Return training's options; those that came later are left out where they change nothing."""
    plain: dict[str, Any] = msgspec.to_builtins(training)
    later = {"windows": None, "sample_by": "rows"}
    return {n: v for n, v in plain.items() if n not in later or v != later[n]}


def _plain_split(config: Config) -> dict[str, Any]:
    """Return the split's options; those that came later are left out where they change nothing."""
    split = config.split
    plain: dict[str, Any] = msgspec.to_builtins(split)
    if held := config.intervals.calibration:
        plain["calibration"] = held
    if split.folds == 1:
        del plain["folds"], plain["history"]
    if not split.gap:
        del plain["gap"]
    for name in ("validation_rows", "test_rows", "validation_from", "test_from"):
        if plain[name] is None:
            del plain[name]
    return plain


def _plain_space(space: Space) -> dict[str, list[Any]]:
    return {name: [repr(parameter)] for name, parameter in space.parameters.items()}


def _check_training_windows(split: Split, config: Config) -> None:
    wanted, window = targets_per_window(split.train, config.training), split.train.shape.window
    context = window + wanted - 1
    if not all(len(fold.train.origins(context)) >= wanted for fold in split.folds):
        raise LstmoptError(
            f"the training part needs windows of {window} + {wanted - 1} rows without "
            f"a long gap, found fewer than {wanted}: lower training.targets_per_window"
        )
