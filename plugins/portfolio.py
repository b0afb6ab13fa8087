"""Begin with a few candidates that together cover the fronts of earlier studies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstmopt import Strategy, hookimpl
from lstmopt.front import front_mask, hypervolume
from lstmopt.space import Architecture, Params, Space
from lstmopt.warm_start import Beginning, PastStudy, PastTrial

Floats = NDArray[np.float64]

_FEWEST = 5
"""Finished trials that a study needs to say what it has not tried."""
_REFERENCE = 1.1


class Portfolio:
    """Chooses candidates one by one, each the one that adds most to the fronts of all studies.

    What a candidate gives in a study that has not tried it is predicted from those it has tried.
    Each study counts the same: its losses run from its best, 0, to its median, 1, and its static
    objectives from 0 to 1 on the logarithm.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        useful = [study for study in past if len(study.trials) >= _FEWEST]
        if not useful:
            return Beginning(space)
        return Beginning(space, tuple(choose_portfolio(space, useful, self.size)))


def choose_portfolio(space: Space, studies: Sequence[PastStudy], size: int) -> list[Params]:
    """Return ``size`` candidates in the order in which they should be tried.

    The greedy choice reaches at least 1 - 1/e of the best portfolio's hypervolume, which is
    submodular (Nemhauser, Wolsey and Fisher, Mathematical Programming 14, 1978).
    """
    pool = _pool(studies)
    tables = [_scaled(space, study, pool) for study in studies]
    chosen: list[int] = []
    covered = [0.0] * len(tables)
    while len(chosen) < min(size, len(pool)):
        gains = np.zeros(len(pool))
        for table, before in zip(tables, covered, strict=True):
            gains += [_volume(table[[*chosen, n]]) - before for n in range(len(pool))]
        best = int(gains.argmax())
        if gains[best] <= 1e-9:
            break
        chosen.append(best)
        covered = [_volume(table[chosen]) for table in tables]
    return [pool[n].params for n in chosen]


def _volume(points: Floats) -> float:
    return hypervolume(points, [_REFERENCE] * points.shape[1])


def _pool(studies: Sequence[PastStudy]) -> list[PastTrial]:
    """List what may be chosen: the front of each study and of what is left without it."""
    pool: list[PastTrial] = []
    for study in studies:
        left = list(study.trials)
        for _ in range(_LAYERS):
            if not left:
                break
            mask = front_mask([trial.values for trial in left])
            pool += [trial for trial, kept in zip(left, mask, strict=True) if kept]
            left = [trial for trial, kept in zip(left, mask, strict=True) if not kept]
    unique = {tuple(sorted(trial.params.items())): trial for trial in pool}
    return list(unique.values())


_LAYERS = 4
"""The best somewhere need not be on any front to be good everywhere."""


def _scaled(space: Space, study: PastStudy, pool: Sequence[PastTrial]) -> Floats:
    """Return what each of the pool gives in a study [pool, objectives], scaled."""
    from lstmopt.surrogate import Surrogate

    known = {tuple(sorted(t.params.items())): t for t in study.trials}
    losses = np.array([trial.losses for trial in study.trials])
    ranks = np.argsort(np.argsort(losses, axis=0), axis=0) / max(1, len(losses) - 1)
    predicted = Surrogate(space, [t.params for t in study.trials], ranks).predict(
        [trial.params for trial in pool]
    )
    # back from ranks to losses: a few diverged ones would bend a model of the losses themselves
    columns = [np.quantile(losses[:, n], predicted[:, n]) for n in range(losses.shape[1])]
    guessed = np.column_stack(columns)
    costs = {Architecture.of(t.params): t.static for s in (pool, study.trials) for t in s}
    points = []
    for trial, guess in zip(pool, guessed, strict=True):
        own = known.get(tuple(sorted(trial.params.items())))
        loss = own.losses if own else tuple(guess)
        points.append([*loss, *costs[Architecture.of(trial.params)]])
    return _scale(np.array(points, float), losses)


def _scale(points: Floats, losses: Floats) -> Floats:
    """Scale losses from the best known to the median, static objectives between their extremes."""
    learned = losses.shape[1]
    low, high = losses.min(0), np.median(losses, axis=0)
    scaled = points.copy()
    scaled[:, :learned] = (points[:, :learned] - low) / np.where(high > low, high - low, 1.0)
    for n in range(learned, points.shape[1]):
        column = points[:, n]
        column = np.log(column) if (column > 0).all() else column
        width = np.ptp(column)
        scaled[:, n] = (column - column.min()) / width if width > 0 else 0.0
    return scaled


def make(*, size: int = 12) -> Portfolio:
    if size < 1:
        raise ValueError(f"size is at least 1, found {size}")
    return Portfolio(size)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    return [
        Strategy(
            "portfolio",
            make,
            "tries a few candidates that together cover the fronts of earlier studies",
            "Feurer et al., Auto-sklearn 2.0: hands-free AutoML via meta-learning, JMLR 23, 2022",
        )
    ]
