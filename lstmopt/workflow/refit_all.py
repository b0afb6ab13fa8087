"""Train the network to deploy on every row, after the test part was opened."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from lstmopt.config.study_file import replace as with_options
from lstmopt.data.windows import Fold
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.execution.open_engine import open_engine
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.model_history import ModelHistory
from lstmopt.networks.weights import read_checkpoint
from lstmopt.results.document import AllRowsEntry, epochs_of
from lstmopt.search.observer import Observer
from lstmopt.search_space import Candidate
from lstmopt.system.mmap_arrays import store
from lstmopt.training.folds import TrainingParts
from lstmopt.workflow.job import Job


def train_on_all(job: Job, observer: Observer) -> AllRowsEntry:
    """Train the saved network on all rows where candidates are trained, and save it in its place.

    Its scaling is that of all rows. It trains from the same seed for as many epochs as served best
    on validation, and its last weights are kept: no row is left to stop by. Raises MachineError
    where that fails; the former model stays.
    """
    start = time.perf_counter()
    model = Forecaster.load(job.folder.weights)
    history = history_of(model)
    part, scaling = job.split.all_rows()
    last = replace(part, rows=(job.split.ends[1], part.rows[1]))  # what trains is scored
    parts = job.scratch.path / "all_rows"
    store(TrainingParts((Fold(part, last),)), parts)
    weights = _train(job, history, parts, observer)
    history = msgspec.structs.replace(history, until=until(job), updates=())
    replace(model, weights=weights, scaling=scaling, history=history).save(job.folder.weights)
    return AllRowsEntry(
        rows=part.rows[1],
        epochs=epochs_of(history.reports, job.plan.reports_per_epoch),
        seconds=time.perf_counter() - start,
    )


def _train(
    job: Job, history: ModelHistory, parts: Path, observer: Observer
) -> dict[str, torch.Tensor]:
    """Return the weights after all of a history's reports, on other parts than the search's."""
    epochs = job.config.training.epochs
    training = with_options(job.config.training, patience=epochs)  # so that nothing stops it
    config = with_options(job.config, training=training, workers=1)
    candidate = Candidate(dict(history.params), history.seed)
    each = job.plan.reports_per_epoch
    with open_engine(config, parts, job.device, each, job.executor, observer.notice) as engine:
        ((_, progress),) = engine.train_each([(0, candidate)], history.reports)
    if progress.failure is not None:
        raise MachineError(
            "the network that was tested trains again on all rows, found that it does not "
            f"({progress.failure}): the tested one stays deployed; refit another with lstmopt fit"
        )
    weights: dict[str, torch.Tensor] = read_checkpoint(progress.checkpoint)["model"]
    return weights


def history_of(model: Forecaster) -> ModelHistory:
    """Return what a model's weights come from. Raises LstmoptError where it does not say."""
    if model.history is None:
        raise LstmoptError(
            "training goes on from a model that says what it comes from, found one of an earlier "
            "version: save it again with lstmopt fit"
        )
    return model.history


def until(job: Job) -> str:
    """Return the time of the last row of a study's series that has a target."""
    return str(job.series.times[job.split.ends[2] - 1].isoformat())


def say_what_is_lost(job: Job, observer: Observer) -> None:
    """Say which updates of a deployed model go with it, so that they can be made again."""
    if not job.folder.weights.is_file():
        return
    with suppress(LstmoptError):  # a model that cannot be read is replaced without a word
        history = Forecaster.load(job.folder.weights).history
        updates = [update for update in history.updates if update.adopted] if history else []
        if updates:
            named = ", ".join(update.table or "a table from Python" for update in updates)
            observer.notice(
                f"the deployed model was updated with {named} and is trained anew now: update it "
                "again"
            )
