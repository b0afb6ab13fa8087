"""The trials that wait for a promotion."""

from __future__ import annotations

import bisect
from collections.abc import Callable

from lstmopt.search.active_trial import ActiveTrial


class PausedTrials:
    """Holds the latest paused trials, and of older ones their numbers alone.

    Of many, the oldest keep no checkpoint: training is pure, so they can be trained again to where
    they were, and few ever are.

    Args:
        read: Reads a trial back that is no longer held.
        forget: Drops the checkpoint of a trial that is no longer held.
        most: How many are held.
    """

    def __init__(
        self,
        read: Callable[[int], ActiveTrial],
        forget: Callable[[int], object],
        most: int = 500,
    ) -> None:
        self._read, self._forget, self._most = read, forget, most
        self._numbers: list[int] = []
        self._held: dict[int, ActiveTrial] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all of them, in order."""
        return tuple(self._numbers)

    def add(self, trial: ActiveTrial) -> None:
        """Keep a trial until it is taken."""
        trial.pause()
        bisect.insort(self._numbers, trial.number)
        self._held[trial.number] = trial
        if len(self._held) > self._most:
            oldest = next(iter(self._held))
            del self._held[oldest]
            self._forget(oldest)

    def take(self, number: int) -> ActiveTrial:
        """Return a paused trial, which is paused no longer."""
        self._numbers.remove(number)
        return self._held.pop(number, None) or self._read(number)
