"""Stop a trial that could hardly catch up with a finished one that is no slower."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstmopt import Strategy, hookimpl
from lstmopt.pruning import Decision, TrialView, peers_of


class Plausible:
    """Extrapolates by what finished trials still gained after this epoch.

    From each finished trial: how far its best loss fell from this epoch to its end. The
    ``quantile`` of these falls is what a trial may still hope for. It is stopped when a finished
    trial that is no worse on every static objective was ahead at this epoch, and its final loss is
    out of reach even so (the idea of Domhan et al., Speeding up automatic hyperparameter
    optimization by extrapolation of learning curves, IJCAI 2015, with recorded curves in place of
    a parametric model). With several learned objectives one such trial must be ahead in all.

    ``n_startup_trials`` finished trials are needed, and ``n_warmup_steps`` epochs.
    """

    def __init__(self, quantile: float, n_startup_trials: int, n_warmup_steps: int) -> None:
        if not 0 <= quantile <= 1:
            raise ValueError(f"quantile must lie within 0 and 1, found {quantile}")
        for name, value, least in (
            ("n_startup_trials", n_startup_trials, 1),
            ("n_warmup_steps", n_warmup_steps, 0),
        ):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, found {value}")
        self.quantile = quantile
        self.n_startup_trials, self.n_warmup_steps = n_startup_trials, n_warmup_steps

    def decide(self, trial: TrialView, others: Sequence[TrialView]) -> Decision:
        finished = [other for other in others if other.finished]
        epoch = len(next(iter(trial.losses.values())))
        if epoch <= self.n_warmup_steps or len(finished) < self.n_startup_trials:
            return Decision("go on")
        rivals = peers_of(trial, finished)
        ahead = np.ones(len(rivals), bool)
        hopes = []
        for name in trial.losses:
            reached = min(trial.losses[name])
            falls = [min(f.losses[name][:epoch]) - min(f.losses[name]) for f in finished]
            hope = float(np.quantile(falls, self.quantile))
            at_epoch = np.array([min(rival.losses[name][:epoch]) for rival in rivals])
            ends = np.array([min(rival.losses[name]) for rival in rivals])
            ahead &= (at_epoch < reached) & (ends < reached - hope)
            hopes.append(f"{name} {reached:.4g} could fall by {hope:.4g}")
        if not ahead.any():
            return Decision("go on")
        number = rivals[int(np.flatnonzero(ahead)[0])].number
        seen = f"{', '.join(hopes)}, trial {number} stays out of reach"
        return Decision("stop", f"plausible at epoch {epoch}: {seen}")


def make(*, quantile: float = 0.8, n_startup_trials: int = 5, n_warmup_steps: int = 0) -> Plausible:
    return Plausible(quantile, n_startup_trials, n_warmup_steps)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    return [
        Strategy(
            "plausible",
            make,
            "stops what could hardly catch up with a finished trial no slower",
            "Domhan et al., Speeding up automatic hyperparameter optimization of deep neural "
            "networks by extrapolation of learning curves, IJCAI 2015",
        )
    ]
