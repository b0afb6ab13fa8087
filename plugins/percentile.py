"""Stop a trial that is worse than a percentile of its peers."""

from __future__ import annotations

from lstmopt import Strategy, hookimpl
from lstmopt.pruning.percentile_rule import PercentileRule


def make(
    *,
    percentile: float = 25.0,
    n_startup_trials: int = 5,
    n_warmup_steps: int = 2,
    interval_steps: int = 1,
) -> PercentileRule:
    return PercentileRule(percentile, n_startup_trials, n_warmup_steps, interval_steps)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    return [
        Strategy(
            "percentile",
            make,
            "stops what is worse than the best quarter of its peers",
            "https://optuna.readthedocs.io/en/stable/reference/generated/"
            "optuna.pruners.PercentilePruner.html",
        )
    ]
