"""What a search may still spend: trials, reports of training, and time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from lstmopt.search.active_trial import ActiveTrial


class SearchBudget:
    """Counts what a search has spent, and says what is left of it.

    Args:
        trials: How many trials may be begun.
        reports: How many reports may be trained, infinity for any number.
        seconds: For how long, from now, None for any time.
        trained: How many reports have been trained already.
    """

    def __init__(
        self,
        trials: int,
        reports: float = math.inf,
        seconds: float | None = None,
        trained: int = 0,
    ) -> None:
        self._trials, self._reports, self._trained = trials, reports, trained
        self._ends = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """For how long it may go on; 0 or less when time is up."""
        return self._ends - time.monotonic()

    @property
    def time_is_up(self) -> bool:
        return self.seconds_left <= 0

    def spend(self, reports: int) -> None:
        """Count reports that were trained."""
        self._trained += reports

    def reports_left(self, training: Iterable[ActiveTrial]) -> float:
        """Count the reports that are neither trained nor asked of a worker that trains."""
        return self._reports - self._trained - sum(trial.asked for trial in training)

    def is_spent(self, training: Iterable[ActiveTrial]) -> bool:
        """Say whether nothing more may be trained."""
        return self.time_is_up or self.reports_left(training) < 1

    def trials_left(self, begun: int) -> int:
        """Count the trials that may be begun after so many."""
        return max(0, self._trials - begun)
