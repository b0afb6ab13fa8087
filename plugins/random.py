"""Random search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lstmopt import Strategy, hookimpl

if TYPE_CHECKING:
    import optuna


def make(*, seed: int) -> optuna.samplers.BaseSampler:
    """Make random search.

    Args:
        seed: Another for each trial; no option.

    Returns:
        A sampler of Optuna's.

    References:
        Bergstra and Bengio, Random search for hyper-parameter optimization, JMLR 13, 2012,
        https://www.jmlr.org/papers/v13/bergstra12a.html
    """
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
    """Return ``random``."""
    return [
        Strategy(
            "random",
            make,
            "draws every trial independently",
            "Bergstra and Bengio, Random search for hyper-parameter optimization, JMLR 13, 2012",
            tell_stopped="nothing",
            sees=1,
        )
    ]
