"""The closed trials of a study, as its driver asks for them at every step."""

from __future__ import annotations

from lstmopt.front import dominates
from lstmopt.objectives import Goals
from lstmopt.record import INFEASIBLE, TrialRecord, minimised
from lstmopt.space import Params
from lstmopt.warm_start import PastTrial


class ClosedTrials:
    """Counts and finds what it has been given without going through all of it again.

    No curve is kept: the storage has them.
    """

    def __init__(self, goals: Goals) -> None:
        self._goals = goals
        self._count = 0
        self._twins: dict[tuple[object, ...], int] = {}
        self._front: dict[int, list[float]] = {}
        self.spent = 0
        """How many count towards a number of trials: not what was never trained here."""
        self.epochs_trained = 0
        self.without_value: list[TrialRecord] = []
        """Those that were infeasible or failed."""
        self.finished: list[PastTrial] = []
        """Those that ran to their end, as a warm start's adviser sees them."""

    def __len__(self) -> int:
        return self._count

    @property
    def front(self) -> set[int]:
        """The numbers of the trials that none dominates."""
        return set(self._front)

    def twin(self, params: Params) -> int | None:
        """Number a trial of the same candidate that came to its end, or that the pruner stopped."""
        return self._twins.get(_key(params))

    def add(self, record: TrialRecord) -> None:
        """Take in a trial that has just been closed."""
        self._count += 1
        self.epochs_trained += record.epochs_trained
        self.spent += record.state != INFEASIBLE and not record.taken_over
        if record.state in (INFEASIBLE, "failed"):
            self.without_value.append(record)
        if record.state == "complete" or record.by_pruner:
            self._twins.setdefault(_key(record.params), record.number)
        if record.state == "complete":
            point = dict(zip(self._goals.names, minimised(record, self._goals), strict=True))
            self._put_on_front(record.number, list(point.values()))
            losses = tuple(point[o.name] for o in self._goals.learned)
            static = tuple(point[o.name] for o in self._goals.static)
            self.finished.append(PastTrial(record.number, record.params, losses, static))

    def _put_on_front(self, number: int, point: list[float]) -> None:
        if any(dominates(known, point) for known in self._front.values()):
            return
        for beaten in [n for n, known in self._front.items() if dominates(point, known)]:
            del self._front[beaten]
        self._front[number] = point


def _key(params: Params) -> tuple[object, ...]:
    names = sorted(params)
    return (*names, *(params[name] for name in names))
