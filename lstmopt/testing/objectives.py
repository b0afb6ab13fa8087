"""The contract of objectives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from lstmopt.epoch import Epoch
from lstmopt.objectives import ForecastCost
from lstmopt.plugin.strategy import Objective
from lstmopt.search_space import Architecture
from lstmopt.testing.contract import Contract
from lstmopt.training.metrics import ScoredForecasts

_ROWS = 60


class ObjectiveContract(Contract):
    """What an objective must hold to; subclass it with one.

    Attributes:
        objective: What is checked.
    """

    objective: ClassVar[Objective]

    def _measured(self) -> Iterator[Any]:
        """Yield what is measured: costs of architectures, epochs of trainings, or forecasts."""
        if self.objective.kind == "static":
            for size in (8, 64, 256):
                for layers in (1, 4):
                    weights = layers * 8 * size * size
                    architecture = Architecture.of({"hidden_size": size, "num_layers": layers})
                    yield ForecastCost(architecture, size * layers / 1000, 0.001, weights)
            return
        if self.objective.kind == "forecast":
            for error in (3.0, 1.0, 0.1):
                yield from (made_forecasts(horizon, error) for horizon in (1, 5))
            return
        for number, loss in enumerate((2.0, 1.0, 0.5, 0.01), 1):
            yield Epoch(number, loss / 2, loss, loss**0.5, 1 - loss, 1.0)

    def test_it_says_what_it_is(self) -> None:
        """Its name is a word, its direction, kind and scale are known, and it has a summary."""
        assert self.objective.name.isidentifier(), "a name is a word, as a column has it"
        assert self.objective.direction in ("minimize", "maximize")
        assert self.objective.kind in ("static", "learned", "forecast")
        assert self.objective.scale in ("linear", "log")
        assert self.objective.summary, "an objective says in one line what it measures"

    def test_it_measures_finite_numbers(self) -> None:
        """A float, finite for small and large networks, for good and bad forecasts."""
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

    def test_it_scores_only_what_was_observed(self) -> None:
        """With ``kind="forecast"`` nothing changes with a forecast of what was not observed."""
        if self.objective.kind == "forecast":
            found = made_forecasts(5, 1.0)
            other = replace(found, forecasts=np.where(found.observed, found.forecasts, 1e6))
            first, second = (self.objective.measure(each) for each in (found, other))
            assert first == second, f"a target that was not observed made {first} of {second}"

    def test_a_logarithm_needs_what_is_above_0(self) -> None:
        """With ``scale="log"`` every value is above 0."""
        if self.objective.scale == "log":
            values = [self.objective.measure(measured) for measured in self._measured()]
            assert min(values) > 0, (
                f"an axis on the logarithm has values above 0, found {min(values)}"
            )


def made_forecasts(horizon: int, error: float) -> ScoredForecasts:
    """Return forecasts of a weekly cycle above 0, of which some rows were not observed.

    Args:
        horizon: Leads of a forecast.
        error: The standard deviation of their errors, in the target's own units.

    Returns:
        Forecasts and truth [windows, horizon].
    """
    rng = np.random.default_rng(0)
    rows = 20 + 5 * np.sin(2 * np.pi * np.arange(_ROWS) / 7) + rng.standard_normal(_ROWS)
    rows[10:12] = np.nan
    truth = rows[np.arange(_ROWS - horizon)[:, None] + np.arange(1, horizon + 1)]
    forecasts = np.nan_to_num(truth, nan=20.0) + error * rng.standard_normal(truth.shape)
    return ScoredForecasts(forecasts, truth, np.isfinite(truth), 1.5, 7)
