"""Series, candidates and trainings on which a family of networks is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lstmopt.data.input_columns import Columns
from lstmopt.data.windows import Fold, Part, Shape
from lstmopt.networks.families import Families
from lstmopt.networks.weights import read_checkpoint
from lstmopt.plugin.network import Network, known_hyperparameters
from lstmopt.search_space import (
    NETWORK,
    Candidate,
    Choice,
    Hyperparameter,
    Params,
    Range,
    Space,
    Value,
    draw,
)
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Workload, advance

COMPOSITIONS: tuple[Params, ...] = (
    {"normalisation": "none", "skip": False, "calendar": "all"},
    {"normalisation": "last", "skip": True, "calendar": "no_annual"},
    {"normalisation": "last_std", "skip": False, "calendar": "none", "decoder_hidden_size": 5},
    {"normalisation": "revin", "skip": True, "calendar": "all", "recent": 2},
)
"""Around an encoder: each normalisation, with and without a skip, a decoder and recent rows."""

COLUMNS = (
    Columns(past=1, calendar=0, known=0, annual=0, window=1, horizon=1),
    Columns(past=1, calendar=0, known=0, annual=0, window=30, horizon=3),
    Columns(past=3, calendar=4, known=0, annual=2, window=5, horizon=1),
    Columns(past=2, calendar=2, known=2, annual=1, window=13, horizon=4),
)
"""Inputs of the target alone and of all kinds of columns, in short and long windows."""

LONG = Columns(past=2, calendar=2, known=1, annual=1, window=60, horizon=2)
"""A window that is long enough for all of an encoder to be used."""

OTHER_TRAINING: Params = {
    "learning_rate": 0.05,
    "weight_decay": 0.1,
    "batch_size": 7,
    "optimizer": "AdamW",
    "loss": "huber",
    "ema": 0.9,
    "schedule": "inverse_sqrt",
}
"""How any network may be trained otherwise than by default."""


def _part(rows: tuple[int, int]) -> Part:
    """Return rows of a noisy season with all kinds of columns."""
    columns = Columns(past=2, calendar=2, known=1, annual=1, window=12, horizon=2)
    rng, hours = np.random.default_rng(0), np.arange(260)
    target = np.sin(2 * np.pi * hours / 12) + 0.1 * rng.standard_normal(260)
    others = rng.standard_normal((260, columns.features - 1))
    inputs = np.column_stack([target, others]).astype(np.float32)
    there, shape = np.ones(260, bool), Shape(columns.window, columns.horizon)
    return Part(inputs, there, target.astype(np.float32), there, shape, rows, groups=columns)


FOLD = Fold(_part((0, 180)), _part((180, 260)))
"""What is trained and validated on: windows of 12 rows, two leads."""


def candidates(network: Network, count: int = 4) -> list[Params]:
    """Return candidates of a family: its defaults, and others drawn from its default domains.

    Args:
        network: The family.
        count: How many.

    Returns:
        Hyperparameters, without those that do not apply.
    """
    known = known_hyperparameters([network])
    own = {name: found.domain for name, found in network.hyperparameters.items()}
    space = Space(own, known.conditions(), known.defaults, known.training)
    drawn = draw(space, count - 1, np.random.default_rng(0))
    return [{NETWORK: network.name, **params} for params in ({}, *drawn)]


def domain_values(found: Hyperparameter) -> tuple[Value, ...]:
    """Return the values of a hyperparameter's default domain, or the ends of a range."""
    match found.domain:
        case Choice(values):
            return values
        case Range(low, high):
            return low, high


def with_value(network: Network, name: str, value: Value) -> Params:
    """Return a candidate with a value of a hyperparameter, and with what that depends on.

    Args:
        network: The family.
        name: The hyperparameter's.
        value: Its value.

    Returns:
        The candidate; all else has its default.
    """
    known = known_hyperparameters([network]).hyperparameters
    params: Params = {NETWORK: network.name, name: value}
    for parent, values in known[name].when.items():
        params = with_value(network, parent, next(iter(values))) | params
    return params


def train(families: Families, params: Mapping[str, Value], *segments: int) -> tuple[Any, Any]:
    """Train a candidate on `FOLD`.

    Args:
        families: What builds it.
        params: Its hyperparameters.
        segments: How many epochs are trained at one go, each time from the last checkpoint.

    Returns:
        What the last checkpoint holds, and of each epoch the losses in training and validation.

    Raises:
        AssertionError: Where training fails.
    """
    epochs = sum(segments)
    options = TrainingOptions(epochs=epochs, patience=epochs, targets_per_window=1)
    workload = Workload(FOLD.train, FOLD.validation, options, "cpu", families=families)
    candidate = Candidate({"learning_rate": 0.01, "batch_size": 32, **params}, 0)
    checkpoint, losses = None, []
    for count in segments:
        progress = advance(workload, candidate, checkpoint, count)
        checkpoint = progress.checkpoint
        losses += [(epoch.train_loss, epoch.val_loss) for epoch in progress.epochs]
        if progress.failure is not None:
            raise AssertionError(f"training fails with {dict(params)}: {progress.failure}")
    assert checkpoint is not None
    return read_checkpoint(checkpoint), losses


def windows_of(part: Part, count: int) -> tuple[Tensor, Tensor]:
    """Return windows [count, window, features] of a part and their targets [count, horizon]."""
    origins = part.origins()[:: len(part.origins()) // count][:count]
    targets, _ = part.gather_targets(origins)
    return torch.from_numpy(part.gather_inputs(origins)), torch.from_numpy(targets)
