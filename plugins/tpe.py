"""Tree-structured Parzen estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lstmopt import Strategy, hookimpl

if TYPE_CHECKING:
    import optuna


def make(
    *, seed: int, n_startup_trials: int = 10, n_ei_candidates: int = 24, multivariate: bool = False
) -> optuna.samplers.BaseSampler:
    import optuna

    return optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=n_startup_trials,
        n_ei_candidates=n_ei_candidates,
        multivariate=multivariate,
    )


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
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
