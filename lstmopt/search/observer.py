"""Whoever watches a study: hears what happens and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lstmopt.epoch import Epoch
from lstmopt.search_space import Architecture, Params

if TYPE_CHECKING:
    from lstmopt.storage.trial_record import TrialRecord


class Observer:
    """Is told how a study goes; does nothing by itself."""

    def notice(self, text: str) -> None:
        """Hear one line that the user should read."""

    def measured(self, architecture: Architecture, latency_ms: float) -> None:
        """Hear what one forecast of an architecture takes."""

    def started(self, number: int, params: Params, static: Mapping[str, float]) -> None:
        """Hear that a trial begins, with its static objectives."""

    def advanced(self, number: int, epochs: tuple[Epoch, ...]) -> None:
        """Hear of new epochs of a running trial."""

    def told(self, record: TrialRecord) -> None:
        """Hear of a closed trial."""

    def refitting(self, front: list[TrialRecord]) -> None:
        """Hear that the search is over and its front is refitted."""
