"""What a sampler is told of trials that have no values of their own.

In a study of several objectives Optuna's samplers learn nothing from a stopped trial, and nothing
at all from one that is paused. Here values are imputed to them, which `sampler_storage` shows.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from lstmopt.plugin.strategy import TellStopped
from lstmopt.pruning.trial_curves import Floats, Trials

if TYPE_CHECKING:
    from lstmopt.objectives import Goals

_LEAST_FINISHED = 3
"""Finished trials needed before anything is extrapolated from them."""


Values = tuple[float, ...]
"""A trial's values in the goals' order, as Optuna is told them."""


def impute(
    trials: Trials,
    goals: Goals,
    tell: TellStopped,
    latest: int | None = None,
    also: Collection[int] = (),
) -> dict[int, Values]:
    """Return the values, by trial number, under which unfinished trials are shown.

    Of the ``latest`` of them, all where that is None, and of those numbered ``also``.
    """
    if tell == "nothing" or not len(trials):
        return {}
    rows = np.flatnonzero(~trials.finished & (trials.reports > 0))
    is_late = np.arange(len(rows)) >= len(rows) - (latest or len(rows))
    rows = rows[is_late | np.isin(trials.numbers[rows], list(also))]
    columns = []
    for objective in goals.objectives:
        if objective.kind == "static":
            values = trials.static[rows, trials.static_names.index(objective.name)]
        else:
            values = _reached(trials, objective.name, rows)
            if tell == "extrapolated":
                values = _extrapolated(trials, objective.name, rows, values)
        columns.append([objective.minimised(value) for value in values.tolist()])
    found = zip(trials.numbers[rows].tolist(), zip(*columns, strict=True), strict=True)
    return {number: values for number, values in found if np.isfinite(values).all()}


def _reached(trials: Trials, objective: str, rows: np.ndarray) -> Floats:
    """Return the best value of each row's trial at its last report."""
    reached: Floats = trials.best(objective)[rows, trials.reports[rows] - 1]
    return reached


def _extrapolated(trials: Trials, objective: str, rows: np.ndarray, reached: Floats) -> Floats:
    """Map what was reached to an end by the straight line that fits finished trials best.

    A line for each report, so that no unit matters; never worse than what was reached, unless
    another fold may make it so.
    """
    finished = np.flatnonzero(trials.finished)
    if len(finished) < _LEAST_FINISHED:
        return reached
    best = trials.best(objective)
    ends, expected = best[finished, -1], reached.copy()
    for report in np.unique(trials.reports[rows]):
        then = best[finished, report - 1]
        mine = trials.reports[rows] == report
        spread = then.var()
        slope = max(0.0, float(np.cov(then, ends, bias=True)[0, 1] / spread)) if spread else 0.0
        expected[mine] = ends.mean() + slope * (reached[mine] - then.mean())
    return expected if trials.cumulative else np.minimum(expected, reached)
