"""Tree-structured Parzen estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lstmopt import Strategy, hookimpl

if TYPE_CHECKING:
    import optuna


def make(
    *, seed: int, n_startup_trials: int = 10, n_ei_candidates: int = 24, multivariate: bool = False
) -> optuna.samplers.BaseSampler:
    """Make Optuna's tree-structured Parzen estimator.

    Args:
        seed: Another for each trial; no option.
        n_startup_trials: Trials drawn at random before it learns.
        n_ei_candidates: Draws of which the best by expected improvement is proposed.
        multivariate: Whether hyperparameters are modelled together and not one by one.

    Returns:
        A sampler of Optuna's.

    References:
        Ozaki et al., Multiobjective tree-structured Parzen estimator, JAIR 73, 2022,
        https://doi.org/10.1613/jair.1.13188
    """
    import optuna

    return optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=n_startup_trials,
        n_ei_candidates=n_ei_candidates,
        multivariate=multivariate,
    )


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
    """Return ``tpe``."""
    return [
        Strategy(
            "tpe",
            make,
            "learns which regions are good and samples there",
            "Ozaki et al., Multiobjective tree-structured Parzen estimator, JAIR 73, 2022",
            # a loss after few epochs drives it away from slow learners: see benchmarks/README.md
            tell_stopped="nothing",
            sees=500,
            # its good ones are a tenth of what it sees: so they are the better half of the finished
            stopped_per_finished=4,
        )
    ]
