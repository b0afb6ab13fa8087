"""Train what is deployed on every row, after the test part was opened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lstmopt.config.study_file import replace as with_options
from lstmopt.data.series import observed_lengths
from lstmopt.data.windows import Fold, Part
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.execution.open_engine import open_engine
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.members import NetworkMember
from lstmopt.forecasting.model_history import ModelHistory, NetworkTraining
from lstmopt.networks.weights import read_checkpoint
from lstmopt.results.document import AllRowsEntry, epochs_of
from lstmopt.search.observer import Observer
from lstmopt.search_space import Candidate
from lstmopt.system.mmap_arrays import store
from lstmopt.training.folds import TrainingParts
from lstmopt.training.trainer import Progress
from lstmopt.workflow.job import Job


def train_on_all(job: Job, observer: Observer) -> AllRowsEntry:
    """Train the saved model on all rows where candidates are trained, and save it in its place.

    Its scaling is that of all rows. Each network trains from the same seed for as many epochs as
    served best on validation, and its last weights are kept: no row is left to stop by. Baselines
    are fitted with what validation chose. Raises MachineError where a network's training fails; the
    former model stays.
    """
    start = time.perf_counter()
    model = Forecaster.load(job.folder.weights)
    history_of(model)
    trained = [training_of(member) for member in model.mean.networks]
    part, scaling = job.split.all_rows()
    last = job.split.last_of(part)  # what trains is scored
    parts = job.scratch.path / "all_rows"
    store(TrainingParts((Fold(part, last),), families=job.families), parts)
    weights = iter(_train(job, trained, parts, observer))
    members = [
        _with_weights(member, next(weights), part)
        if isinstance(member, NetworkMember)
        else member.refitted(part)
        for member in model.mean.members
    ]
    replace(
        model,
        mean=model.mean.with_members(members),
        scaling=scaling,
        history=ModelHistory(until=until(job)),
    ).save(job.folder.weights)
    epochs = max((training.reports for training in trained), default=0)
    return AllRowsEntry(
        rows=job.split.ends[2],
        epochs=epochs_of(epochs, job.plan.reports_per_epoch),
        seconds=time.perf_counter() - start,
    )


def _with_weights(
    member: NetworkMember, weights: dict[str, torch.Tensor], part: Part
) -> NetworkMember:
    """Return a network with other weights, and what it knew of its head with these."""
    return replace(member, weights=weights).knowing_again(part)


def _train(
    job: Job, trained: Sequence[NetworkTraining], parts: Path, observer: Observer
) -> list[dict[str, torch.Tensor]]:
    """Return the weights of networks trained as they were, on other parts than the search's.

    Each for all of its reports, and several at once where the study trains so.
    """
    if not trained:
        return []
    epochs = job.config.training.epochs
    training = with_options(job.config.training, patience=epochs)  # so that nothing stops it
    workers = max(1, min(job.workers, len(trained)))
    config = with_options(job.config, training=training, workers=workers)
    each = job.plan.reports_per_epoch
    weights: dict[int, dict[str, torch.Tensor]] = {}
    with open_engine(config, parts, job.device, each, job.executor, observer.notice) as engine:
        for reports in sorted({training.reports for training in trained}):
            candidates = (
                (n, Candidate(dict(training.params), training.seed))
                for n, training in enumerate(trained)
                if training.reports == reports
            )
            for n, progress in engine.train_each(candidates, reports):
                weights[n] = _weights_of(progress)
    return [weights[n] for n in range(len(trained))]


def _weights_of(progress: Progress) -> dict[str, torch.Tensor]:
    """Return the last weights. Raises MachineError where training failed."""
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


def training_of(member: NetworkMember) -> NetworkTraining:
    """Return how a member was trained. Raises LstmoptError where it does not say."""
    if member.training is None:
        raise LstmoptError(
            "training goes on from networks that say how they were trained, found one of an "
            "earlier version: save the model again with lstmopt fit"
        )
    return member.training


def until(job: Job) -> str:
    """Return the time of the last row of a study's series that has a target."""
    series = job.series
    last = series.layout.starts[:-1] + np.maximum(observed_lengths(series), 1) - 1
    return str(series.times[last].max().isoformat())


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
