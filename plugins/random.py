"""Random search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lstmopt import Strategy, hookimpl

if TYPE_CHECKING:
    import optuna


def make(*, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
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
