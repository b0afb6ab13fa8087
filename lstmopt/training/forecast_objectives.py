"""Objectives that are measured from validation forecasts, where the training happens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lstmopt.errors import LstmoptError
from lstmopt.plugin.strategy import Objective, described
from lstmopt.system.portable import Portable
from lstmopt.training.metrics import Quantiles
from lstmopt.training.own_units import OwnUnits


@dataclass(frozen=True)
class Measured:
    """What forecast objectives said of a report.

    ``values`` are in each one's own units; ``failure`` says why one gave no number.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True)
class ForecastObjectives:
    """A study's forecast objectives with all that they need beside forecasts."""

    packed: tuple[Portable, ...]
    units: OwnUnits

    @classmethod
    def of(cls, objectives: Sequence[Objective], units: OwnUnits) -> ForecastObjectives:
        """Pack objectives for workers. Raises LstmoptError for one that cannot be sent."""
        packed = (
            Portable.of(o, "forecast objectives", described("objective", o)) for o in objectives
        )
        return cls(tuple(packed), units)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives; MachineError where this worker cannot have them."""
        return tuple(packed.value for packed in self.packed)

    def measure(
        self,
        scaled: NDArray[np.float32],
        origins: NDArray[np.int64],
        quantiles: Quantiles | None = None,
    ) -> Measured:
        """Measure scaled forecasts [windows, horizon] at ``origins`` [windows].

        With them scaled quantiles, where there are any. Raises MachineError where this worker
        cannot have the objectives.
        """
        forecasts, values = self.units.beside_truth(scaled, origins, quantiles), {}
        for objective in self.objectives:
            try:
                values[objective.name] = objective.value(forecasts)
            except LstmoptError as error:
                return Measured(values | {objective.name: math.nan}, str(error))
        return Measured(values)
