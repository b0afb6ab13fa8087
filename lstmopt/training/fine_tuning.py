"""Weights that were trained go on with new rows, as far as that makes them better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from torch import Tensor, nn

from lstmopt.data.windows import Part
from lstmopt.networks.weights import read_checkpoint
from lstmopt.search_space import Candidate
from lstmopt.training.options import TrainingOptions
from lstmopt.training.scores import evaluate
from lstmopt.training.trainer import (
    Workload,
    advance,
    initial_checkpoint,
    one_thread,
    targets_per_window,
)

RATE = 0.3
"""The share of its learning rate at which a network goes on."""


@dataclass(frozen=True)
class FineTuned:
    """What came of training further.

    ``weights`` went ``epochs`` times through all rows; without them no number of epochs was better
    than none. ``before`` and ``after`` are squared errors of the scaled target on the newest rows:
    of the weights as they were, and of those that went as often through the rows before. ``after``
    is None where training came to no finite loss.
    """

    weights: dict[str, Tensor] | None
    epochs: int
    before: float
    after: float | None


def fine_tune(
    network: nn.Module,
    candidate: Candidate,
    train: Part,
    newest: Part,
    options: TrainingOptions,
    device: str,
) -> FineTuned:
    """Train a network on ``train``, judge it by ``newest``, which follows, then train it on both.

    How many of ``options.epochs`` serve best is found on the newest rows; where any does, the
    network goes from where it was as often through all rows. Pure, as `advance` is. The optimiser
    begins anew, at `RATE` of the candidate's learning rate. What each of these choices gains is in
    docs/verdict.md.
    """
    rate = RATE * float(candidate["learning_rate"])
    candidate = Candidate({**candidate.params, "learning_rate": rate}, candidate.seed)
    workload = _workload(train, newest, options, device)
    with one_thread():
        scores = evaluate(network.to(device), workload.validation, workload.validation_origins)
    judged = _train(workload, candidate, network)
    before, after, epochs = scores.mse, judged["best_loss"], judged["best_epoch"]
    kept = FineTuned(None, 0, before, after if math.isfinite(after) else None)
    if not after < before:
        return kept
    rows = train.rows[0], newest.rows[1]
    both = _workload(replace(newest, rows=rows), newest, _only(options, epochs), device)
    trained = _train(both, candidate, network)
    return kept if trained["failure"] else FineTuned(trained["model"], epochs, before, after)


def _workload(train: Part, newest: Part, options: TrainingOptions, device: str) -> Workload:
    """Return the work on two parts, whose length alone says how windows are trained."""
    anew = msgspec.structs.replace(options, targets_per_window=None)
    targets = targets_per_window(train, anew)
    return Workload(
        train, newest, msgspec.structs.replace(anew, targets_per_window=targets), device
    )


def _only(options: TrainingOptions, epochs: int) -> TrainingOptions:
    return msgspec.structs.replace(options, epochs=epochs, patience=epochs)


def _train(workload: Workload, candidate: Candidate, network: nn.Module) -> Mapping[str, Any]:
    """Return the checkpoint after all epochs of a workload, begun from a network's weights."""
    begin = initial_checkpoint(workload, candidate, network.state_dict())
    progress = advance(workload, candidate, begin, workload.options.epochs)
    return read_checkpoint(progress.checkpoint)
