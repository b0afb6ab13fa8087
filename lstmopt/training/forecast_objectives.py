"""Objectives that are measured from validation forecasts, where the training happens.

Their functions may be anybody's, of a package or of a file that only the driver can read: they go
to the workers with the data, by value where a worker could not import them (see cloudpickle).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lstmopt.errors import LstmoptError, MachineError
from lstmopt.plugin.strategy import Objective, described
from lstmopt.system.host import host
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
    """A study's forecast objectives with all that they need beside forecasts.

    ``pickled`` holds them by cloudpickle, which only the Python of the same ``python`` version
    (major, minor) reads.
    """

    pickled: bytes
    python: tuple[int, int]
    units: OwnUnits

    @classmethod
    def of(cls, objectives: Sequence[Objective], units: OwnUnits) -> ForecastObjectives:
        """Pack objectives for workers. Raises LstmoptError for one that cannot be sent."""
        import cloudpickle

        for objective in objectives:
            try:
                cloudpickle.dumps(objective)
            except Exception as error:
                raise LstmoptError(
                    "a forecast objective is sent to the workers, found that "
                    f"{described('objective', objective)} cannot be ({type(error).__name__}: "
                    f"{' '.join(str(error).split())}): leave out of its function what cannot be "
                    "copied, such as open files and locks"
                ) from error
        return cls(cloudpickle.dumps(tuple(objectives)), sys.version_info[:2], units)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives; MachineError where this worker cannot have them."""
        import cloudpickle

        if self.python != (here := sys.version_info[:2]):
            raise MachineError(
                "workers that measure forecast objectives have the driver's Python, found "
                f"{_version(here)} on {host()} where the driver has {_version(self.python)}: "
                "install the same on both"
            )
        try:
            found: tuple[Objective, ...] = cloudpickle.loads(self.pickled)
        except (ImportError, AttributeError) as error:
            raise MachineError(
                "workers have the packages of a study's forecast objectives, found that "
                f"{host()} lacks one ({error}): install there what the driver has"
            ) from error
        return found

    def measure(self, scaled: NDArray[np.float32], origins: NDArray[np.int64]) -> Measured:
        """Measure scaled forecasts [windows, horizon] at ``origins`` [windows].

        Raises MachineError where this worker cannot have the objectives.
        """
        forecasts, values = self.units.beside_truth(scaled, origins), {}
        for objective in self.objectives:
            try:
                values[objective.name] = objective.value(forecasts)
            except LstmoptError as error:
                return Measured(values | {objective.name: math.nan}, str(error))
        return Measured(values)


def _version(python: Sequence[int]) -> str:
    return ".".join(map(str, python))
