"""The main job: data -> study -> front -> finalists -> record."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import pandas as pd

from lstmopt.config.options import Config
from lstmopt.config.study_file import replace, write_config
from lstmopt.errors import LstmoptError, MachineError, masked
from lstmopt.execution.engine import Engine
from lstmopt.execution.open_engine import open_engine
from lstmopt.objectives import ForecastCosts
from lstmopt.results.document import (
    ABOUT,
    Outcome,
    StudyResults,
    as_document,
    as_json,
    make_results,
)
from lstmopt.results.points import points_table
from lstmopt.search.context import SearchContext
from lstmopt.search.driver import Driver
from lstmopt.search.initial_trials import add_initial_trials
from lstmopt.search.observer import Observer
from lstmopt.search.search_plan import FiniteSampler, Plan
from lstmopt.storage.study_store import StoredStudy, find_study, open_study, spoken_errors
from lstmopt.storage.trial_record import TrialRecord, best_of, closed_trials, front_of
from lstmopt.system.deadline import Deadline
from lstmopt.system.signals import StopRequest, handle_signals
from lstmopt.warm_start.past_studies import Frame, read_past
from lstmopt.warm_start.protocols import ask_for_beginning, make_warm_start
from lstmopt.warm_start.provenance import Provenance, read_provenance
from lstmopt.workflow.ending import Ending
from lstmopt.workflow.forecast_costs import Costs, with_costs
from lstmopt.workflow.job import Job, prepare
from lstmopt.workflow.refit_all import say_what_is_lost
from lstmopt.workflow.required_packages import changed_versions
from lstmopt.workflow.shortfall import no_front


def run(
    config: Config,
    out: str | Path,
    source: pd.DataFrame | None = None,
    observer: Observer | None = None,
    executor: Executor | None = None,
    time_limit: float | str | None = None,
) -> dict[str, Any]:
    """Run a study in a folder, or go on with the one there.

    Args:
        config: The study (`make_config`, `read_config`).
        out: The run's folder; it is made where there is none.
        source: A table in place of the file that ``config.data`` names.
        observer: Is told how the study goes.
        executor: Candidates are trained on it, ``config.workers`` at once; it may run them anywhere
            where the same lstmopt and torch are installed, and is left open. Without it they are
            trained where ``config.engine`` says.
        time_limit: How long the call may take, in seconds (also "10m", "1h"): from its start to the
            saved model. The study's own timeout where it is None.

    Returns:
        The result document, as ``optimization_results.json`` holds it.

    Raises:
        LstmoptError: For anything that the user can mend.
        KeyboardInterrupt: When it was asked to stop; everything finished is in the folder.
    """
    if time_limit is not None:
        config = replace(config, budget=replace(config.budget, timeout=time_limit))
    return as_document(run_study(config, out, source, observer, executor))


def run_study(
    config: Config,
    out: str | Path,
    source: pd.DataFrame | None = None,
    observer: Observer | None = None,
    executor: Executor | None = None,
    deadline: Deadline | None = None,
) -> StudyResults:
    """Do what `run` does.

    Args:
        config: As in `run`, like the others.
        out: The run's folder.
        source: A table in place of the file.
        observer: Is told how the study goes.
        executor: Candidates are trained on it.
        deadline: When all of it is to have ended; the study's timeout from now on without one.

    Returns:
        What was found.

    Raises:
        MachineError: Where no trial gave a report.
    """
    observer, stop = observer or Observer(), StopRequest()
    deadline = deadline or Deadline(config.budget.seconds or math.inf)
    job = prepare(config, out, source, executor)
    with (
        job.lock(),
        spoken_errors(config.storage),
        start_engine(job, observer, stop) as engine,
    ):
        opened = open_search(job, observer, engine, stop)
        job, costs, outcome = opened.job, opened.costs, None
        ending = Ending(job, costs, engine, observer, deadline)
        opened.measured.also_alone(ending.still)
        context = replaced(opened.context, deadline=deadline, afterwards=ending.seconds)
        try:
            with handle_signals(stop, observer.notice):
                trials = Driver(context, engine).search()
            observer.refitting(front := front_of(trials, job.goals))
            if not front:
                raise MachineError(no_front(trials, config.storage))
            say_what_is_lost(job, observer)
            finished = ending.finish(front, library=best_of(trials, job.goals))
            outcome = finished.outcome  # the record of an interrupted call holds it already
            outcome = ending.with_all_rows(finished)
        finally:
            # also when interrupted: what is closed stays readable, without a chosen model
            trials = closed_trials(opened.context.stored.study, job.goals)
            results = write_record(job, trials, costs, outcome, deadline.passed)
        return results


def refit_trial(
    config: Config, out: str | Path, number: int | None, observer: Observer | None = None
) -> StudyResults:
    """Refit one trial of a run, test it and save it in place of the choice.

    Args:
        config: The run's study.
        out: The run's folder.
        number: The trial's; None chooses again among the front.
        observer: Is told how it goes.

    Returns:
        The run's results, with the new choice.

    Raises:
        LstmoptError: Where there is no such trial that has trained.
    """
    call = Deadline()
    observer = observer or Observer()
    job = prepare(config, out)
    with job.lock(), spoken_errors(config.storage):
        stored = open_stored(job)
        trials = closed_trials(stored.study, job.goals)
        candidates = front_of(trials, job.goals)
        if number is not None:
            candidates = [t for t in trials if t.number == number and t.has_values]
        if not candidates:
            trained = ", ".join(str(t.number) for t in trials if t.has_values)
            if not trained:
                raise LstmoptError(no_front(trials, config.storage))
            raise LstmoptError(
                f"a trial that has trained can be fitted, found trial {number} not among them: "
                f"choose one of {trained}"
            )
        with start_engine(job, observer) as engine:
            job, known = with_costs(job, stored, observer, engine)
            costs = job.forecast_costs(known)
            say_what_is_lost(job, observer)
            ending = Ending(job, costs, engine, observer)
            library = best_of(trials, job.goals)
            finished = ending.finish(candidates, number is not None, library)
        outcome = finished.outcome
        try:
            outcome = ending.with_all_rows(finished)
        finally:  # the tested network is saved, whatever becomes of the one of all rows
            results = write_record(job, trials, costs, outcome, call.passed)
        return results


@dataclass(frozen=True)
class OpenSearch:
    """A study that is open and may be searched.

    Attributes:
        job: Its plan holds what the warm start gave.
        costs: What forecasts cost.
        measured: The same, as it is measured.
        context: What the driver searches with.
    """

    job: Job
    costs: ForecastCosts
    measured: Costs
    context: SearchContext


def open_search(
    job: Job, observer: Observer, engine: Engine | None = None, stop: StopRequest | None = None
) -> OpenSearch:
    """Measure what forecasts cost, open the study and, when it is new, let it start warm.

    Args:
        job: A job that was prepared.
        observer: Is told what was found.
        engine: Times forecasts on one of its workers where the study names one.
        stop: Is asked to stop the search.

    Returns:
        The open study.
    """
    # what may be refused comes before a study is made: nothing must be left of it
    known = find_stored(job)
    job, measured = with_costs(job, known, observer, engine)
    costs = job.forecast_costs(measured)
    learnt = _learn(job, costs, observer)
    stored = known or open_stored(job)
    versions_now = changed_versions(job.registry, job.folder)
    for notice in (*job.notices, *stored.notices, *versions_now):
        observer.notice(notice)
    plan = _warm_start(job, stored, costs, learnt, observer)
    sampler = plan.make_sampler(0)
    if isinstance(sampler, FiniteSampler):
        with plan.sampler_errors:
            size, left = sampler.size(), sampler.remaining(stored.study)
        observer.notice(f"the grid holds {size} candidates, {left} of them not tried yet")
    config = replace(job.config, warm_start=learnt.table())
    # what was found in the table is kept, so that fit and audit read it in the same way
    data = replace(job.series.reading, path=config.data.path)
    kept = replace(config, workers=job.workers, data=data)
    job.folder.write(job.folder.study_file, write_config(kept))
    job = replaced(job, plan=plan, config=config)
    stored.study.set_user_attr(ABOUT, as_document(job.about(measured)))
    context = SearchContext(
        stored, plan, costs, job.folder, job.registry, observer, stop or StopRequest()
    )
    return OpenSearch(job, costs, measured, context)


def find_stored(job: Job) -> StoredStudy | None:
    """Return the job's study where there is one; LstmoptError where it began otherwise."""
    return find_study(job.config.name, job.config.storage, job.folder, job.goals, job.identity())


def open_stored(job: Job) -> StoredStudy:
    """Return the job's study, made where there is none; LstmoptError where it began otherwise."""
    return open_study(job.config.name, job.config.storage, job.folder, job.goals, job.identity())


def _warm_start(
    job: Job,
    stored: StoredStudy,
    costs: ForecastCosts,
    learnt: Provenance,
    observer: Observer,
) -> Plan:
    """Return the plan of a study that begins so; put into its storage what is not there yet."""
    name = learnt.strategy["name"]
    warm_start = make_warm_start(job.registry, learnt.strategy, job.series.target_fingerprint)
    beginning = ask_for_beginning(warm_start, name, job.plan.space, learnt.past)
    plan = job.plan.after(beginning)
    learnt.keep(job.folder)
    added = add_initial_trials(stored, plan, costs)
    if not job.folder.study_file.is_file():
        told = [f"warm start {name}: {', '.join(added)}"] if added else []
        for notice in (*beginning.notices, *told):
            observer.notice(notice)
    return plan


def _learn(job: Job, costs: ForecastCosts, observer: Observer) -> Provenance:
    """Return what the study learns from: what it began with, where it goes on."""
    config, earlier = job.config, job.config.earlier
    if known := read_provenance(job.folder):
        if (known.strategy, known.earlier) != (config.warm_start_strategy, earlier):
            observer.notice(f"the study goes on as it began, with warm start {known}")
        return known
    if not earlier.runs:
        return Provenance(config.warm_start_strategy, earlier, ())
    frame = Frame(
        job.goals,
        job.plan.space,
        costs,
        job.work(),
        job.series_features,
        earlier.rename,
        f"{config.name} ({masked(config.storage)})",
    )
    past, notices = read_past(earlier.runs, job.folder.path, frame)
    for notice in notices:
        observer.notice(notice)
    return Provenance(config.warm_start_strategy, earlier, tuple(past))


@contextmanager
def start_engine(
    job: Job, observer: Observer | None = None, stop: StopRequest | None = None
) -> Iterator[Engine]:
    """Start the workers; they are given the parts trained and validated on and nothing else.

    Args:
        job: A job that was prepared.
        observer: Is told what the user should read.
        stop: Ends the waiting for workers.

    Yields:
        The engine, until the context ends.
    """
    say, stop = (observer or Observer()).notice, stop or StopRequest()
    config = replace(job.config, workers=job.workers)
    reports = job.plan.reports_per_epoch
    with open_engine(
        config, job.parts, job.device, reports, job.executor, say, lambda: stop.asked
    ) as engine:
        yield engine


def write_record(
    job: Job,
    trials: Sequence[TrialRecord],
    costs: ForecastCosts,
    outcome: Outcome | None,
    seconds: float,
) -> StudyResults:
    """Write ``optimization_results.json`` and ``front.csv``.

    Args:
        job: A job that was prepared.
        trials: Its closed trials.
        costs: What forecasts cost.
        outcome: What came of the finalists, None where there are none yet.
        seconds: What this call took.

    Returns:
        What was written.
    """
    results = make_results(job.about(costs.costs), trials, job.goals, seconds, outcome)
    job.folder.write(job.folder.results, as_json(results))
    job.folder.write(job.folder.front_csv, points_table(results).to_csv(index=False))
    return results
