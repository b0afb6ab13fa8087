"""What a search may still spend: trials, reports of training, and time."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lstmopt.search.active_trial import ActiveTrial
from lstmopt.system.deadline import Deadline

_CLOSING = 0.25
"""The last share of a search by the clock."""


class SearchBudget:
    """Counts what a search has spent, and says what is left of it.

    Args:
        trials: How many trials may be begun.
        reports: How many reports may be trained, infinity for any number.
        deadline: When the call is to have ended, with what comes after the search.
        trained: How many reports have been trained already.
        each: What a report costs at most, in the unit of ``reports`` and ``trained``: where a
            report is a fold these count epochs.

    Attributes:
        kept_back: How many seconds are left for what comes after the search.
    """

    def __init__(
        self,
        trials: int,
        reports: float = math.inf,
        deadline: Deadline | None = None,
        trained: int = 0,
        each: int = 1,
    ) -> None:
        self._trials, self._reports, self._trained = trials, reports, trained
        self._deadline, self._each = deadline or Deadline(), each
        self.kept_back = 0.0

    @property
    def seconds_left(self) -> float:
        """For how long it may go on; 0 or less when time is up."""
        return self._deadline.left - self.kept_back

    @property
    def is_closing(self) -> bool:
        """Whether so little time is left that what has been begun comes before what is new."""
        passed = self._deadline.passed
        return self.seconds_left < _CLOSING * (passed + max(0.0, self.seconds_left))

    @property
    def time_is_up(self) -> bool:
        return self.seconds_left <= 0

    def spend(self, reports: int) -> None:
        """Count what was trained."""
        self._trained += reports

    def reports_left(self, training: Iterable[ActiveTrial]) -> float:
        """Count the reports that are neither trained nor asked of a worker that trains."""
        left = (self._reports - self._trained) / self._each
        return left - sum(trial.asked for trial in training)

    def is_spent(self, training: Iterable[ActiveTrial]) -> bool:
        """Say whether nothing more may be trained."""
        return self.time_is_up or self.reports_left(training) < 1

    def trials_left(self, begun: int) -> int:
        """Count the trials that may be begun after so many."""
        return max(0, self._trials - begun)
