"""Linear forecasts from windows, in closed form, for many penalties at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Part
from lstmopt.forecasting.baselines import best_on, window_lengths
from lstmopt.forecasting.judging import Forecast

_CHUNK = 4_096
"""Windows that are looked at in one go."""

_SMALLEST = 1e-10
"""Eigenvalues below this share of the largest are none: columns repeat each other."""

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

    def gather(self, part: Part, origins: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return what is seen [windows, features] and the last values [windows, 1]."""
        rows = origins[:, None] + np.arange(1 - self.window, 1)
        seen = part.inputs[rows, : self.inputs].astype(np.float64)  # [windows, window, inputs]
        last = part.targets[origins].astype(np.float64)[:, None]
        if self.relative:
            seen[:, :, 0] -= last
        return seen.reshape(len(origins), -1), last


@dataclass(frozen=True)
class LinearForecast:
    """Weights [features + 1, horizon], the last row a constant, and what they are applied to."""

    view: WindowView
    weights: Floats

    def __call__(self, part: Part) -> NDArray[np.float32]:
        """Forecast [windows, horizon] of the scaled target at ``part.origins()``.

        Where a longer window than the network's has a gap, the last value is repeated.
        """
        origins = part.origins()
        forecasts = np.repeat(part.targets[origins][:, None], part.shape.horizon, axis=1)
        whole = np.flatnonzero(_whole(part, origins, self.view.window))
        for some in _chunks(whole):
            seen, last = self.view.gather(part, origins[some])
            found = seen @ self.weights[:-1] + self.weights[-1]
            forecasts[some] = found + last if self.view.relative else found
        return forecasts


def _whole(part: Part, origins: NDArray[np.int64], window: int) -> NDArray[np.bool_]:
    """Say of each origin whether all rows of a window before it are usable."""
    starts = np.maximum(origins + 1 - window, 0)
    first = int(starts.min(initial=len(part.usable)))
    broken = np.concatenate([[0], np.cumsum(~part.usable[first : int(origins.max(initial=0)) + 1])])
    unbroken = broken[origins + 1 - first] == broken[starts - first]
    whole: NDArray[np.bool_] = (origins + 1 >= window) & unbroken
    return whole


def _chunks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (rows[first : first + _CHUNK] for first in range(0, len(rows), _CHUNK))


def fit_linear(
    train: Part, view: WindowView, penalties: Sequence[float], most_windows: int
) -> list[LinearForecast]:
    """Fit least squares with each of some ridge penalties; 0 is the plain one of least norm.

    On the most windows that are wanted, evenly spread: those with all of their targets, or where
    there are none, for each lead those that have it. Empty where a lead has no target at all.
    """
    origins = train.origins(max(view.window, train.shape.window))
    origins = origins[:: -(-max(len(origins), 1) // most_windows)]
    _, mask = train.gather_targets(origins)
    whole = mask.all(axis=1)
    horizon = train.shape.horizon
    groups = [(np.flatnonzero(whole), list(range(horizon)))]
    if not whole.any():
        groups = [(np.flatnonzero(mask[:, lead]), [lead]) for lead in range(horizon)]
    if any(not len(rows) for rows, _ in groups):
        return []
    weights = np.empty((len(penalties), view.features(train) + 1, horizon))
    for rows, leads in groups:
        found = _solve(train, view, origins[rows], leads, penalties)
        weights[:, :, leads] = found
    return [LinearForecast(view, each) for each in weights]


def _solve(
    train: Part,
    view: WindowView,
    origins: NDArray[np.int64],
    leads: list[int],
    penalties: Sequence[float],
) -> Floats:
    """Return weights [penalties, features + 1, leads]: one eigendecomposition serves them all."""
    features = view.features(train)
    square, cross = np.zeros((features, features)), np.zeros((features, len(leads)))
    sums, target_sums = np.zeros(features), np.zeros(len(leads))
    for some in _chunks(origins):
        seen, last = view.gather(train, some)
        targets = train.gather_targets(some)[0][:, leads].astype(np.float64)
        if view.relative:
            targets -= last
        square += seen.T @ seen
        cross += seen.T @ targets
        sums += seen.sum(axis=0)
        target_sums += targets.sum(axis=0)
    mean, target_mean = sums / len(origins), target_sums / len(origins)
    square -= np.outer(mean, sums)
    cross -= np.outer(mean, target_sums)
    values, vectors = np.linalg.eigh(square)
    kept = values > _SMALLEST * values[-1]
    projected = vectors[:, kept].T @ cross
    solved = []
    for penalty in penalties:
        slopes = vectors[:, kept] @ (projected / (values[kept] + penalty)[:, None])
        solved.append(np.vstack([slopes, target_mean - mean @ slopes]))
    return np.stack(solved)


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
