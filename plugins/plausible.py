"""Stop a trial that could hardly catch up with a finished one that is no slower."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmopt import Decision, Strategy, Trials, TrialView, hookimpl
from lstmopt.pruning.pruners import GO_ON, peers_of


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

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return a stop where a finished rival stays out of reach in every learned objective."""
        report, finished = trial.report, np.flatnonzero(trials.finished)
        if report <= self.n_warmup_steps or len(finished) < self.n_startup_trials:
            return GO_ON
        rivals = peers_of(trial, trials)
        seen: dict[str, Any] = {"peers": len(rivals)}
        hopes, ahead = [], np.ones(len(rivals), bool)
        for name in trial.losses:
            reached, best = float(trial.curve(name)[-1]), trials.best(name)
            falls = best[finished, report - 1] - best[finished, -1]
            hope = reached - float(np.quantile(falls, self.quantile))
            ahead &= (best[rivals, report - 1] < reached) & (best[rivals, -1] < hope)
            seen |= {name: reached, f"{name} hoped for": hope}
            hopes.append(f"{name} could reach {hope:.4g}")
        if not ahead.any():
            return Decision("go on", seen=seen)
        number = int(trials.numbers[rivals[ahead]].min())
        words = f"{', '.join(hopes)} at best, trial {number} stays out of reach"
        return Decision("stop", f"plausible at report {report}: {words}", seen)


def make(*, quantile: float = 0.8, n_startup_trials: int = 5, n_warmup_steps: int = 0) -> Plausible:
    """Make the rule that extrapolates by recorded curves.

    Args:
        quantile: How much a trial may still hope for: this quantile (0 to 1) of what finished
            trials gained from the same report to their end. Higher stops less.
        n_startup_trials: Finished trials needed before anything is stopped.
        n_warmup_steps: Reports of a trial before it may be stopped.

    Returns:
        The pruner.

    References:
        Domhan, Springenberg and Hutter, Speeding up automatic hyperparameter optimization of deep
        neural networks by extrapolation of learning curves, IJCAI 2015,
        https://www.ijcai.org/Proceedings/15/Papers/487.pdf
    """
    return Plausible(quantile, n_startup_trials, n_warmup_steps)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``plausible``."""
    return [
        Strategy(
            "plausible",
            make,
            "stops what could hardly catch up with a finished trial no slower",
            "Domhan et al., Speeding up automatic hyperparameter optimization of deep neural "
            "networks by extrapolation of learning curves, IJCAI 2015",
        )
    ]
