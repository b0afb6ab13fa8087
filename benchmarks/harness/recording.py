"""``bench record``: a study whose every candidate is trained to its end becomes a table."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lstmopt.config.options import Config
from lstmopt.config.study_file import replace
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.search.driver import Driver
from lstmopt.search.observer import Observer
from lstmopt.search_space import Architecture
from lstmopt.storage.trial_record import TrialRecord, closed_trials
from lstmopt.workflow.job import prepare
from lstmopt.workflow.run_study import open_search, start_engine
from lstmopt.workflow.shortfall import no_front

from .studies import check_one_fold
from .tables import StaticRule, Table, table_space


def record(config: Config, folder: Path, observer: Observer) -> Table:
    """Train random candidates of a study to their end and return their curves.

    The study lives in ``folder`` like any run: what was interrupted goes on. Its strategies and
    patience are set here, since a curve that ends early says nothing of what came after.
    """
    check_one_fold(config)
    training = replace(config.training, patience=config.training.epochs)
    config = replace(
        config,
        sampler={"name": "random"},
        pruner={"name": "none"},
        warm_start={"name": "none"},
        training=training,
        intervals=replace(config.intervals, calibration=0.0),
    )
    job = prepare(config, folder)
    if extra := [o.name for o in job.goals.learned if o.name != "val_loss"]:
        raise LstmoptError(
            f"a table records val_loss alone of what is learned, found {extra[0]}: leave it out"
        )
    with job.lock():
        opened = open_search(job, observer)
        with start_engine(job) as engine:
            Driver(opened.context, engine).search()
        closed = closed_trials(opened.context.stored.study, job.goals)
    if not any(t.state == "complete" for t in closed):
        raise MachineError(no_front(closed))
    trials = [t for t in closed if t.curve]
    rows = [job.goals.minimised_static(opened.costs.static(trial.params)) for trial in trials]
    static = {
        o.name: np.array(c) for o, c in zip(job.goals.static, zip(*rows, strict=True), strict=True)
    }
    space, length = job.plan.space, config.training.epochs
    decides = tuple(
        n for n in space.parameters if Architecture.decides(n) and n not in space.training
    )
    return Table(
        config.name.removeprefix("recorded_"),
        np.array([_losses(t, length) for t in trials]),
        np.array([_padded([e.seconds for e in t.curve], length) for t in trials]),
        static,
        table_space(space),
        tuple(t.params for t in trials),
        {name: StaticRule("lookup", decides) for name in static},
        f"lstmopt bench record, {Path(config.data.path).name}",
        target=job.series.target_fingerprint,
    )


def _losses(trial: TrialRecord, length: int) -> list[float]:
    """Return a curve of one length.

    NaN from where the candidate failed, the last loss again where nothing was left to train.
    """
    values = [e.val_loss if math.isfinite(e.val_loss) else math.nan for e in trial.curve]
    return _padded(values, length, values[-1] if trial.state == "complete" else math.nan)


def _padded(values: list[float], length: int, filling: float = math.nan) -> list[float]:
    return values + [filling] * (length - len(values))
