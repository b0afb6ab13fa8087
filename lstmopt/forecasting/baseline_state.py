"""What a fitted baseline is saved as: arrays and plain values, from which it forecasts again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from lstmopt.data.windows import Part
from lstmopt.forecasting.judging import Forecast


@dataclass(frozen=True)
class BaselineState:
    """All that a fitted baseline forecasts from: numbers, which are saved without code.

    Attributes:
        rows: How many rows up to an origin it looks at.
        arrays: What it learned, by name.
        settings: What it chose, as plain values, by name.
    """

    rows: int
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return sum(array.size for array in self.arrays.values())

    @property
    def megabytes(self) -> float:
        """What they take (10^6 bytes)."""
        return sum(array.nbytes for array in self.arrays.values()) / 1e6


@runtime_checkable
class SavableBaseline(Protocol):
    """A baseline whose forecasts can be saved with a model: alone such are part of an average."""

    def state(self, forecast: Forecast) -> BaselineState:
        """Return what a forecast that it fitted is made from again.

        Args:
            forecast: What ``fit``, ``refit`` or ``restore`` returned.

        Returns:
            Its state.
        """

    def restore(self, state: BaselineState) -> Forecast:
        """Return the forecast of a state; nothing is fitted.

        Args:
            state: What ``state`` returned, also of another process.

        Returns:
            The forecast.
        """

    def refit(self, forecast: Forecast, train: Part) -> Forecast:
        """Fit again with what validation chose then; nothing is chosen.

        Args:
            forecast: What was fitted, on a part of the same columns and shape.
            train: Other windows and targets, scaled.

        Returns:
            The forecast; the given one where ``train`` holds no target to fit on.
        """
