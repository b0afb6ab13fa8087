"""The same candidate on each fold of a study, the newest first; a report is a fold.

As in `trainer` a segment is a pure function, and the checkpoint holds everything: two segments of
one fold give exactly one of two.
"""

from __future__ import annotations

import io
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec
import torch

from lstmopt.data.windows import Fold
from lstmopt.epoch import Epoch
from lstmopt.networks.families import Families
from lstmopt.networks.weights import read_checkpoint
from lstmopt.search_space import Candidate
from lstmopt.seeds import derive_seed
from lstmopt.training.forecast_objectives import ForecastObjectives
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Progress, Workload, advance


@dataclass(frozen=True)
class TrainingParts:
    """All that workers are given: a study's folds, the newest first.

    ``measures`` are its objectives of the kind ``forecast`` for each fold; empty where there are
    none. ``families`` build its networks, those that are installed where they train without it.
    """

    folds: tuple[Fold, ...]
    measures: tuple[ForecastObjectives, ...] = ()
    families: Families | None = None


Advance = Callable[..., Progress]
"""Takes a candidate, a checkpoint, reports and perhaps seconds, and trains on (see `advance`)."""


@dataclass(frozen=True)
class FoldWorkload:
    """One fold on its device; ``unit`` brings its errors to those of the newest (see `Fold`)."""

    workload: Workload
    unit: float


def open_workload(
    parts: TrainingParts,
    options: TrainingOptions,
    device: str,
    reports: int = 1,
    between: Callable[[], object] = lambda: None,
) -> Advance:
    """Put a study's folds on a device; return what trains its candidates there.

    ``reports`` is how often an epoch is scored where there is one fold, ``between`` is called
    before every step.
    """
    measures = parts.measures or (None,) * len(parts.folds)
    works = [
        FoldWorkload(
            Workload(f.train, f.validation, options, device, reports, m, parts.families, between),
            f.unit,
        )
        for f, m in zip(parts.folds, measures, strict=True)
    ]
    if len(works) == 1:
        return partial(advance, works[0].workload)
    return partial(advance_folds, works)


def advance_folds(
    folds: Sequence[FoldWorkload],
    candidate: Candidate,
    checkpoint: bytes | None,
    reports: int,
    seconds: float = math.inf,
) -> Progress:
    """Train ``candidate`` on up to ``reports`` more of its ``folds``, the newest first.

    On each to its end, from other weights. A report is the mean over the folds so far of what each
    gave at its best epoch; the checkpoint keeps the newest fold's weights, as those to deploy, and
    those of the others, as their forecasts are of rows that they were not trained on. Ends with a
    failure where a fold does. After ``seconds`` it gives up within one step; a fold that was
    begun then counts for nothing. Pure as `trainer.advance` is.
    """
    end = time.monotonic() + seconds
    state = _State.begin(checkpoint)
    done: list[Epoch] = []
    out_of_time, peak = False, 0.0
    while len(done) < reports and not state.is_finished(folds):
        fold = folds[len(state.scores)]
        epochs, left = fold.workload.options.epochs, end - time.monotonic()
        progress = advance(fold.workload, state.candidate(candidate), None, epochs, left)
        out_of_time, peak = progress.out_of_time, max(peak, progress.peak_mib)
        if out_of_time:
            break
        done.append(state.add(progress, fold.unit))
    finished = state.is_finished(folds)
    return Progress(state.save(), tuple(done), finished, state.failure, out_of_time, peak)


@dataclass
class _State:
    """What a checkpoint holds: what each fold gave, and its weights."""

    scores: list[list[float]] = field(default_factory=list)
    """A row a fold: the losses of its best epoch (see `_losses`)."""
    values: list[dict[str, float]] = field(default_factory=list)
    """What forecast objectives measured there."""
    epochs: int = 0
    """How many were trained."""
    best_weights: dict[str, Any] | None = None
    best_loss: float = math.inf
    best_epoch: int = 0
    """Of the newest fold, as those weights."""
    failure: str | None = None
    older_weights: list[dict[str, Any]] = field(default_factory=list)
    """Of the folds after the newest, in this order."""

    @classmethod
    def begin(cls, checkpoint: bytes | None) -> _State:
        return cls() if checkpoint is None else cls(**read_checkpoint(checkpoint))

    def save(self) -> bytes:
        buffer = io.BytesIO()
        torch.save(vars(self), buffer)
        return buffer.getvalue()

    def is_finished(self, folds: Sequence[FoldWorkload]) -> bool:
        return self.failure is not None or len(self.scores) == len(folds)

    def candidate(self, candidate: Candidate) -> Candidate:
        """Return the candidate of the next fold: that of the newest is as it was given."""
        n = len(self.scores)
        return replace(candidate, seed=derive_seed(candidate.seed, n)) if n else candidate

    def add(self, progress: Progress, unit: float) -> Epoch:
        """Take in a fold that was trained to its end; return the report on all so far."""
        trained_to = read_checkpoint(progress.checkpoint)
        if self.best_weights is None:
            self.best_weights = trained_to["best_weights"]
            self.best_loss, self.best_epoch = trained_to["best_loss"], trained_to["best_epoch"]
        else:
            self.older_weights.append(trained_to["best_weights"])
        if progress.failure:
            self.failure = f"{progress.failure} of fold {len(self.scores) + 1}"
        trained = progress.epochs
        best = trained[-1] if progress.failure else min(trained, key=lambda e: e.val_loss)
        self.scores.append(_losses(best, unit))
        self.values.append(dict(best.values))
        self.epochs += len(trained)
        train, squared, absolute, r2 = map(statistics.fmean, zip(*self.scores, strict=True))
        seconds = sum(epoch.seconds for epoch in trained)
        measured = mean_values(self.values)
        return Epoch(self.epochs, train, squared, absolute, r2, seconds, measured)


def mean_values(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the means over folds of what objectives measured, by name; there may be none."""
    names = values[0] if values else ()
    return {name: statistics.fmean(of_fold[name] for of_fold in values) for name in names}


def _losses(epoch: Epoch, unit: float) -> list[float]:
    """Return an epoch's losses as `Epoch` has them, squared and absolute ones in another unit."""
    train, squared, absolute, r2 = msgspec.structs.astuple(epoch)[1:5]
    return [train * unit**2, squared * unit**2, absolute * unit, r2]
