"""A foil: the classic median rule, which compares fast networks with slow ones.

``lstmopt bench --plugin benchmarks/classic_median.py --pruner classic_median`` shows what it costs
a front; it is no built-in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstmopt import Strategy, hookimpl
from lstmopt.pruning import Decision, TrialView


class ClassicMedian:
    """Stops a trial whose best loss so far is worse than the median of all finished trials."""

    def __init__(self, n_startup_trials: int, n_warmup_steps: int) -> None:
        self.n_startup_trials, self.n_warmup_steps = n_startup_trials, n_warmup_steps

    def decide(self, trial: TrialView, others: Sequence[TrialView]) -> Decision:
        (name, losses), *_ = trial.losses.items()
        finished = [other.curve(name) for other in others if other.finished]
        if len(losses) <= self.n_warmup_steps or len(finished) < self.n_startup_trials:
            return Decision("go on")
        at_epoch = [curve[min(len(losses), len(curve)) - 1] for curve in finished]
        if trial.curve(name)[-1] > float(np.median(at_epoch)):
            return Decision("stop", f"worse than the median of {len(finished)} finished trials")
        return Decision("go on")


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
