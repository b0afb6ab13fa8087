"""Mean and deviation of each column, from the training part alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.calendar import calendar_features
from lstmopt.data.series import Series, next_times
from lstmopt.data.target_scale import TargetScale
from lstmopt.errors import LstmoptError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each column [columns], from the training part alone.

    Those of the target, the first, are of what ``target`` makes of it.
    """

    mean: Floats
    std: Floats
    target: TargetScale = field(default_factory=TargetScale)

    def scale(self, values: Floats, column: int) -> Floats:
        """Map a column's values [rows] to z-scores; one constant in training becomes 0.

        Raises LstmoptError for a value of the target that cannot be transformed.
        """
        if column == 0:
            values = self.target.transformed(values)
        if self.std[column] == 0:
            return np.zeros_like(values)
        scaled: Floats = (values - self.mean[column]) / self.std[column]
        return scaled

    def transformed(self, scaled: NDArray[np.floating[Any]]) -> Floats:
        """Return z-scores of the target in the units of the transformed target."""
        found: Floats = scaled.astype(np.float64) * self.target_std + self.target_mean
        return found

    def own(self, scaled: NDArray[np.floating[Any]]) -> Floats:
        """Return z-scores of the target in its own units, within its bounds."""
        return self.target.own(self.transformed(scaled))

    @property
    def zero(self) -> float:
        """The z-score of a transformed target of 0."""
        return -self.target_mean / self.target_std

    @property
    def target_mean(self) -> float:
        return float(self.mean[0])

    @property
    def target_std(self) -> float:
        return float(self.std[0])


def fit_scaling(
    series: Series, end: int, first: int = 0, target: TargetScale | None = None
) -> Scaling:
    """Fit the scaling of past and known columns on rows first … end - 1.

    Raises LstmoptError for a target that was never observed there, or never varies.
    """
    scale = target or TargetScale()
    if not series.observed[first:end].any():
        raise LstmoptError(
            f"the training part needs observed targets, found none of {series.target!r} in its "
            f"{end - first} rows: give a series whose first rows are filled"
        )
    moments = []
    for number, column in enumerate(
        [*series.values[first:end].T, *series.known_values[first:end].T]
    ):
        # a filled target is an input, not a fact
        facts = column[series.observed[first:end] if number == 0 else np.isfinite(column)]
        if number == 0:
            facts = scale.transformed(facts)
        moments.append((facts.mean(), facts.std()) if len(facts) else (0.0, 0.0))
    mean, std = np.array(moments).T
    if std[0] == 0:
        raise LstmoptError(
            f"the target must vary within the training part, found {series.target!r} always "
            f"{scale.own(mean[:1])[0]:g} in its {end - first} rows: choose another target or more "
            "rows"
        )
    return Scaling(mean, std, scale)


def scaled_inputs(series: Series, scaling: Scaling, horizon: int) -> NDArray[np.float32]:
    """Return inputs [rows, features]: past at t, calendar at t + 1, known at t + 1 … t + horizon.

    A known value that lies beyond the last row is NaN.
    """
    rows, past = series.values.shape
    known = series.known_values.shape[1]
    features = past + len(series.calendar) + known * horizon
    inputs = np.empty((rows, features), np.float32)
    for column in range(past):  # column by column, as a long series fills the memory
        inputs[:, column] = scaling.scale(series.values[:, column], column)
    if series.calendar:
        names, cycles = calendar_features(next_times(series, 1, series.times), series.step)
        chosen = cycles[:, [names.index(name) for name in series.calendar]]
        inputs[:, past : past + len(series.calendar)] = chosen
    for column in range(known):
        values = scaling.scale(series.known_values[:, column], past + column)
        for lead in range(1, horizon + 1):
            place = past + len(series.calendar) + known * (lead - 1) + column
            inputs[:, place] = np.nan
            inputs[: max(rows - lead, 0), place] = values[lead:]
    return inputs
