"""Non-dominated sorting genetic algorithm II."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lstmopt import Strategy, hookimpl

if TYPE_CHECKING:
    import optuna


def make(
    *, seed: int, population_size: int = 20, crossover_prob: float = 0.9
) -> optuna.samplers.BaseSampler:
    """Make Optuna's NSGA-II with a population that suits short studies.

    Args:
        seed: Another for each trial; no option.
        population_size: Trials of a generation; the first generation is drawn at random.
        crossover_prob: The probability (0 to 1) that a candidate is bred from two parents.

    Returns:
        A sampler of Optuna's.

    References:
        Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE TEC 6(2),
        2002, https://doi.org/10.1109/4235.996017
    """
    import optuna

    # 50, Optuna's population, would spend a typical study of 50 trials on its random start
    return optuna.samplers.NSGAIISampler(
        seed=seed, population_size=population_size, crossover_prob=crossover_prob
    )


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
    """Return ``nsga2``."""
    return [
        Strategy(
            "nsga2",
            make,
            "breeds the non-dominated trials of each generation",
            "Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, "
            "IEEE TEC 6(2), 2002",
            sees=200,  # it breeds from the last generations
        )
    ]
