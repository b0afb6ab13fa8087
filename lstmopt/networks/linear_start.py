"""Where the linear part of a network begins: its closed-form solution on training windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lstmopt.data.least_squares import Floats, Origins, chunks, fit_leads, spread
from lstmopt.data.windows import Part
from lstmopt.networks.linear_part import LinearKind, decomposition_basis, seen_of_target

PENALTIES = (0.0, 0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0)
"""Ridge penalties, of which validation chooses one."""

MOST_WINDOWS = 20_000
"""Windows of a part that are looked at, evenly spread."""


@dataclass(frozen=True)
class LinearView:
    """What a linear part sees: the target's window and other columns of its last row.

    Attributes:
        window: Rows of the target.
        others: Numbers of the columns.
        kind: Which linear part.
    """

    window: int
    others: tuple[int, ...]
    kind: LinearKind

    @property
    def features(self) -> int:
        """How many numbers are seen."""
        return seen_of_target(self.window, self.kind) + len(self.others)

    def gather(self, part: Part, origins: Origins) -> tuple[Floats, Floats | None]:
        """Return what is seen [windows, features] and, for NLinear, last values [windows, 1]."""
        target = gather_target(part, origins, self.window)
        others = part.inputs[origins[:, None], list(self.others)].astype(np.float64)
        if self.kind == "dlinear":
            return np.concatenate([target, others], axis=1), None
        last = target[:, -1:].copy()
        return np.concatenate([target[:, :-1] - last, others], axis=1), last

    def basis(self) -> Floats | None:
        """Return what penalised slopes are multiplied by, None for the identity."""
        if self.kind == "nlinear":
            return None
        basis = np.eye(self.features)
        basis[: self.window, : self.window] = decomposition_basis(self.window)
        return basis


def gather_target(part: Part, origins: Origins, window: int) -> Floats:
    """Return the target's last rows [windows, window] at origins."""
    rows = origins[:, None] + np.arange(1 - window, 1)
    target: Floats = part.inputs[rows, 0].astype(np.float64)
    return target


def solve_linear(
    train: Part,
    validation: Part,
    view: LinearView,
    penalties: Sequence[float] = PENALTIES,
    most_windows: int = MOST_WINDOWS,
) -> Floats:
    """Return the slopes and constants [features + 1, horizon] of least error on validation.

    Ridge regression of every lead on training windows; all zero, which repeats the last value
    (NLinear) or forecasts the mean (DLinear), where a lead has no target at all.
    """
    origins = spread(train.origins(), most_windows)
    with threadpool_limits(1):  # or the numbers would depend on the machine's cores
        found = fit_leads(train, origins, view.gather, view.features, penalties, view.basis())
        if found is None:
            return np.zeros((view.features + 1, train.shape.horizon))
        errors = _squared_errors(validation, view, found, most_windows)
    best: Floats = found[int(errors.argmin())]
    return best


def _squared_errors(
    part: Part, view: LinearView, weights: Floats, most_windows: int
) -> NDArray[np.float64]:
    """Return the squared errors [solutions] of weights [solutions, features + 1, horizon]."""
    several, rows, horizon = weights.shape
    flat = weights.transpose(1, 0, 2).reshape(rows, several * horizon)
    errors = np.zeros(several)
    for some in chunks(spread(part.origins(), most_windows)):
        seen, last = view.gather(part, some)
        targets, mask = part.gather_targets(some)
        found = (seen @ flat[:-1] + flat[-1]).reshape(len(some), several, horizon)
        wanted = targets if last is None else targets - last
        errors += (mask[:, None] * (found - wanted[:, None]) ** 2).sum(axis=(0, 2))
    return errors
