"""The closed trials of a study, as its driver asks for them at every step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

from lstmopt.objectives import Goals
from lstmopt.pareto import GrowingFront
from lstmopt.search_space import Params
from lstmopt.storage.trial_record import INFEASIBLE, TrialRecord
from lstmopt.warm_start.protocols import PastTrial


@dataclass(frozen=True)
class WithoutValue:
    """A trial that was infeasible or failed, and its static objectives by name."""

    number: int
    infeasible: bool
    static: Mapping[str, float]


class ClosedTrials:
    """Counts and finds what it has been given without going through all of it again.

    The storage has the trials; here are no curves, and of a candidate 16 bytes that stand for it.
    Those that ran to their end are kept for a warm start's adviser, where there is one.
    """

    def __init__(self, goals: Goals, advised: bool = True) -> None:
        self._goals, self._advised = goals, advised
        self._count = 0
        self._duplicates: dict[bytes, int] = {}
        self._front = GrowingFront()
        self.spent = 0
        """How many count towards a number of trials: not what was never trained here."""
        self.epochs_trained = 0
        self.without_value: list[WithoutValue] = []
        self.finished: list[PastTrial] = []
        """Those that ran to their end, as a warm start's adviser sees them."""

    def __len__(self) -> int:
        return self._count

    @property
    def front(self) -> set[int]:
        """The numbers of the trials that none dominates; of equal ones the first."""
        return set(self._front.numbers)

    def find_duplicate(self, params: Params) -> int | None:
        """Number a trial of the same candidate that came to its end, or that the pruner stopped."""
        return self._duplicates.get(_key(params))

    def add(self, record: TrialRecord) -> None:
        """Take in a trial that has just been closed."""
        self._count += 1
        self.epochs_trained += record.epochs_trained
        self.spent += record.state != INFEASIBLE and not record.taken_over
        if record.state in (INFEASIBLE, "failed"):
            costs = {o.name: record.values[o.name] or 0.0 for o in self._goals.static}
            infeasible = record.state == INFEASIBLE
            self.without_value.append(WithoutValue(record.number, infeasible, costs))
        if record.state == "complete" or record.by_pruner:
            self._duplicates.setdefault(_key(record.params), record.number)
        if record.state == "complete":
            values = self._goals.minimised(record.values)
            self._front.add(record.number, values)
            if not self._advised:
                return
            point = dict(zip(self._goals.names, values, strict=True))
            losses = tuple(point[o.name] for o in self._goals.learned)
            static = tuple(point[o.name] for o in self._goals.static)
            self.finished.append(PastTrial(record.number, record.params, losses, static))


def _key(params: Params) -> bytes:
    """Return 16 bytes that stand for a candidate; a number is itself whatever its type."""
    plain = [(n, float(v) if isinstance(v, Real) else v) for n, v in sorted(params.items())]
    return hashlib.blake2b(repr(plain).encode(), digest_size=16).digest()
