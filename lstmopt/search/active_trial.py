"""A trial that was begun and is not closed, as its driver holds it between segments."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lstmopt.epoch import Epoch
from lstmopt.pruning.pruners import Closing, Decision
from lstmopt.search_space import Candidate
from lstmopt.storage.segments import curve_of, decided_reports, read_segments
from lstmopt.storage.trial_record import PROMOTIONS, SEED, STATIC
from lstmopt.training.trainer import Progress

if TYPE_CHECKING:
    import optuna

_MOST_HANDLING = 0.01
"""Of a segment's training: what its dispatch, checkpoint and record may take."""


@dataclass
class ActiveTrial:
    """A trial in a worker's hands, waiting for one, or paused; counts are in reports."""

    number: int
    candidate: Candidate
    static: dict[str, float]
    epochs: list[Epoch] = field(default_factory=list)
    checkpoint: bytes | None = None
    segments: int = 0
    """How many segments are in the storage."""
    decided: int = 0
    """How many reports the pruner has judged."""
    promotions: list[tuple[int, Closing]] = field(default_factory=list)
    asked: int = 0
    """How many reports its worker was asked for."""
    deaths: int = 0
    """How many workers it has taken down."""
    out_of_time: bool = False
    _submitted: float = 0.0
    _handling: float = math.inf
    """The least seconds from a segment's dispatch to its record, less those of its training."""

    @classmethod
    def of(cls, trial: optuna.trial.FrozenTrial) -> ActiveTrial:
        """Take up a trial as its record has it."""
        segments = read_segments(trial)
        return cls(
            trial.number,
            Candidate(dict(trial.params), trial.user_attrs[SEED]),
            trial.user_attrs[STATIC],
            list(curve_of(segments)),
            segments=len(segments),
            decided=decided_reports(segments),
            promotions=[(at, closing) for at, closing in trial.user_attrs.get(PROMOTIONS, ())],
        )

    @property
    def trained(self) -> int:
        """How many reports it has given."""
        return len(self.epochs)

    @property
    def epochs_trained(self) -> int:
        """How many epochs that took; shares of them where an epoch is reported more than once."""
        return self.epochs[-1].number if self.epochs else 0

    @property
    def seconds(self) -> float:
        """How long it has trained."""
        return sum(epoch.seconds for epoch in self.epochs)

    @property
    def epoch_seconds(self) -> float:
        """How long an epoch took so far; unknown, hence infinite, before the first."""
        return max(1e-6, self.seconds / self.trained) if self.epochs else math.inf

    def next_epochs(self, seconds: float) -> int:
        """Count the epochs that fit into ``seconds``, or more where handling is more than 1 %."""
        if not self.epochs:
            return 1
        if math.isfinite(self._handling):
            seconds = max(seconds, self._handling / _MOST_HANDLING)
        return max(1, round(seconds / self.epoch_seconds))

    def seconds_left(self, reports: float) -> float:
        """Predict how long the rest of its ``reports`` takes."""
        return self.epoch_seconds * (reports - self.trained)

    def submit(self, epochs: int) -> None:
        """Note that it is handed to a worker for so many epochs."""
        self.asked, self._submitted = epochs, time.perf_counter()

    def add(self, progress: Progress) -> None:
        """Take in what a segment of training gave."""
        self.epochs.extend(progress.epochs)
        self.checkpoint, self.out_of_time = progress.checkpoint, progress.out_of_time

    def judge(self, made: Sequence[tuple[int, Decision]]) -> None:
        """Note up to which report the pruner has decided."""
        if made:
            self.decided = made[-1][0]

    def record(self, progress: Progress) -> None:
        """Note that a segment is in the storage now."""
        self.segments += 1
        training = sum(epoch.seconds for epoch in progress.epochs)
        spent = time.perf_counter() - self._submitted
        self._handling = min(self._handling, spent - training)

    def lose_worker(self, deaths: int) -> None:
        """Note that its worker went away, and that it took so many down."""
        self.deaths += deaths

    def pause(self) -> None:
        """Let go of the checkpoint, which lies in its place meanwhile."""
        self.checkpoint = None

    def promote(self, event: int, closing: Closing) -> None:
        """Note that it may go on after a pause."""
        self.promotions.append((event, closing))

    def go_on_from(self, checkpoint: bytes | None) -> None:
        """Go on from a checkpoint, or anew where there is none."""
        self.checkpoint = checkpoint
        if checkpoint is None:
            self.epochs = []
