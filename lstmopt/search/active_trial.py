"""A trial in training, as its driver holds it between segments."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lstmopt.epoch import Epoch
from lstmopt.pruning.pruners import Closing
from lstmopt.search_space import Candidate
from lstmopt.storage.segments import curve_of, decided_reports, read_segments

if TYPE_CHECKING:
    import optuna

_MOST_HANDLING = 0.01
"""Of a segment's training: what its dispatch, checkpoint and record may take."""


@dataclass
class Running:
    """A trial that was begun and is not closed: in a worker's hands, waiting for one, or paused."""

    number: int
    candidate: Candidate
    static: dict[str, float]
    epochs: list[Epoch] = field(default_factory=list)
    checkpoint: bytes | None = None
    segments: int = 0
    asked: int = 0
    deaths: int = 0
    decided: int = 0
    promotions: list[tuple[int, Closing]] = field(default_factory=list)
    out_of_time: bool = False
    submitted: float = 0.0
    handling: float = math.inf
    """The least seconds from a segment's dispatch to its record, less those of its training."""

    @classmethod
    def of(cls, trial: optuna.trial.FrozenTrial) -> Running:
        """Take up a trial as its record has it."""
        segments = read_segments(trial)
        return cls(
            trial.number,
            Candidate(dict(trial.params), trial.user_attrs["seed"]),
            trial.user_attrs["static"],
            list(curve_of(segments)),
            segments=len(segments),
            decided=decided_reports(segments),
            promotions=[(at, last) for at, last in trial.user_attrs.get("promotions", ())],
        )

    @property
    def epoch_seconds(self) -> float:
        """How long an epoch took so far; unknown, hence infinite, before the first."""
        if not self.epochs:
            return math.inf
        return max(1e-6, sum(epoch.seconds for epoch in self.epochs) / len(self.epochs))

    def next_epochs(self, seconds: float) -> int:
        """Count the epochs that fit into ``seconds``, or more where handling is more than 1 %."""
        if not self.epochs:
            return 1
        if math.isfinite(self.handling):
            seconds = max(seconds, self.handling / _MOST_HANDLING)
        return max(1, round(seconds / self.epoch_seconds))

    def seconds_left(self, reports: float) -> float:
        """Predict how long the rest of its ``reports`` takes."""
        return self.epoch_seconds * (reports - len(self.epochs))
