"""Stop nothing that is still getting better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lstmopt import Decision, Pruner, Strategy, Trials, TrialView, hookimpl
from lstmopt.pruning.pruners import GO_ON, PrunerWrapper


class Patient(PrunerWrapper):
    """Lets a trial go on, whatever the wrapped pruner says, while it improves.

    A trial improves when a learned objective has fallen by more than ``min_delta`` (in its own
    units) within the last ``patience`` reports.
    """

    def __init__(self, wrapped: Pruner, patience: int, min_delta: float) -> None:
        super().__init__(wrapped)
        if patience < 1:
            raise ValueError(f"patience must be at least 1, found {patience}")
        if min_delta < 0:
            raise ValueError(f"min_delta must be at least 0, found {min_delta}")
        self.patience, self.min_delta = patience, min_delta

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return "go on" while a trial improves, else what the wrapped pruner decides."""
        if trial.report <= self.patience or any(
            map(self._improves, map(trial.curve, trial.losses))
        ):
            return GO_ON
        return self.wrapped.decide(trial, trials)

    def _improves(self, curve: Any) -> bool:
        return bool(curve[-1 - self.patience] - curve[-1] > self.min_delta)


def make(
    *,
    make_pruner: Callable[[str | Mapping[str, Any]], Pruner],
    wraps: str | Mapping[str, Any] = "median",
    patience: int = 3,
    min_delta: float = 0.0,
) -> Patient:
    """Make a pruner that waits while a trial improves.

    Args:
        make_pruner: Makes a pruner of the registry.
        wraps: The pruner that decides about what no longer improves: a name, or a table with its
            name and options.
        patience: Reports within which a trial must have improved.
        min_delta: The fall, in the learned objective's own units, beyond which it has improved.

    Returns:
        The pruner.

    References:
        https://optuna.readthedocs.io/en/stable/reference/generated/optuna.pruners.PatientPruner.html
    """
    return Patient(make_pruner(wraps), patience, min_delta)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``patient``."""
    return [
        Strategy(
            "patient",
            make,
            "stops what another pruner would (`wraps`), but nothing that still improves",
            "https://optuna.readthedocs.io/en/stable/reference/generated/"
            "optuna.pruners.PatientPruner.html",
        )
    ]
