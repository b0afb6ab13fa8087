"""The contract of objectives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

from lstmopt.epoch import Epoch
from lstmopt.objectives import ForecastCost
from lstmopt.plugin.strategy import Objective
from lstmopt.testing.contract import Contract


class ObjectiveContract(Contract):
    """What an objective must hold to; subclass it with one.

    Attributes:
        objective: What is checked.
    """

    objective: ClassVar[Objective]

    def _measured(self) -> Iterator[Any]:
        """Yield what is measured: costs of architectures, or epochs of trainings."""
        if self.objective.kind == "static":
            for size in (8, 64, 256):
                for layers in (1, 4):
                    weights = layers * 8 * size * size
                    yield ForecastCost(size, layers, size * layers / 1000, 0.001, weights)
            return
        for number, loss in enumerate((2.0, 1.0, 0.5, 0.01), 1):
            yield Epoch(number, loss / 2, loss, loss**0.5, 1 - loss, 1.0)

    def test_it_says_what_it_is(self) -> None:
        """Its name is a word, its direction, kind and scale are known, and it has a summary."""
        assert self.objective.name.isidentifier(), "a name is a word, as a column has it"
        assert self.objective.direction in ("minimize", "maximize")
        assert self.objective.kind in ("static", "learned")
        assert self.objective.scale in ("linear", "log")
        assert self.objective.summary, "an objective says in one line what it measures"

    def test_it_measures_finite_numbers(self) -> None:
        """A float, finite for small and large networks, for high and low losses."""
        for measured in self._measured():
            value = self.objective.measure(measured)
            assert isinstance(value, float), f"a measure is a float, found {type(value).__name__}"
            assert math.isfinite(value), f"a measure is finite, found {value} of {measured}"

    def test_it_measures_the_same_every_time(self) -> None:
        """Nothing else than what is measured decides."""
        for measured in self._measured():
            first, second = (self.objective.measure(measured) for _ in range(2))
            assert first == second, f"the same gave {first} and {second}"

    def test_it_tells_one_from_another(self) -> None:
        """Not all candidates are alike to it."""
        values = {self.objective.measure(measured) for measured in self._measured()}
        assert len(values) > 1, "everything measured the same"

    def test_a_logarithm_needs_what_is_above_0(self) -> None:
        """With ``scale="log"`` every value is above 0."""
        if self.objective.scale == "log":
            values = [self.objective.measure(measured) for measured in self._measured()]
            assert min(values) > 0, (
                f"an axis on the logarithm has values above 0, found {min(values)}"
            )
