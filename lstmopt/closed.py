"""The closed trials of a study, as its driver asks for them at every step."""

from __future__ import annotations

from collections.abc import Iterator

from lstmopt.front import dominates
from lstmopt.objectives import Goals
from lstmopt.record import INFEASIBLE, TrialRecord, minimised
from lstmopt.space import Params
from lstmopt.warm_start import PastTrial


class ClosedTrials:
    """Counts and finds what it has been given without going through all of it again."""

    def __init__(self, goals: Goals) -> None:
        self._goals = goals
        self._records: list[TrialRecord] = []
        self._twins: dict[tuple[tuple[str, object], ...], TrialRecord] = {}
        self._front: dict[int, list[float]] = {}
        self.spent = 0
        """How many count towards a number of trials: not what was never trained here."""
        self.without_value: list[TrialRecord] = []
        """Those that were infeasible or failed."""
        self.finished: list[PastTrial] = []
        """Those that ran to their end, as a warm start's adviser sees them."""

    def __iter__(self) -> Iterator[TrialRecord]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def front(self) -> set[int]:
        """The numbers of the trials that none dominates."""
        return set(self._front)

    def by_number(self, number: int) -> TrialRecord:
        """Return the trial of this number. Raises StopIteration where it is not closed."""
        return next(record for record in self._records if record.number == number)

    def twin(self, params: Params) -> TrialRecord | None:
        """Return a trial of the same candidate that came to its end, or that the pruner stopped."""
        return self._twins.get(_key(params))

    def add(self, record: TrialRecord) -> None:
        """Take in a trial that has just been closed."""
        self._records.append(record)
        self.spent += record.state != INFEASIBLE and not record.taken_over
        if record.state in (INFEASIBLE, "failed"):
            self.without_value.append(record)
        if record.state == "complete" or record.by_pruner:
            self._twins.setdefault(_key(record.params), record)
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


def _key(params: Params) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(params.items()))
