"""Series -> chronological split -> scaled windows, with the test part kept out of reach."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.series import Series
from lstmopt.data.timestamps import calendar_features
from lstmopt.errors import LstmoptError

Floats = NDArray[np.float64]
Rows = tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """Input steps and forecast steps of one window, in rows."""

    window: int
    horizon: int


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each column [columns], from the training part alone."""

    mean: Floats
    std: Floats

    def scale(self, values: Floats, column: int) -> Floats:
        """Map a column's values [rows] to z-scores; one constant in training becomes 0."""
        if self.std[column] == 0:
            return np.zeros_like(values)
        scaled: Floats = (values - self.mean[column]) / self.std[column]
        return scaled

    @property
    def target_mean(self) -> float:
        return float(self.mean[0])

    @property
    def target_std(self) -> float:
        return float(self.std[0])


@dataclass(frozen=True)
class Part:
    """Rows ready for windows: scaled inputs, targets, and which rows may be scored.

    ``inputs`` [rows, features] float32; row t holds the past columns at t, the calendar at t + 1
    and the known columns at t + 1 … t + horizon. A row with a gap has ``usable`` False.
    ``targets`` [rows] are z-scores; ``scored`` marks those really observed. ``rows`` are the rows
    (first, end) in which every target of a window must lie.
    """

    inputs: NDArray[np.float32]
    usable: NDArray[np.bool_]
    targets: NDArray[np.float32]
    scored: NDArray[np.bool_]
    shape: Shape
    rows: Rows

    def origins(self, context: int | None = None) -> NDArray[np.int64]:
        """Return the last input row of every window whose targets lie in ``rows``, ascending.

        ``context`` is how many input rows the window needs, ``window`` unless given.
        """
        context = context or self.shape.window
        horizon = self.shape.horizon
        first, end = self.rows
        origins = np.arange(max(first - 1, context - 1), end - horizon)
        if not self.usable.all():
            broken = np.concatenate([[0], np.cumsum(~self.usable)])
            origins = origins[broken[origins + 1] == broken[origins + 1 - context]]
        if not self.scored.all():
            observed = np.concatenate([[0], np.cumsum(self.scored)])
            origins = origins[observed[origins + 1 + horizon] > observed[origins + 1]]
        return origins

    def earlier(self, rows: Rows) -> Part:
        """Return the part whose targets lie in earlier ``rows``; it shares this one's memory."""
        end = rows[1]
        return Part(
            self.inputs[:end],
            self.usable[:end],
            self.targets[:end],
            self.scored[:end],
            self.shape,
            rows,
        )

    def gather_inputs(self, origins: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return inputs [windows, window, features]."""
        rows = origins[:, None] + np.arange(1 - self.shape.window, 1)
        inputs: NDArray[np.float32] = self.inputs[rows]
        return inputs

    def gather_targets(
        self, origins: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return targets and their mask, both [windows, horizon]."""
        rows = origins[:, None] + np.arange(1, self.shape.horizon + 1)
        return self.targets[rows], self.scored[rows]


@dataclass(frozen=True)
class Split:
    """Training and validation for the search; the test part only through ``open_test``."""

    train: Part
    validation: Part
    scaling: Scaling
    ends: tuple[int, int, int]
    series: Series

    def open_test(self) -> Part:
        """Build the test part. Only ``finalists`` calls this, once, after the choice is made."""
        end = self.ends[2]
        return _part(self.series, self.scaling, self.train.shape, (self.ends[1], end), end)


def last_observed(series: Series) -> int:
    """Return how many rows there are up to the last observed target."""
    return int(np.flatnonzero(series.observed)[-1]) + 1


def split_series(
    series: Series, shape: Shape, fractions: tuple[float, float] = (0.7, 0.15)
) -> Split:
    """Split by time and scale by the training part.

    ``fractions`` are those of training and validation; the rest is the test part. Inputs of a
    validation or test window may reach back into the part before, its targets never.
    Raises LstmoptError where a part holds no window.
    """
    rows = last_observed(series)
    n_train, n_validation = int(rows * fractions[0]), int(rows * fractions[1])
    train_end, validation_end = n_train, n_train + n_validation
    scaling = fit_scaling(series, train_end)
    validation = _part(series, scaling, shape, (train_end, validation_end), validation_end)
    train = validation.earlier((0, train_end))
    split = Split(train, validation, scaling, (train_end, validation_end, rows), series)
    for name, windows in (
        ("training", len(train.origins())),
        ("validation", len(validation.origins())),
        ("test", rows - validation_end - shape.horizon + 1),
    ):
        if windows < _FEWEST_WINDOWS:
            raise LstmoptError(
                f"each part needs at least {_FEWEST_WINDOWS} windows of {shape.window} inputs and "
                f"{shape.horizon} targets without a long gap, found {max(windows, 0)} in the "
                f"{name} part of {rows} rows: shorten the window or horizon, or give more rows"
            )
    return split


_FEWEST_WINDOWS = 5


def fit_scaling(series: Series, end: int) -> Scaling:
    """Fit the scaling of past and known columns on rows 0 … end - 1."""
    if not series.observed[:end].any():
        raise LstmoptError(
            f"the training part needs observed targets, found none of {series.target!r} in its "
            f"{end} rows: give a series whose first rows are filled"
        )
    moments = []
    for number, column in enumerate([*series.values[:end].T, *series.known_values[:end].T]):
        # a filled target is an input, not a fact
        facts = column[series.observed[:end] if number == 0 else np.isfinite(column)]
        moments.append((facts.mean(), facts.std()) if len(facts) else (0.0, 0.0))
    mean, std = np.array(moments).T
    if std[0] == 0:
        raise LstmoptError(
            f"the target must vary within the training part, found {series.target!r} always "
            f"{mean[0]:g} in its {end} rows: choose another target or more rows"
        )
    return Scaling(mean, std)


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


def next_times(
    series: Series, steps: int, times: pd.DatetimeIndex | None = None
) -> pd.DatetimeIndex:
    """Return the ``steps`` times after the last row, or ``times`` moved on by ``steps``."""
    if times is None:
        return pd.date_range(series.times[-1], periods=steps + 1, freq=series.step)[1:]
    return pd.DatetimeIndex(times[steps:].append(next_times(series, steps)))


def _part(series: Series, scaling: Scaling, shape: Shape, rows: Rows, end: int) -> Part:
    """Build a part that holds nothing of the rows from ``end`` on."""
    seen = truncate(series, end)
    inputs = scaled_inputs(seen, scaling, shape.horizon)
    # the last rows of a part lack their known values only because the next part is cut off
    usable = np.ones(end, bool)
    for column in inputs.T:
        usable &= np.isfinite(column)
        np.nan_to_num(column, copy=False)
    targets = scaling.scale(seen.values[:, 0], 0)
    return Part(
        inputs,
        usable,
        np.nan_to_num(targets, copy=False).astype(np.float32),
        seen.observed,
        shape,
        rows,
    )


def truncate(series: Series, end: int) -> Series:
    """Return the series without the rows from ``end`` on."""
    return replace(
        series,
        values=series.values[:end],
        known_values=series.known_values[:end],
        observed=series.observed[:end],
        times=series.times[:end],
    )
