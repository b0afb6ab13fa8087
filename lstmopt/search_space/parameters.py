"""What one hyperparameter may be: one of a few values, or a number of a range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np
    import optuna

Value = str | int | float
"""Of a hyperparameter; ``int`` holds true and false too."""
Params = dict[str, Value]


@dataclass(frozen=True)
class Choice:
    """One of a few values, unordered.

    Attributes:
        values: Numbers or names, at least one.
    """

    values: tuple[Value, ...]

    def grid(self) -> tuple[Value, ...] | None:
        """Return the values."""
        return self.values

    def contains(self, value: Value) -> bool:
        """Return whether ``value`` is one of them."""
        return value in self.values

    def distribution(self) -> optuna.distributions.BaseDistribution:
        """Return what Optuna draws a value from."""
        import optuna

        return optuna.distributions.CategoricalDistribution(self.values)


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes:
        low: The least.
        high: The largest.
        log: Whether their logarithm is searched.
        integer: Whether they are whole.
        points: How many values a grid takes, evenly spaced on the range's scale; without it a grid
            takes every whole number, and there is none of other numbers.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False
    points: int | None = None

    def grid(self) -> tuple[Value, ...] | None:
        """Return the values that a grid takes, ascending; None where there are too many to list."""
        if self.points is None:
            return tuple(range(int(self.low), int(self.high) + 1)) if self.integer else None
        if self.points == 1:
            return (self.low,)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        steps = [low + (high - low) * n / (self.points - 1) for n in range(self.points)]
        inner = [math.exp(s) if self.log else s for s in steps[1:-1]]
        values = [self.low, *inner, self.high]  # the ends exactly, whatever the rounding
        return tuple(dict.fromkeys(round(v) for v in values)) if self.integer else tuple(values)

    def contains(self, value: Value) -> bool:
        """Return whether ``value`` is a number between the ends."""
        return not isinstance(value, str) and self.low <= value <= self.high

    def distribution(self) -> optuna.distributions.BaseDistribution:
        """Return what Optuna draws a value from."""
        import optuna

        if self.integer:
            return optuna.distributions.IntDistribution(int(self.low), int(self.high), log=self.log)
        return optuna.distributions.FloatDistribution(self.low, self.high, log=self.log)


Parameter = Choice | Range


def nearest_value(parameter: Parameter, value: Value) -> Value | None:
    """Return the value of a hyperparameter that is nearest, on the logarithm for a choice.

    Args:
        parameter: The hyperparameter.
        value: A value that it need not have.

    Returns:
        The nearest, None for a name that it does not have.
    """
    match parameter:
        case Choice(values) if value in values:
            return next(v for v in values if v == value)
        case Choice(values) if isinstance(value, str) or any(isinstance(v, str) for v in values):
            return None
        case Choice(values):
            log = math.log(max(float(value), 1e-12))
            return min(values, key=lambda v: abs(math.log(max(float(v), 1e-12)) - log))
        case Range(low, high, _, integer) if not isinstance(value, str):
            moved = min(max(value, low), high)
            return round(moved) if integer else float(moved)
    return None


def suggest_value(trial: optuna.Trial, name: str, parameter: Parameter) -> Value:
    """Ask a trial for the value of a hyperparameter.

    Args:
        trial: A trial of Optuna's, asked of a sampler.
        name: The hyperparameter's.
        parameter: What it may be.

    Returns:
        The value.
    """
    match parameter:
        case Choice(values):
            chosen: Any = trial.suggest_categorical(name, values)
            return cast(Value, chosen)
        case Range(low, high, log, integer=True):
            return trial.suggest_int(name, int(low), int(high), log=log)
        case Range(low, high, log):
            return trial.suggest_float(name, low, high, log=log)


def draw_value(parameter: Parameter, rng: np.random.Generator) -> Value:
    """Draw the value of a hyperparameter uniformly on its own scale.

    Args:
        parameter: What it may be.
        rng: What draws.

    Returns:
        The value.
    """
    match parameter:
        case Choice(values):
            return values[rng.integers(len(values))]
        case Range(low, high, log, integer):
            # an integer stands for the unit interval around it, as in Optuna
            low, high = (low - 0.5, high + 0.5) if integer else (low, high)
            drawn = (
                math.exp(rng.uniform(math.log(low), math.log(high)))
                if log
                else rng.uniform(low, high)
            )
            return round(drawn) if integer else float(drawn)
