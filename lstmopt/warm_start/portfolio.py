"""A few candidates that together cover the fronts of several studies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstmopt.pareto import Floats, front_mask, hypervolume
from lstmopt.search_space import Architecture, Params
from lstmopt.warm_start.advisers import SourceStudy
from lstmopt.warm_start.protocols import PastStudy, PastTrial

_LAYERS = 3
"""Fronts of a study, each of what the ones before leave, from which candidates are chosen.

What is good everywhere need not be on the front of any.
"""


def choose_portfolio(
    sources: Sequence[SourceStudy], size: int, tried: Sequence[Params] = ()
) -> list[Params]:
    """Return ``size`` candidates in the order in which they should be tried.

    They complement those that are ``tried`` anyway, which are not among them.
    The greedy choice reaches at least 1 - 1/e of the best portfolio's hypervolume, which is
    submodular (Nemhauser, Wolsey and Fisher, Mathematical Programming 14, 1978).
    """
    pool = _pool([study for source in sources for study in (source.study, source.expected())])
    known = [trial for source in sources for trial in source.study.trials if trial.params in tried]
    given = list({_key(trial): trial for trial in known}.values())
    pool = [*given, *(trial for trial in pool if trial.params not in tried)]
    tables = [_scaled(source, pool) for source in sources]
    chosen = list(range(len(given)))
    covered = [hypervolume(table[chosen]) for table in tables]
    while len(chosen) < min(len(given) + size, len(pool)):
        gains = np.zeros(len(pool))
        for table, before in zip(tables, covered, strict=True):
            gains += [hypervolume(table[[*chosen, n]]) - before for n in range(len(pool))]
        best = int(gains.argmax())
        if gains[best] <= 1e-9:
            break
        chosen.append(best)
        covered = [hypervolume(table[chosen]) for table in tables]
    return [pool[n].params for n in chosen[len(given) :]]


def average_study(sources: Sequence[SourceStudy], count: int = 100) -> PastStudy:
    """Return candidates of all studies with their mean ranks, as if one study had tried them."""
    each = max(1, count // len(sources))
    pool = [
        source.study.trials[n]
        for source in sources
        # evenly from the best to the worst
        for n in np.argsort(source.ranks.mean(1))[
            np.linspace(0, len(source.ranks) - 1, each).round().astype(int)
        ]
    ]
    ranks = np.mean([source.predict([t.params for t in pool]) for source in sources], axis=0)
    trials = (
        PastTrial(n, trial.params, tuple(rank.tolist()), trial.static)
        for n, (trial, rank) in enumerate(zip(pool, ranks, strict=True))
    )
    return PastStudy("the average study", tuple(trials), similarity=1.0)


def _pool(studies: Sequence[PastStudy]) -> list[PastTrial]:
    """List what may be chosen: the front of each study and of what is left without it."""
    pool: list[PastTrial] = []
    for study in studies:
        left = list(study.trials)
        for _ in range(_LAYERS):
            mask = front_mask([trial.values for trial in left])
            pool += [trial for trial, kept in zip(left, mask, strict=True) if kept]
            left = [trial for trial, kept in zip(left, mask, strict=True) if not kept]
            if not left:
                break
    unique = {_key(trial): trial for trial in pool}
    return list(unique.values())


def _key(trial: PastTrial) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(trial.params.items()))


def _scaled(source: SourceStudy, pool: Sequence[PastTrial]) -> Floats:
    """Return what each of the pool gives in a study [pool, objectives].

    Losses run from the study's best, 0, to its median, 1, static objectives from 0 to 1 on the
    logarithm.
    """
    study = source.study
    known = {_key(trial): trial.losses for trial in study.trials}
    losses = np.array(list(known.values()))
    predicted = source.predict([trial.params for trial in pool])
    columns = [np.quantile(losses[:, n], predicted[:, n]) for n in range(losses.shape[1])]
    guessed = np.column_stack(columns)
    points = np.array([known.get(_key(t), g) for t, g in zip(pool, guessed, strict=True)], float)
    low, high = losses.min(0), np.median(losses, axis=0)
    learned = (points - low) / np.where(high > low, high - low, 1.0)
    elsewhere = {Architecture.of(trial.params): trial.static for trial in pool}
    costs = [source.static(t.params) or elsewhere[Architecture.of(t.params)] for t in pool]
    static = np.array(costs, float)
    return np.column_stack([learned, *(_unit(column) for column in static.T)])


def _unit(column: Floats) -> Floats:
    """Scale a static objective to 0 to 1, on the logarithm where it is positive."""
    values = np.log(column) if (column > 0).all() else column
    width = float(np.ptp(values))
    scaled: Floats = (values - values.min()) / (width or 1.0)
    return scaled
