"""The main job: data -> study -> front -> finalists -> record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from dataclasses import replace as replaced
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import torch

from lstmopt.baselines import fit_baselines, repeat, score_part
from lstmopt.config import Config, replace, write_config
from lstmopt.data import Series, read_series
from lstmopt.document import ABOUT, describe_goals, front_columns, make_document
from lstmopt.engines import ClusterEngine, engine_of
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError, MachineError, masked
from lstmopt.executors import Engine, default_workers
from lstmopt.finalists import Refit, Verdict, begin_refits, choose, describe, end_refits, open_test
from lstmopt.forecaster import Forecaster, describe_inputs
from lstmopt.interruption import heeded
from lstmopt.latency import Setting, forecast_costs
from lstmopt.learned import Learned, read_learned
from lstmopt.lock import hold_study
from lstmopt.machine import host, machine, versions
from lstmopt.memory import training_mb
from lstmopt.objectives import (
    ForecastCost,
    Goals,
    Limits,
    cost_of,
    cost_table,
    costs_of_table,
    make_goals,
)
from lstmopt.observer import Observer
from lstmopt.opening import enter
from lstmopt.past import WORK, Frame, read_past
from lstmopt.plan import FiniteSampler, Plan, check_support
from lstmopt.pruning import make_pruner
from lstmopt.record import (
    FORMAT,
    RunFolder,
    TrialRecord,
    closed_trials,
    finite,
    front_of,
)
from lstmopt.registry import Named, Registry, load_registry
from lstmopt.requires import changed_versions, with_packages
from lstmopt.space import Architecture, Candidate, Params, Space, parse_space
from lstmopt.storage import (
    StoredStudy,
    find_study,
    open_study,
    spoken_errors,
)
from lstmopt.stored import Scratch, store
from lstmopt.study import Driver
from lstmopt.training import reports_per_epoch, targets_per_window
from lstmopt.traits import SeriesTraits, series_traits
from lstmopt.warm_start import begin_from, make_warm_start
from lstmopt.windows import Shape, Split, split_series


@dataclass(frozen=True)
class Job:
    """A checked study with its data: everything that a run, or a refit of one, needs."""

    config: Config
    registry: Registry
    plan: Plan
    split: Split
    parts: Path
    """The file from which workers read the training and the validation part."""
    device: str
    workers: int
    folder: RunFolder
    scratch: Scratch
    """Holds ``parts`` and the series for as long as the job is there."""
    own_objective: bool = False
    """Whether a user's own objective suggests the hyperparameters, whatever the space."""
    executor: Executor | None = None
    """A user's own, on which candidates are trained in place of what the study file names."""
    latency_on: str = ""
    """Where forecasts were timed."""

    @property
    def series(self) -> Series:
        return self.split.series

    @property
    def goals(self) -> Goals:
        return self.plan.goals

    @property
    def reports(self) -> int:
        """How many reports a trial gives that runs to its last epoch."""
        return self.config.training.epochs * self.plan.reports_per_epoch

    @property
    def engine(self) -> str:
        """Name where candidates are trained."""
        return type(self.executor).__name__ if self.executor else self.config.engine.url or "local"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for one driver, in its folder and in its storage."""
        with self.folder.lock(), hold_study(self.config.name, self.config.storage):
            yield

    def epochs(self, reports: int) -> float:
        """Return how many epochs so many reports are."""
        each = self.plan.reports_per_epoch
        return reports / each if each > 1 else reports

    def work(self) -> dict[str, Any]:
        """Return what of the identity a loss depends on."""
        return {key: value for key, value in self.identity().items() if key in WORK}

    @cached_property
    def traits(self) -> SeriesTraits:
        """What the target is like in the training part."""
        target = self.series.values[: self.split.ends[0], 0]
        return series_traits(target, self.series.season)

    def _warm_start_without_passwords(self) -> dict[str, Any]:
        table = dict(self.config.warm_start)
        return table | {"runs": [masked(run) for run in table.get("runs", ())]}

    def identity(self) -> dict[str, Any]:
        """Say what must not change between calls of one run, by a user's words."""
        config = self.config
        # reports count steps of the space's largest batch
        reports = {"reports an epoch": self.plan.reports_per_epoch}
        return (reports if config.training.report_every else {}) | {
            "data file": self.series.fingerprint,
            "objectives": list(config.objectives),
            "space": msgspec.to_builtins(_plain_space(self.plan.space)),
            "task or split": msgspec.to_builtins([config.task, config.split]),
            "training": msgspec.to_builtins(config.training),
            "limits": msgspec.to_builtins(config.limits),
            "pruner": dict(config.pruner),
            "tell_stopped": config.tell_stopped,
            "seed": config.seed,
            "record's format": FORMAT,
        }

    def about(self, costs: Mapping[Architecture, ForecastCost]) -> dict[str, Any]:
        """Return what is known of the study before its first trial, as plain values."""
        series, options = self.series, self.config.training
        return {
            "study": {
                "name": self.config.name,
                "sampler": self.plan.sampler.name,
                "pruner": self.config.pruner["name"],
                "seed": self.config.seed,
                "device": self.device,
                "workers": self.workers,
                "engine": self.engine,
                "latency_on": self.latency_on,
                "machine": machine(),
                "versions": versions(),
                "plugins": self.registry.third_parties,
                "space": {} if self.own_objective else self.plan.space.table(),
                "window": self.config.task.window,
                "horizon": self.config.task.horizon,
                "epochs": options.epochs,
                "targets_per_window": options.targets_per_window,
                "target": series.target,
                "inputs": [*series.past, *series.known, *series.calendar],
                "step": series.step,
                "rows": len(series.times),
                "parts": list(self.split.ends),
                "times": [str(series.times[0]), str(series.times[-1])],
                "data": series.fingerprint,
                "warm_start": self._warm_start_without_passwords(),
                "work": self.work(),
            },
            "objectives": describe_goals(self.goals),
            "architectures": cost_table(costs),
            "budget": {"reports": self.reports, "reports_per_epoch": self.plan.reports_per_epoch},
            "warnings": [*series.notices, *self.goals.notices()],
        }


def prepare(
    config: Config,
    out: Path,
    source: pd.DataFrame | None = None,
    executor: Executor | None = None,
) -> Job:
    """Check everything that can be wrong before any work is done."""
    registry = load_registry(tuple(Path(p) for p in config.plugins))
    config = with_packages(config, registry, RunFolder(out))
    goals = make_goals([registry.objective(name) for name in config.objectives])
    space = parse_space(config.space)
    named = Named.of(config.sampler)
    sampler = registry.strategy("sampler", named.name)
    check_support(sampler, space, goals)
    device = choose_device(config.device, config.engine.url, executor)
    if source is None and not config.data.path:
        raise LstmoptError("a study needs a table, found none: give --data CSV or [data] path")
    series = read_series(config.data.path if source is None else source, config.data)
    shape = Shape(config.task.window, config.task.horizon)
    split = split_series(series, shape, (config.split.train, config.split.validation))
    training = replace(
        config.training, targets_per_window=targets_per_window(split.train, config.training)
    )
    config = replace(config, training=training)
    _check_training_windows(split, config)
    reports = reports_per_epoch(split.train, config.training, space.largest("batch_size"))
    plan = Plan(
        config.seed,
        space,
        goals,
        sampler,
        named.options,
        make_pruner(registry, config.pruner, partial(naive_losses, split, goals)),
        config.budget.trials,
        config.budget.seconds,
        config.budget.epochs,
        config.limits,
        config.tell_stopped,
        reports,
        config.training.epochs * reports,
        memory_mb=_memory_of(split, shape, targets_per_window(split.train, config.training)),
    )
    plan.make_sampler(0)
    make_warm_start(registry, config.warm_start_strategy)
    workers = config.workers or (0 if config.engine.url or executor else default_workers(device))
    scratch = Scratch()
    parts = scratch.path / "parts"
    train, validation = store((split.train, split.validation), parts)
    series = store(series, scratch.path / "series")
    split = Split(train, validation, split.scaling, split.ends, series)
    folder = RunFolder(out)
    return Job(
        config, registry, plan, split, parts, device, workers, folder, scratch, executor=executor
    )


def _memory_of(split: Split, shape: Shape, targets: int) -> Callable[[Params], float]:
    features = split.train.inputs.shape[1]

    def memory_mb(params: Params) -> float:
        return training_mb(Candidate(params, 0), shape.window, targets, features, shape.horizon)

    return memory_mb


def naive_losses(split: Split, goals: Goals) -> dict[str, float]:
    """Return what repeating the last value scores on the validation part, by learned objective.

    Turned so that lower is better.
    """
    scores = score_part(repeat, split.validation)
    epoch = Epoch(0, scores.mse, scores.mse, scores.mae, scores.r2, 0.0)
    return {o.name: o.minimised(o.measure(epoch)) for o in goals.learned}


def run(
    config: Config,
    out: Path,
    source: pd.DataFrame | None = None,
    observer: Observer | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Run a study in the folder ``out``, or go on with the one there; return the result document.

    ``source`` is a table in place of the file that ``config.data`` names. Candidates are trained on
    ``executor`` where one is given, ``config.workers`` at once; it may run them anywhere where the
    same lstmopt and torch are installed, and is left open. Raises LstmoptError for what the user
    can mend; KeyboardInterrupt leaves everything finished in the folder.
    """
    observer = observer or Observer()
    start = time.perf_counter()
    job = prepare(config, out, source, executor)
    with job.lock(), spoken_errors(config.storage), start_engine(job, observer) as engine:
        begun = begin(job, observer, engine)
        job, verdict = begun.job, None
        try:
            driver = begun.driver(engine, observer)
            with heeded(observer.notice) as driver.interruption:
                if isinstance(engine, ClusterEngine):
                    engine.stopped = lambda: driver.interruption.asked
                trials = driver.search()
            observer.refitting(front := front_of(trials, job.goals))
            if not front:
                raise MachineError(no_front(trials))
            verdict = finish(job, front, begun.costs, engine)
        finally:
            # also when interrupted: what is closed stays readable, without a chosen model
            trials = closed_trials(begun.stored.study, job.goals)
            seconds = time.perf_counter() - start
            document = write_record(job, trials, begun.costs, verdict, seconds)
        return document


def refit_trial(
    config: Config, out: Path, number: int | None, observer: Observer | None = None
) -> dict[str, Any]:
    """Refit one trial of a run (None: choose again), test it and save it in place of the choice."""
    start = time.perf_counter()
    observer = observer or Observer()
    job = prepare(config, out)
    with job.lock(), spoken_errors(config.storage):
        stored = open_stored(job)
        trials = closed_trials(stored.study, job.goals)
        candidates = front_of(trials, job.goals)
        if number is not None:
            candidates = [t for t in trials if t.number == number and t.state == "complete"]
        if not candidates:
            complete = ", ".join(str(t.number) for t in trials if t.state == "complete")
            raise LstmoptError(
                f"a complete trial can be fitted, found trial {number} not among them: "
                f"choose one of {complete or 'none yet'}"
            )
        with start_engine(job, observer) as engine:
            job, costs = with_costs(job, stored, observer, engine)
            verdict = finish(job, candidates, costs, engine)
        seconds = time.perf_counter() - start
        return write_record(job, trials, costs, verdict, seconds, named=number is not None)


@dataclass(frozen=True)
class Begun:
    """A study that is open and may be searched: what its warm start gave is in the job's plan."""

    job: Job
    stored: StoredStudy
    costs: Mapping[Architecture, ForecastCost]

    def driver(self, engine: Engine, observer: Observer) -> Driver:
        """Return what searches the study."""
        job = self.job
        return Driver(
            self.stored,
            job.plan,
            cost_of(self.costs),
            engine,
            job.folder,
            job.registry,
            observer,
        )


def begin(job: Job, observer: Observer, engine: Engine | None = None) -> Begun:
    """Measure what forecasts cost, open the study and, when it is new, let it start warm.

    Forecasts are timed on a worker of ``engine`` where the study names one.
    """
    # what may be refused comes before a study is made: nothing must be left of it
    known = find_stored(job)
    job, costs = with_costs(job, known, observer, engine)
    learned = _learn(job, costs, observer)
    stored = known or open_stored(job)
    versions_now = changed_versions(job.registry, job.folder)
    for notice in (*job.series.notices, *job.goals.notices(), *stored.notices, *versions_now):
        observer.notice(notice)
    plan = _warm_start(job, stored, costs, learned, observer)
    sampler = plan.make_sampler(0)
    if isinstance(sampler, FiniteSampler):
        left = sampler.remaining(stored.study)
        observer.notice(f"the grid holds {sampler.size()} candidates, {left} of them not tried yet")
    config = replace(job.config, warm_start=learned.table())
    job.folder.write(job.folder.study_file, write_config(replace(config, workers=job.workers)))
    begun = replaced(job, plan=plan, config=config)
    stored.study.set_user_attr(ABOUT, finite(begun.about(costs)))
    return Begun(begun, stored, costs)


def find_stored(job: Job) -> StoredStudy | None:
    """Open the job's study where there is one. Raises LstmoptError where it began otherwise."""
    return find_study(job.config.name, job.config.storage, job.folder, job.goals, job.identity())


def open_stored(job: Job) -> StoredStudy:
    """Open the job's study or make it. Raises LstmoptError where it began otherwise."""
    return open_study(job.config.name, job.config.storage, job.folder, job.goals, job.identity())


def _warm_start(
    job: Job,
    stored: StoredStudy,
    costs: Mapping[Architecture, ForecastCost],
    learned: Learned,
    observer: Observer,
) -> Plan:
    """Return the plan of a study that begins so; put into its storage what is not there yet."""
    name = learned.strategy["name"]
    warm_start = make_warm_start(job.registry, learned.strategy)
    beginning = begin_from(warm_start, name, job.plan.space, learned.past)
    plan = job.plan.after(beginning)
    learned.keep(job.folder)
    entered = enter(stored, plan, cost_of(costs))
    if not job.folder.study_file.is_file():
        told = [f"warm start {name}: {', '.join(entered)}"] if entered else []
        for notice in (*beginning.notices, *told):
            observer.notice(notice)
    return plan


def _learn(job: Job, costs: Mapping[Architecture, ForecastCost], observer: Observer) -> Learned:
    """Return what the study learns from: what it began with, where it goes on."""
    config, earlier = job.config, job.config.earlier
    if known := read_learned(job.folder):
        if (known.strategy, known.earlier) != (config.warm_start_strategy, earlier):
            observer.notice(f"the study goes on as it began, with warm start {known}")
        return known
    if not earlier.runs:
        return Learned(config.warm_start_strategy, earlier, ())
    frame = Frame(
        job.goals,
        job.plan.space,
        cost_of(costs),
        job.work(),
        job.traits,
        earlier.rename,
        f"{config.name} ({masked(config.storage)})",
    )
    past, notices = read_past(earlier.runs, job.folder.path, frame)
    for notice in notices:
        observer.notice(notice)
    return Learned(config.warm_start_strategy, earlier, tuple(past))


Costs = dict[Architecture, ForecastCost]
"""What a forecast of each architecture of a space costs."""


def with_costs(
    job: Job, stored: StoredStudy | None, observer: Observer, engine: Engine | None = None
) -> tuple[Job, Costs]:
    """Return what forecasts cost: as the study has it, or measured, once and on one device.

    The job then says where that was. Raises LstmoptError where the limits leave no architecture.
    """
    about = stored.study.user_attrs.get(ABOUT, {}) if stored else {}
    costs = costs_of_table(about.get("architectures", ()))
    if set(costs) >= set(job.plan.space.architectures()):
        place = about["study"].get("latency_on", "")
        if place != _latency_place(job):
            observer.notice(f"latencies are those of {place or 'the machine it began on'}")
    else:
        costs, place = measure_costs(job, observer, engine), _latency_place(job)
    _check_limits(job.plan.limits, list(costs.values()))
    return replaced(job, latency_on=place), costs


def _latency_place(job: Job) -> str:
    worker = job.config.engine.latency_on
    return f"{f'worker {worker}' if worker else host()}, {job.device}"


def measure_costs(job: Job, observer: Observer, engine: Engine | None = None) -> Costs:
    """Measure every architecture of the space, alone on its machine: no candidate trains yet."""
    features = job.split.train.inputs.shape[1]
    setting = Setting(features, job.config.task.window, job.config.task.horizon, job.device)
    architectures = job.plan.space.architectures()
    if worker := job.config.engine.latency_on:
        if not isinstance(engine, ClusterEngine):
            raise LstmoptError(
                f"--latency-on names a worker of a cluster, found {worker!r} and no cluster: give "
                "--engine, or leave it out"
            )
        costs = engine.executor.measure(worker, architectures, setting)
        for architecture, cost in costs.items():
            observer.measured(architecture, cost.latency_ms)
        return costs
    if setting.device.startswith("cuda") and not torch.cuda.is_available():
        raise LstmoptError(
            "forecasts on cuda are timed where there is a GPU, found none on this machine: name a "
            "worker with --latency-on"
        )
    return forecast_costs(
        architectures,
        setting,
        measured=lambda a, latency: observer.measured(a, latency.median_ms),
    )


def _check_limits(limits: Limits, costs: Sequence[ForecastCost]) -> None:
    """Refuse limits that no architecture keeps."""
    least = min(costs, key=lambda cost: max(limits.excess(cost).values(), default=0.0))
    for name, value in limits.excess(least).items():
        if value > 0:
            raise LstmoptError(
                f"{name} must leave an architecture to train, found that "
                f"{least.num_layers} x {least.hidden_size} with {least.latency_ms:.3g} ms and "
                f"{least.parameters} parameters comes closest: raise it or widen the space"
            )


@contextmanager
def start_engine(job: Job, observer: Observer | None = None) -> Iterator[Engine]:
    """Start the workers; they are given the training and validation parts and nothing else."""
    say = (observer or Observer()).notice
    config = replace(job.config, workers=job.workers)
    reports = job.plan.reports_per_epoch
    with engine_of(config, job.parts, job.device, reports, job.executor, say) as engine:
        yield engine


def finish(
    job: Job,
    candidates: Sequence[TrialRecord],
    costs: Mapping[Architecture, ForecastCost],
    engine: Engine,
) -> Verdict:
    """Refit the candidates, choose one on validation, open the test part, save the model."""
    options = job.config.finalists
    begun = begin_refits(candidates, engine, job.config.seed, options.seeds, job.reports)
    # the driver's own work while the workers train
    baselines = fit_baselines(job.split.train, job.split.validation, job.series.season)
    _ = job.traits
    finalists = end_refits(candidates, job.goals, costs, begun, engine, job.reports)
    chosen = choose(finalists, job.goals, options.pick)
    verdict = open_test(chosen, finalists, job.split, baselines)
    job.folder.write(
        job.folder.forecasts, verdict.forecasts.to_csv(index=False, float_format="%.12g")
    )
    save_model(job, verdict.deployed)
    return verdict


def save_model(job: Job, deployed: Refit) -> None:
    """Write the weights and what is needed to load them and forecast."""
    Forecaster(
        deployed.weights,
        deployed.candidate.architecture,
        job.split.train.inputs.shape[1],
        job.split.train.shape,
        job.split.scaling,
        job.series.step,
        job.series.calendar,
        describe_inputs(job.series, job.config.data),
    ).save(job.folder.weights)


def write_record(
    job: Job,
    trials: Sequence[TrialRecord],
    costs: Mapping[Architecture, ForecastCost],
    verdict: Verdict | None,
    seconds: float,
    named: bool = False,
) -> dict[str, Any]:
    """Write and return ``optimization_results.json``; write ``front.csv``.

    ``named`` says that the chosen trial was named by its number, not picked.
    """
    outcome = None
    if verdict:
        latency = costs[verdict.deployed.candidate.architecture].latency_ms
        outcome = describe(verdict, latency, job.split.scaling.target_std)
        outcome |= {"traits": asdict(job.traits)}
        outcome["chosen"]["pick"] = "named" if named else job.config.finalists.pick
    document = make_document(job.about(costs), trials, job.goals, seconds, outcome)
    job.folder.write(job.folder.results, msgspec.json.format(msgspec.json.encode(document)))
    rows = front_columns(document)
    table = pd.DataFrame(rows, columns=None if rows else ["trial", *job.goals.names])
    job.folder.write(job.folder.front_csv, table.to_csv(index=False))
    return document


def no_front(trials: Sequence[TrialRecord]) -> str:
    """Say why a study has no front to choose from."""
    failed = [t for t in trials if t.state == "failed"]
    if trials and len(failed) == len(trials):
        return (
            f"a study needs a trial that ends well, found that all {len(trials)} failed, the first "
            f"because {failed[0].reason}: mend that and run again"
        )
    return (
        f"a study needs a trial that runs to its end, found {len(trials)} trials and none complete:"
        " give more trials or a longer timeout and run again"
    )


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


def _plain_space(space: Space) -> dict[str, list[Any]]:
    return {name: [repr(parameter)] for name, parameter in space.parameters.items()}


def _check_training_windows(split: Split, config: Config) -> None:
    wanted = targets_per_window(split.train, config.training)
    if not len(split.train.origins(config.task.window + wanted - 1)) >= wanted:
        raise LstmoptError(
            f"the training part needs windows of {config.task.window} + {wanted - 1} rows without "
            f"a long gap, found fewer than {wanted}: lower training.targets_per_window"
        )
