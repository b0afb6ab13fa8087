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
from lstmopt.storage.trial_record import TrialRecord, closed_trials
from lstmopt.workflow.job import prepare
from lstmopt.workflow.run_study import open_search, start_engine
from lstmopt.workflow.shortfall import no_front

from .studies import check_one_fold
from .tables import StaticRule, Table

_ARCHITECTURE = ("hidden_size", "num_layers")


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
    decides = tuple(name for name in _ARCHITECTURE if name in job.plan.space.parameters)
    return Table(
        config.name.removeprefix("recorded_"),
        np.array([_padded(t, "val_loss", config.training.epochs) for t in trials]),
        np.array([_padded(t, "seconds", config.training.epochs) for t in trials]),
        static,
        job.plan.space,
        tuple(t.params for t in trials),
        {name: StaticRule("lookup", decides) for name in static},
        f"lstmopt bench record, {Path(config.data.path).name}",
    )


def _padded(trial: TrialRecord, name: str, length: int) -> list[float]:
    """Return a curve of one length; NaN from where the candidate failed."""
    values = [float(getattr(epoch, name)) for epoch in trial.curve]
    if name == "val_loss":
        values = [value if math.isfinite(value) else math.nan for value in values]
    return values + [math.nan] * (length - len(values))
