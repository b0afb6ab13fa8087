"""Asynchronous successive halving among fronts."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lstmopt import Strategy, hookimpl
from lstmopt.front import Ranking, contributions
from lstmopt.pruning import GO_ON, Closing, Decision
from lstmopt.trials import Floats, Trials, TrialView


class Rung:
    """Those that reached one report, ranked by their values there; follows from `Trials` alone."""

    def __init__(self, report: int, learned: int, static: int) -> None:
        self.report, self.learned = report, learned
        self.ranking = Ranking(learned + static)
        self.places: dict[int, int] = {}
        """Where a row of the trials stands among the ranking's points."""

    def update(self, trials: Trials) -> None:
        """Take in who has reached the rung since the last time."""
        columns = [trials.best(name)[:, self.report - 1] for name in trials.learned_names]
        values = np.column_stack(columns)
        there = np.isfinite(values.sum(axis=1))
        if there.sum() == len(self.places):
            return
        there[list(self.places)] = False
        for row in np.flatnonzero(there).tolist():
            self.places[row] = len(self.places)
        self.ranking.extend(np.column_stack([values, trials.static])[there])

    def rank(self, row: int) -> int:
        return int(self.ranking.ranks[self.places[row]])

    def best(self, quota: int) -> NDArray[np.bool_]:
        """Mark the points of the ranking that fewer than ``quota`` others are better than.

        Better is a lower rank, then more hypervolume that a point alone adds to its rank. Points
        that are alike share the place of the first of them, so that no order of arrival decides.
        """
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
        return contributions(scaled, np.full(points.shape[1], 1.1))


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
        rung = self.min_epochs
        while rung <= report:
            rung *= self.reduction_factor
        return rung

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        report = trial.report
        if self.next_rung(report - 1) != report:
            return GO_ON
        rung, row = self._rung(trials, report), trials.row(trial.number)
        if row not in rung.places:
            return Decision("stop", f"halving: no loss that is a number by report {report}")
        quota, rank = self._quota(rung), rung.rank(row)
        seen = {"peers": len(rung.places) - 1, "rank": rank, "places": quota}
        if rung.best(quota)[rung.places[row]] or (self.stop_only and rank == 0):
            return Decision("go on", seen=seen)
        words = f"rank {rank}, not among the best {quota} of {len(rung.places)} at report {report}"
        return Decision("stop" if self.stop_only else "pause", f"halving: {words}", seen)

    def promote(self, paused: Sequence[int], trials: Trials, closing: Closing) -> int | None:
        if self.stop_only:
            return None
        by_report: dict[int, list[int]] = {}
        for number in sorted(paused):
            by_report.setdefault(int(trials.reports[trials.row(number)]), []).append(number)
        waiting = {self._rung(trials, report): numbers for report, numbers in by_report.items()}
        for rung in sorted(waiting, key=lambda rung: -rung.report):
            best = rung.best(self._quota(rung))
            able = [n for n in waiting[rung] if best[rung.places[trials.row(n)]]]
            if able:
                return min(able, key=lambda number: rung.rank(trials.row(number)))
        if closing == "open":
            return None
        # the lowest share of the rung's ranks first, the later rung where they are alike
        ranks = {
            number: (rung.rank(trials.row(number)), len(rung.places), rung.report)
            for rung, numbers in waiting.items()
            for number in numbers
        }
        able = [number for number in ranks if closing == "everyone" or ranks[number][0] == 0]
        return min(able, key=lambda n: (ranks[n][0] / ranks[n][1], -ranks[n][2]), default=None)

    def _rung(self, trials: Trials, report: int) -> Rung:
        rungs = self._rungs.setdefault(trials, {})
        if report not in rungs:
            rungs[report] = Rung(report, len(trials.learned_names), len(trials.static_names))
        rungs[report].update(trials)
        return rungs[report]

    def _quota(self, rung: Rung) -> int:
        return max(1, len(rung.places) // self.reduction_factor)


def make(*, min_epochs: int = 1, reduction_factor: int = 3, stop_only: bool = False) -> Halving:
    return Halving(min_epochs, reduction_factor, stop_only)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    return [
        Strategy(
            "halving",
            make,
            "lets the best third at each rung go on, by fronts; pauses and promotes",
            "Schmucker et al., Multi-objective asynchronous successive halving, arXiv:2106.12639",
        )
    ]
