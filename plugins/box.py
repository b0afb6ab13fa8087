"""Search where earlier studies' winners lie."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from lstmopt import Beginning, PastStudy, Space, Strategy, hookimpl
from lstmopt.search_space import Choice, Parameter, Value


class Box:
    """Narrows each hyperparameter to what the members of earlier fronts span, and a margin.

    From two studies on: the winners of one say where it was searched, not where to search. The
    margin is a share of the whole range, on its own scale, since few winners span too little.
    """

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return the narrowed space; of fewer than two studies the whole, with a notice."""
        useful = [study for study in past if study.trials]
        if len(useful) < 2:
            words = f"a box needs two earlier studies, found {len(useful)}: the space stays whole"
            return Beginning(space, notices=(words,))
        winners = [trial.params for study in useful for trial in study.front]
        narrowed = {
            name: self._narrow(parameter, [w[name] for w in winners if name in w])
            for name, parameter in space.parameters.items()
        }
        return Beginning(Space(narrowed))

    def _narrow(self, parameter: Parameter, values: Sequence[Value]) -> Parameter:
        if not values:
            return parameter
        if isinstance(parameter, Choice):
            return self._choose(parameter, values)
        numbers = [float(value) for value in values]
        if parameter.log:
            width = math.log(parameter.high / parameter.low) * self.margin
            low, high = min(numbers) * math.exp(-width), max(numbers) * math.exp(width)
        else:
            width = (parameter.high - parameter.low) * self.margin
            low, high = min(numbers) - width, max(numbers) + width
        low, high = max(low, parameter.low), min(high, parameter.high)
        if parameter.integer:
            low, high = math.ceil(low - 1e-9), math.floor(high + 1e-9)
        return dataclasses.replace(parameter, low=low, high=high)

    def _choose(self, parameter: Choice, values: Sequence[Value]) -> Choice:
        """Return the values that won; of numbers also those between them."""
        if any(isinstance(value, str) for value in parameter.values):
            return Choice(tuple(v for v in parameter.values if v in values))
        low, high = min(map(float, values)), max(map(float, values))
        return Choice(tuple(v for v in parameter.values if low <= float(v) <= high))


def make(*, margin: float = 0.1) -> Box:
    """Make a warm start that narrows the space.

    Args:
        margin: Room left on either side of the winners, as a share (0 to 1) of the hyperparameter's
            whole range on its own scale; choices get none.

    Returns:
        The warm start.

    Raises:
        ValueError: For a margin below 0 or above 1.

    References:
        Perrone et al., Learning search spaces for Bayesian optimization: another view of
        hyperparameter transfer learning, NeurIPS 2019, https://arxiv.org/abs/1909.12552
    """
    if not 0 <= margin <= 1:
        raise ValueError(f"margin lies between 0 and 1, found {margin}")
    return Box(margin)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    """Return ``box``."""
    return [
        Strategy(
            "box",
            make,
            "searches the bounding box of earlier fronts, from two studies on",
            "Perrone et al., Learning search spaces for Bayesian optimization: another view of "
            "hyperparameter transfer learning, NeurIPS 2019",
        )
    ]
