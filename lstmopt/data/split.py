"""Series -> training, validation and test, by time; the test part is kept out of reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmopt.data.scaling import Scaling, fit_scaling, scaled_inputs
from lstmopt.data.series import Series, last_observed, truncate
from lstmopt.data.windows import Part, Rows, Shape
from lstmopt.errors import LstmoptError

FEWEST_WINDOWS = 5
"""Windows that a part needs, to train on or to judge by."""

_MOST_BEYOND = 0.5
"""The share of validation targets beyond training's from which a series is said to drift."""


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
        return make_part(self.series, self.scaling, self.train.shape, (self.ends[1], end), end)

    def all_rows(self) -> tuple[Part, Scaling]:
        """Build one part of every row, scaled by them all: for a network that was tested."""
        end = self.ends[2]
        scaling = fit_scaling(self.series, end)
        return make_part(self.series, scaling, self.train.shape, (0, end), end), scaling

    def notices(self) -> list[str]:
        """Say where targets of the validation part lie beyond all that training has seen."""
        train, validation = (
            part.targets[first:end][part.scored[first:end]]
            for part, (first, end) in ((p, p.rows) for p in (self.train, self.validation))
        )
        beyond = float(((validation < train.min()) | (validation > train.max())).mean())
        if beyond <= _MOST_BEYOND:
            return []
        return [
            f"{beyond:.0%} of the validation part's targets lie beyond all that training has seen: "
            "the series drifts, and a network that forecasts its level may be useless here"
        ]


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
    validation = make_part(series, scaling, shape, (train_end, validation_end), validation_end)
    train = validation.earlier((0, train_end))
    split = Split(train, validation, scaling, (train_end, validation_end, rows), series)
    for name, windows in (
        ("training", len(train.origins())),
        ("validation", len(validation.origins())),
        ("test", rows - validation_end - shape.horizon + 1),
    ):
        if windows < FEWEST_WINDOWS:
            raise LstmoptError(
                f"each part needs at least {FEWEST_WINDOWS} windows of {shape.window} inputs and "
                f"{shape.horizon} targets without a long gap, found {max(windows, 0)} in the "
                f"{name} part of {rows} rows: shorten the window or horizon, or give more rows"
            )
    return split


def make_part(series: Series, scaling: Scaling, shape: Shape, rows: Rows, end: int) -> Part:
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
