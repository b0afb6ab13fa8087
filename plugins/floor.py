"""Stop a trial that is still worse than the naive forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from lstmopt import Decision, Pruner, Strategy, Trials, TrialView, hookimpl
from lstmopt.pruning.pruners import PrunerWrapper


class Floor(PrunerWrapper):
    """Stops a trial that after ``grace`` reports is worse than repeating the last value.

    Worse in every learned objective, on the validation part. Anything better is left to the
    wrapped pruner (the naive forecast as the least to ask for: Hyndman and Athanasopoulos,
    Forecasting: principles and practice, section 5.2).
    """

    def __init__(
        self, wrapped: Pruner, naive: Callable[[], Mapping[str, float]] | None, grace: int
    ) -> None:
        super().__init__(wrapped)
        if grace < 1:
            raise ValueError(f"grace must be at least 1, found {grace}")
        if naive is None:
            raise ValueError("the naive forecast's losses are not known for this work")
        self.grace, self._measure = grace, naive

    @cached_property
    def naive(self) -> Mapping[str, float]:
        """Losses of the naive forecast by learned objective, lower is better."""
        return self._measure()

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return a stop where all is worse than the naive forecast, else the wrapped one's word."""
        reached = {name: float(trial.curve(name)[-1]) for name in trial.losses}
        if trial.report < self.grace or any(reached[n] <= self.naive[n] for n in reached):
            return self.wrapped.decide(trial, trials)
        seen = reached | {f"{name} threshold": self.naive[name] for name in reached}
        words = ", ".join(f"{n} {v:.4g} against {self.naive[n]:.4g}" for n, v in reached.items())
        reason = f"floor at report {trial.report}: {words} of the naive forecast"
        return Decision("stop", reason, seen)


def make(
    *,
    make_pruner: Callable[[str | Mapping[str, Any]], Pruner],
    naive: Callable[[], Mapping[str, float]] | None,
    wraps: str | Mapping[str, Any] = "none",
    grace: int = 5,
) -> Floor:
    """Make a pruner that asks for more than the naive forecast gives.

    Args:
        make_pruner: Makes a pruner of the registry.
        naive: Measures the naive forecast's losses by learned objective, lower is better; None
            where the work knows no such forecast.
        wraps: The pruner that decides about what is better than the naive forecast: a name, or a
            table with its name and options.
        grace: The first report at which this rule may stop a trial.

    Returns:
        The pruner.

    References:
        Hyndman and Athanasopoulos, Forecasting: principles and practice, section 5.2,
        https://otexts.com/fpp3/simple-methods.html
    """
    return Floor(make_pruner(wraps), naive, grace)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``floor``."""
    return [
        Strategy(
            "floor",
            make,
            "stops what stays worse than the naive forecast, then asks another pruner (`wraps`)",
            "https://otexts.com/fpp3/simple-methods.html",
        )
    ]
