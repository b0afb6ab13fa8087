"""The main job: data -> study -> front -> finalists -> record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from lstmopt.config.study_file import Config, replace, write_config
from lstmopt.errors import LstmoptError, MachineError, masked
from lstmopt.execution.engine import Engine
from lstmopt.execution.open_engine import ClusterEngine, engine_of
from lstmopt.forecasting.baselines import fit_baselines
from lstmopt.forecasting.forecaster import Forecaster, describe_inputs
from lstmopt.objectives import ForecastCost, cost_of
from lstmopt.results.document import ABOUT, finite, front_columns, make_document
from lstmopt.search.driver import Driver
from lstmopt.search.initial_trials import enter
from lstmopt.search.observer import Observer
from lstmopt.search.search_plan import FiniteSampler, Plan
from lstmopt.search_space import Architecture
from lstmopt.storage.study_store import StoredStudy, find_study, open_study, spoken_errors
from lstmopt.storage.trial_record import TrialRecord, closed_trials, front_of
from lstmopt.system.signals import heeded
from lstmopt.warm_start.past_studies import Frame, read_past
from lstmopt.warm_start.protocols import begin_from, make_warm_start
from lstmopt.warm_start.provenance import Learned, read_learned
from lstmopt.workflow.finalists import (
    Refit,
    Verdict,
    begin_refits,
    choose,
    describe,
    end_refits,
    open_test,
)
from lstmopt.workflow.forecast_costs import with_costs
from lstmopt.workflow.job import Job, prepare
from lstmopt.workflow.required_packages import changed_versions


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
