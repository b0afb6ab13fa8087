"""What all parts of one search share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lstmopt.objectives import CandidateCosts
from lstmopt.plugin.registry import Registry
from lstmopt.search.observer import Observer
from lstmopt.search.overhead import Overhead
from lstmopt.search.search_plan import Plan
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.deadline import Deadline
from lstmopt.system.signals import StopRequest


class Checkpoints(Protocol):
    """Where a driver keeps what it needs to go on with an interrupted trial."""

    def read_checkpoint(self, number: int, epochs: int) -> bytes | None:
        """Return the checkpoint of a trial after exactly ``epochs`` epochs, if there is one."""

    def write_checkpoint(self, number: int, epochs: int, checkpoint: bytes) -> None:
        """Keep a checkpoint."""

    def drop_checkpoints(self, number: int, keep: int | None = None) -> None:
        """Forget a trial's checkpoints but the one after ``keep`` epochs."""


@dataclass(frozen=True)
class SearchContext:
    """The study, the plan, and whom to tell; none of it is replaced while a search goes on.

    Attributes:
        stored: The study, and the storage that its driver alone writes to.
        plan: What is searched, how, and for how long.
        costs: What is known of a candidate before it trains.
        checkpoints: Where interrupted trials go on from.
        registry: Whose hooks hear of finished trials.
        observer: Who watches.
        stop: Says whether somebody asked to stop.
        overhead: Counts what the strategy itself takes.
        deadline: When the whole call is to have ended; without one the plan's seconds count from
            the search's beginning.
        afterwards: Says how many seconds what comes after the search takes, by the front so far.
    """

    stored: StoredStudy
    plan: Plan
    costs: CandidateCosts
    checkpoints: Checkpoints
    registry: Registry
    observer: Observer = field(default_factory=Observer)
    stop: StopRequest = field(default_factory=StopRequest)
    overhead: Overhead = field(default_factory=Overhead)
    deadline: Deadline | None = None
    afterwards: Callable[[Sequence[TrialRecord]], float] = lambda front: 0.0
