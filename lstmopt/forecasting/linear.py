"""Linear forecasts from windows, in closed form, for many penalties at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.least_squares import chunks, fit_leads, spread
from lstmopt.data.windows import Part
from lstmopt.forecasting.baseline_state import BaselineState
from lstmopt.forecasting.baselines import best_on, window_lengths
from lstmopt.forecasting.judging import Forecast

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WindowView:
    """What a linear forecast sees of a part.

    ``window`` is how many rows it looks back, ``inputs`` how many columns: 1 for the target alone,
    None for all. ``relative`` forecasts are of the difference to the last value, from differences
    to it (NLinear: Zeng et al., Are transformers effective for time series forecasting?, AAAI 2023,
    https://doi.org/10.1609/aaai.v37i9.26317).
    """

    window: int
    inputs: int | None
    relative: bool

    def features(self, part: Part) -> int:
        """Return how many numbers are seen of a window."""
        return self.window * (self.inputs or part.inputs.shape[1])

    def gather(self, part: Part, origins: NDArray[np.int64]) -> tuple[Floats, Floats | None]:
        """Return what is seen [windows, features] and, if relative, last values [windows, 1]."""
        rows = origins[:, None] + np.arange(1 - self.window, 1)
        seen = part.inputs[rows, : self.inputs].astype(np.float64)  # [windows, window, inputs]
        last = part.targets[origins].astype(np.float64)[:, None] if self.relative else None
        if last is not None:
            seen[:, :, 0] -= last
        return seen.reshape(len(origins), -1), last


@dataclass(frozen=True)
class LinearForecast:
    """Weights [features + 1, horizon], the last row a constant, and what they are applied to.

    ``penalty`` is the one that they were fitted with.
    """

    view: WindowView
    weights: Floats
    penalty: float

    def __call__(self, part: Part) -> NDArray[np.float32]:
        """Forecast [windows, horizon] of the scaled target at ``part.origins()``.

        Where a longer window than the network's has a gap, the last value is repeated.
        """
        origins = part.origins()
        forecasts = np.repeat(part.targets[origins][:, None], part.shape.horizon, axis=1)
        whole = np.flatnonzero(_whole(part, origins, self.view.window))
        for some in chunks(whole):
            seen, last = self.view.gather(part, origins[some])
            found = seen @ self.weights[:-1] + self.weights[-1]
            forecasts[some] = found if last is None else found + last
        return forecasts


def _whole(part: Part, origins: NDArray[np.int64], window: int) -> NDArray[np.bool_]:
    """Say of each origin whether all rows of a window before it are usable."""
    begins = part.first_rows(origins)
    starts = np.maximum(origins + 1 - window, begins)
    first = int(starts.min(initial=len(part.usable)))
    broken = np.concatenate([[0], np.cumsum(~part.usable[first : int(origins.max(initial=0)) + 1])])
    unbroken = broken[origins + 1 - first] == broken[starts - first]
    whole: NDArray[np.bool_] = (origins + 1 - begins >= window) & unbroken
    return whole


def fit_linear(
    train: Part, view: WindowView, penalties: Sequence[float], most_windows: int
) -> list[LinearForecast]:
    """Fit least squares with each of some ridge penalties; 0 is the plain one of least norm.

    On the most windows that are wanted, evenly spread: those with all of their targets, or where
    there are none, for each lead those that have it. Empty where a lead has no target at all.
    """
    origins = spread(train.origins(max(view.window, train.shape.window)), most_windows)
    found = fit_leads(train, origins, view.gather, view.features(train), penalties)
    if found is None:
        return []
    solved = zip(found, penalties, strict=True)
    return [LinearForecast(view, weights, penalty) for weights, penalty in solved]


@dataclass(frozen=True)
class LinearBaseline:
    """A linear forecast whose window, inputs and penalty validation chooses.

    Windows are the network's and up to two seasons, of the target alone and of all inputs; at most
    ``most_rows`` long and ``most_features`` numbers wide, fitted on ``most_windows`` of them.
    """

    relative: bool
    penalties: tuple[float, ...]
    most_rows: int
    most_features: int
    most_windows: int

    def fit(self, train: Part, validation: Part, seasons: Sequence[int]) -> Forecast | None:
        """Fit every window and penalty, and return the forecast that is best on validation."""
        views = [
            WindowView(window, inputs, self.relative)
            for window in window_lengths(train, seasons, self.most_rows)
            for inputs in (1, None)
        ]
        return best_on(
            validation,
            (
                forecast
                for view in views
                if view.features(train) <= self.most_features
                for forecast in fit_linear(train, view, self.penalties, self.most_windows)
            ),
        )

    def state(self, forecast: LinearForecast) -> BaselineState:
        """Return the weights of a forecast, and what they are applied to."""
        view = forecast.view
        settings = {"window": view.window, "inputs": view.inputs, "penalty": forecast.penalty}
        return BaselineState(view.window, {"weights": forecast.weights}, settings)

    def restore(self, state: BaselineState) -> LinearForecast:
        """Return the forecast of a state."""
        settings = state.settings
        view = WindowView(settings["window"], settings["inputs"], self.relative)
        return LinearForecast(view, state.arrays["weights"], settings["penalty"])

    def refit(self, forecast: LinearForecast, train: Part) -> LinearForecast:
        """Fit the same window and penalty on another part, the same where it has no target."""
        found = fit_linear(train, forecast.view, [forecast.penalty], self.most_windows)
        return found[0] if found else forecast
