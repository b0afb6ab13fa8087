"""How a candidate wants its steps; loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.search_space import Candidate

LOSSES = ("squared", "absolute", "huber")
SCHEDULES = ("constant", "inverse_sqrt")

_WARM_UP = 100
"""Steps in which the learning rate of ``inverse_sqrt`` grows."""


@dataclass(frozen=True)
class StepOptions:
    """What a candidate's hyperparameters say of its optimiser steps.

    Attributes:
        optimizer: Adam or AdamW (Loshchilov and Hutter, 2019).
        learning_rate: The rate; the largest one where a schedule changes it.
        weight_decay: The decay.
        loss: What is minimised: squared or absolute errors, or Huber's with delta 1 (in z-scores).
        schedule: ``constant``, or ``inverse_sqrt``: a linear warm-up of 100 steps, then the rate
            falls with the root of the steps. Neither depends on how many steps there will be.
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    loss: str = "squared"
    schedule: str = "constant"

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        """Return a candidate's.

        Args:
            candidate: The candidate.

        Returns:
            The options.

        Raises:
            LstmoptError: For a loss or a schedule that there is not.
        """
        return cls(
            candidate["optimizer"],
            float(candidate["learning_rate"]),
            float(candidate["weight_decay"]),
            _known("loss", candidate["loss"], LOSSES),
            _known("schedule", candidate["schedule"], SCHEDULES),
        )

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, which are counted from 1."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * min(step / _WARM_UP, math.sqrt(_WARM_UP / step))


def _known(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise LstmoptError(
            f"{name} is one of {', '.join(known)}, found {value!r}: "
            f"{near_miss(str(value), list(known))}"
        )
    return str(value)
