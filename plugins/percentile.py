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
    """Make the percentile rule.

    Args:
        percentile: The percentile (0 to 100) of the peers' losses above which a trial is stopped.
        n_startup_trials: Peers needed before anything is stopped.
        n_warmup_steps: Reports of a trial before it may be stopped.
        interval_steps: A trial is judged at every so many reports after the warm-up.

    Returns:
        A rule that is asked about each learned objective.

    References:
        https://optuna.readthedocs.io/en/stable/reference/generated/optuna.pruners.PercentilePruner.html
    """
    return PercentileRule(percentile, n_startup_trials, n_warmup_steps, interval_steps)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``percentile``."""
    return [
        Strategy(
            "percentile",
            make,
            "stops what is worse than the best quarter of its peers",
            "https://optuna.readthedocs.io/en/stable/reference/generated/"
            "optuna.pruners.PercentilePruner.html",
        )
    ]
