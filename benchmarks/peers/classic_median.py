"""A foil: the classic median rule, which compares fast networks with slow ones.

``lstmopt bench --plugin benchmarks/peers/classic_median.py --pruner classic_median`` shows what it
costs a front; it is no built-in.
"""

from __future__ import annotations

import numpy as np

from lstmopt import Strategy, hookimpl
from lstmopt.pruning.pruners import GO_ON, Decision
from lstmopt.pruning.trial_curves import Trials, TrialView


class ClassicMedian:
    """Stops a trial whose best loss so far is worse than the median of all finished trials."""

    def __init__(self, n_startup_trials: int, n_warmup_steps: int) -> None:
        self.n_startup_trials, self.n_warmup_steps = n_startup_trials, n_warmup_steps

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        name = next(iter(trial.losses))
        at_report = trials.best(name)[trials.finished, trial.report - 1]
        if trial.report <= self.n_warmup_steps or len(at_report) < self.n_startup_trials:
            return GO_ON
        if trial.curve(name)[-1] > float(np.median(at_report)):
            return Decision("stop", f"worse than the median of {len(at_report)} finished trials")
        return GO_ON


def make(*, n_startup_trials: int = 5, n_warmup_steps: int = 2) -> ClassicMedian:
    return ClassicMedian(n_startup_trials, n_warmup_steps)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    return [
        Strategy(
            "classic_median",
            make,
            "the median rule among all finished trials, blind to static objectives",
            "Golovin et al., Google Vizier: a service for black-box optimization, KDD 2017",
        )
    ]
