"""Answers for candidates between a table's rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from lstmopt.search_space import Params
from lstmopt.warm_start.surrogate import Surrogate

from .tables import Table

Floats = NDArray[np.float64]


class TableSurrogate:
    """Predicts a candidate's loss after each epoch and the seconds of an epoch.

    All in one Gaussian process, on their logarithms. A row that failed counts with the worst loss
    recorded, so a surrogate never fails.
    """

    def __init__(self, table: Table, rows: Sequence[int] | None = None) -> None:
        chosen = np.arange(table.rows) if rows is None else np.asarray(rows)
        known = [table.params[row] for row in chosen]
        self._process = Surrogate(table.space, known, _answers(table)[chosen])

    def predict(self, candidates: Sequence[Params]) -> tuple[Floats, Floats]:
        """Return losses [candidates, epochs] and seconds of an epoch [candidates]."""
        answers: Floats = np.exp(self._process.predict(candidates))
        return answers[:, :-1], answers[:, -1]


def rank_correlation(table: Table, share: float = 0.2) -> float:
    """Return Spearman's correlation of best losses, predicted and recorded, on held-out rows."""
    order = np.random.default_rng(1).permutation(table.rows)
    held_out, known = np.split(order, [max(2, round(share * table.rows))])
    losses, _ = TableSurrogate(table, known.tolist()).predict(
        [table.params[row] for row in held_out]
    )
    recorded = np.exp(_answers(table)[held_out, :-1]).min(1)
    return float(spearmanr(losses.min(1), recorded).statistic)


def _answers(table: Table) -> Floats:
    """Return what is predicted [rows, epochs + 1]: log losses, then the log seconds of an epoch."""
    failed = np.isnan(table.best_losses)
    losses = table.losses.copy()
    losses[failed] = table.losses[~failed].max()
    seconds = np.nanmean(table.seconds, axis=1)
    answers: Floats = np.log(np.column_stack([losses, np.maximum(seconds, 1e-6)]))
    return answers
