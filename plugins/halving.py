"""Asynchronous successive halving among fronts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lstmopt import Strategy, hookimpl
from lstmopt.front import contributions, front_ranks
from lstmopt.pruning import Decision, TrialView, value_at


class Halving:
    """Lets the best of those that reached a rung go on, and pauses the others there.

    Rungs lie at ``min_epochs``, ``min_epochs * reduction_factor`` and so on. One in
    ``reduction_factor`` of those that reached a rung goes on (one at least): by non-dominated rank,
    then by the hypervolume that it alone adds to its rank. A paused trial goes on once the rung has
    grown so that it is among them (Li et al., A system for massively parallel hyperparameter
    tuning, MLSys 2020; Schmucker et al., Multi-objective asynchronous successive halving, 2021).

    The state is the recorded curves alone. A static objective counts by its order, so its units do
    not matter. ``stop_only`` stops what would be paused, but no trial that is on the rung's front.
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

    def next_rung(self, epoch: int) -> int | None:
        rung = self.min_epochs
        while rung <= epoch:
            rung *= self.reduction_factor
        return rung

    def decide(self, trial: TrialView, others: Sequence[TrialView]) -> Decision:
        epoch = len(next(iter(trial.losses.values())))
        if not self._is_rung(epoch):
            return Decision("go on")
        order = self._order([trial, *others], epoch)
        place, quota = order[trial.number], self._quota(len(order))
        if place[0] < quota or (self.stop_only and place[1] == 0):
            return Decision("go on")
        seen = f"rank {place[1]}, place {place[0] + 1} of {len(order)} at epoch {epoch}"
        return Decision("stop" if self.stop_only else "pause", f"halving: {seen}")

    def promote(self, paused: Sequence[TrialView], others: Sequence[TrialView]) -> int | None:
        if self.stop_only:
            return None
        waiting: dict[int, list[TrialView]] = {}
        for trial in paused:
            waiting.setdefault(len(next(iter(trial.losses.values()))), []).append(trial)
        for epoch in sorted(waiting, reverse=True):
            order = self._order([*paused, *others], epoch)
            best = min(waiting[epoch], key=lambda trial: order[trial.number][0])
            if order[best.number][0] < self._quota(len(order)):
                return best.number
        return None

    def _is_rung(self, epoch: int) -> bool:
        return self.next_rung(epoch - 1) == epoch

    def _quota(self, reached: int) -> int:
        return max(1, reached // self.reduction_factor)

    def _order(self, trials: Sequence[TrialView], epoch: int) -> dict[int, tuple[int, int]]:
        """Return place and rank, both from 0, of each trial that reached the rung, by number.

        Trials that are alike share the place of the best of them, so that no order of arrival
        decides.
        """
        names = list(trials[0].losses)
        rows = [(t, [value_at(t, name, epoch) for name in names]) for t in trials]
        reached = [
            (trial, values)
            for trial, values in rows
            if all(value is not None and math.isfinite(value) for value in values)
        ]
        if not reached:
            return {}
        losses = np.array([values for _, values in reached], float)
        static = np.array([list(trial.static.values()) for trial, _ in reached], float)
        points = np.column_stack([losses, _levels(static)])
        ranks = front_ranks(points)
        alone = np.concatenate([_alone(points, ranks == rank) for rank in range(ranks.max() + 1)])
        members = np.concatenate([np.flatnonzero(ranks == r) for r in range(ranks.max() + 1)])
        keys = np.empty((len(points), 2))
        keys[members] = np.column_stack([ranks[members], -alone])
        _, inverse, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return {
            trial.number: (int(first[key]), int(rank))
            for (trial, _), key, rank in zip(reached, inverse.reshape(-1), ranks, strict=True)
        }


def _levels(static: np.ndarray) -> np.ndarray:
    """Replace each column [trials, objectives] by its order: 0 for the lowest value."""
    columns = [np.unique(column, return_inverse=True)[1] for column in static.T]
    return np.column_stack(columns) if columns else np.empty((len(static), 0))


def _alone(points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return what each marked point alone adds to their hypervolume, in units of their extent."""
    mine = points[mask]
    low, high = points.min(0), points.max(0)
    scaled = (mine - low) / np.where(high > low, high - low, 1.0)
    return contributions(scaled, np.full(points.shape[1], 1.1))


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
