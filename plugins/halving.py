"""Asynchronous successive halving among fronts."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lstmopt import Decision, Strategy, Trials, TrialView, hookimpl
from lstmopt.pareto import NonDominatedRanks, contributions
from lstmopt.pruning.pruners import GO_ON, Closing
from lstmopt.pruning.trial_curves import Floats

_ABSENT = -1


class Rung:
    """Those that reached one report, ranked by their values there; follows from `Trials` alone."""

    def __init__(self, report: int, learned: int, static: int) -> None:
        self.report, self.learned = report, learned
        self.ranking = NonDominatedRanks(learned + static)
        self.places: NDArray[np.int_] = np.full(0, _ABSENT)
        """Where each row of the trials stands among the ranking's points."""
        self._best: tuple[int, int, NDArray[np.bool_]] = (0, 0, np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.ranking.ranks)

    def among(self, rows: NDArray[np.int_]) -> NDArray[np.int_]:
        """Return those of the rows of the trials that have reached it, with numbers."""
        there: NDArray[np.int_] = rows[self.places[rows] != _ABSENT]
        return there

    def update(self, trials: Trials) -> None:
        """Take in who has reached the rung since the last time."""
        missing = len(trials) - len(self.places)
        self.places = np.concatenate([self.places, np.full(missing, _ABSENT)])
        reached = trials.finished | (trials.reports >= self.report)
        rows = np.flatnonzero(reached & (self.places == _ABSENT))
        if not len(rows):
            return
        columns = [trials.best(name)[rows, self.report - 1] for name in trials.learned_names]
        there = np.isfinite(sum(columns))
        self.places[rows[there]] = np.arange(len(self), len(self) + there.sum())
        self.ranking.extend(np.column_stack([*columns, trials.static[rows]])[there])

    def ranks(self, rows: NDArray[np.int_]) -> NDArray[np.int_]:
        """Return the ranks of rows of the trials that have reached it."""
        ranks: NDArray[np.int_] = self.ranking.ranks[self.places[rows]]
        return ranks

    def best(self, quota: int) -> NDArray[np.bool_]:
        """Return which points of the ranking fewer than ``quota`` others are better than.

        Better is a lower rank, then more hypervolume that a point alone adds to its rank. Points
        that are alike share the place of the first of them, so that no order of arrival decides.
        """
        if self._best[:2] != (len(self), quota):
            self._best = len(self), quota, self._find_best(quota)
        return self._best[2]

    def _find_best(self, quota: int) -> NDArray[np.bool_]:
        ranks = self.ranking.ranks
        last = int(np.sort(ranks)[quota - 1])  # the rank that the quota ends in
        left, alike = quota - int((ranks < last).sum()), ranks == last
        best: NDArray[np.bool_] = ranks <= last
        if alike.sum() > left:
            adds = self._adds(alike)
            best[alike] = adds >= np.sort(adds)[-left]
        return best

    def _adds(self, alike: NDArray[np.bool_]) -> Floats:
        """Return what each marked point alone adds to their hypervolume.

        In units of the rung's extent, a static objective by its order: units decide nothing.
        """
        points = self.ranking.points.copy()
        for column in points.T[self.learned :]:
            column[:] = np.unique(column, return_inverse=True)[1]
        low, high = points.min(0), points.max(0)
        scaled = (points[alike] - low) / np.where(high > low, high - low, 1.0)
        return contributions(scaled)


class Halving:
    """Lets the best of those that reached a rung go on, and pauses the others there.

    Rungs lie at ``min_epochs``, ``min_epochs * reduction_factor`` and so on. One in
    ``reduction_factor`` of those that reached a rung goes on (one at least): by non-dominated rank,
    then by the hypervolume that it alone adds to its rank. A paused trial goes on once the rung has
    grown so that it is among them; at the study's close when nothing on its rung dominates it, or
    by rank while a budget in epochs lasts (Li et al., A system for massively parallel
    hyperparameter tuning, MLSys 2020; Schmucker et al., Multi-objective asynchronous successive
    halving, 2021).

    The state is the recorded curves alone. ``stop_only`` stops what would be paused, but no trial
    that is on the rung's front.
    """

    def __init__(self, min_epochs: int, reduction_factor: int, stop_only: bool) -> None:
        for name, value, least in (
            ("min_epochs", min_epochs, 1),
            ("reduction_factor", reduction_factor, 2),
        ):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, found {value}")
        self.min_epochs, self.reduction_factor = min_epochs, reduction_factor
        self.stop_only = stop_only
        self._rungs: WeakKeyDictionary[Trials, dict[int, Rung]] = WeakKeyDictionary()

    def next_rung(self, report: int) -> int | None:
        """Return the first rung after ``report``."""
        rung = self.min_epochs
        while rung <= report:
            rung *= self.reduction_factor
        return rung

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return whether a trial on a rung goes on; between rungs it does."""
        report = trial.report
        if self.next_rung(report - 1) != report:
            return GO_ON
        rung, row = self._rung(trials, report), trials.rows([trial.number])
        if not len(rung.among(row)):
            return Decision("stop", f"halving: no loss that is a number by report {report}")
        quota, rank = self._quota(rung), rung.ranks(row).item()
        seen = {"peers": len(rung) - 1, "rank": rank, "places": quota}
        if rung.best(quota)[rung.places[row]].item() or (self.stop_only and rank == 0):
            return Decision("go on", seen=seen)
        words = f"rank {rank}, not among the best {quota} of {len(rung)} at report {report}"
        return Decision("stop" if self.stop_only else "pause", f"halving: {words}", seen)

    def promote(self, paused: Sequence[int], trials: Trials, closing: Closing) -> int | None:
        """Return the paused trial that is among the best of its rung, of the latest rung first."""
        if self.stop_only:
            return None
        rows = trials.rows(sorted(paused))
        reports = trials.reports[rows]
        # the later rung first
        rungs = [self._rung(trials, report) for report in np.unique(reports).tolist()[::-1]]
        among = ((rung, rung.among(rows[reports == rung.report])) for rung in rungs)
        waiting = [(rung, there) for rung, there in among if len(there)]
        for rung, there in waiting:
            able = there[rung.best(self._quota(rung))[rung.places[there]]]
            if len(able):
                return int(trials.numbers[able[rung.ranks(able).argmin()]])
        if closing == "open":
            return None
        # the lowest share of the rung's ranks first
        found: tuple[float, int] | None = None
        for rung, there in waiting:
            ranks = rung.ranks(there)
            first = int(ranks.argmin())
            share = ranks[first] / len(rung)
            if (closing == "everyone" or ranks[first] == 0) and (not found or share < found[0]):
                found = share, int(trials.numbers[there[first]])
        return found[1] if found else None

    def _rung(self, trials: Trials, report: int) -> Rung:
        rungs = self._rungs.setdefault(trials, {})
        if report not in rungs:
            rungs[report] = Rung(report, len(trials.learned_names), len(trials.static_names))
        rungs[report].update(trials)
        return rungs[report]

    def _quota(self, rung: Rung) -> int:
        return max(1, len(rung) // self.reduction_factor)


def make(*, min_epochs: int = 1, reduction_factor: int = 3, stop_only: bool = False) -> Halving:
    """Make successive halving.

    Args:
        min_epochs: The first rung, in reports (one an epoch unless the study reports more often).
        reduction_factor: One in so many of those that reached a rung goes on; each rung lies so
            many times farther than the one before.
        stop_only: Stop for good what would be paused, but for the front of its rung.

    Returns:
        A pruner that pauses and promotes.

    References:
        Li et al., A system for massively parallel hyperparameter tuning, MLSys 2020,
        https://arxiv.org/abs/1810.05934
        Schmucker et al., Multi-objective asynchronous successive halving, 2021,
        https://arxiv.org/abs/2106.12639
    """
    return Halving(min_epochs, reduction_factor, stop_only)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``halving``."""
    return [
        Strategy(
            "halving",
            make,
            "lets the best third at each rung go on, by fronts; pauses and promotes",
            "Schmucker et al., Multi-objective asynchronous successive halving, arXiv:2106.12639",
        )
    ]
