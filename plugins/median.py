"""Stop a trial that is worse than the median of its peers."""

from __future__ import annotations

from lstmopt import Strategy, hookimpl
from lstmopt.pruning.percentile_rule import PercentileRule


def make(
    *, n_startup_trials: int = 5, n_warmup_steps: int = 2, interval_steps: int = 1
) -> PercentileRule:
    """Make the median rule.

    Args:
        n_startup_trials: Peers needed before anything is stopped.
        n_warmup_steps: Reports of a trial before it may be stopped.
        interval_steps: A trial is judged at every so many reports after the warm-up.

    Returns:
        A rule that is asked about each learned objective.

    References:
        Golovin et al., Google Vizier: a service for black-box optimization, KDD 2017,
        https://doi.org/10.1145/3097983.3098043
    """
    return PercentileRule(50.0, n_startup_trials, n_warmup_steps, interval_steps)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``median``."""
    return [
        Strategy(
            "median",
            make,
            "stops what is worse than the median of its peers",
            "Golovin et al., Google Vizier: a service for black-box optimization, KDD 2017",
        )
    ]
