"""Scaled rows, from which windows are gathered and never stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.input_columns import Columns
from lstmopt.data.layout import Spans

Floats = NDArray[np.float64]
Rows = tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """Input steps and forecast steps of one window, in rows."""

    window: int
    horizon: int


@dataclass(frozen=True)
class Part:
    """Rows ready for windows: scaled inputs, targets, and which rows may be scored.

    ``inputs`` [rows, features] float32; row t holds the past columns at t, the calendar at t + 1
    and the known columns at t + 1 … t + horizon. A row with a gap has ``usable`` False.
    ``targets`` [rows] are z-scores; ``scored`` marks those really observed. ``rows`` are the rows
    (first, end) in which every target of a window must lie. ``zero`` is the z-score of a target
    that is 0 in its own units. ``chosen`` [windows] are the only origins to look at, see `at`; None
    for all. ``groups`` says what the inputs' columns are; see `columns`. ``panel`` says in place of
    ``rows`` where the targets of each of several series lie, which no window crosses.
    """

    inputs: NDArray[np.float32]
    usable: NDArray[np.bool_]
    targets: NDArray[np.float32]
    scored: NDArray[np.bool_]
    shape: Shape
    rows: Rows
    zero: float = 0.0
    chosen: NDArray[np.int64] | None = None
    groups: Columns | None = None
    panel: Spans | None = None

    @property
    def spans(self) -> Spans:
        """Where the targets of each series lie."""
        return self.panel or Spans.one(self.rows)

    def first_rows(self, origins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first row of the series that each origin is of [windows]."""
        starts = self.spans.starts
        found: NDArray[np.int64] = starts[np.searchsorted(starts, origins, "right") - 1]
        return found

    def series_of(self, origins: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Return which series of a panel each origin is of [windows]; None of a single one."""
        if self.panel is None:
            return None
        found: NDArray[np.int64] = np.searchsorted(self.panel.starts, origins, "right") - 1
        return found

    @property
    def all_scored(self) -> bool:
        """Whether every target up to the part's end was observed."""
        spans = self.spans
        unseen = np.concatenate([[0], np.cumsum(~self.scored)])
        return bool((unseen[spans.end] == unseen[spans.starts]).all())

    @property
    def columns(self) -> Columns:
        """What the inputs' columns are: all of them past ones, where nothing says it."""
        past, shape = self.inputs.shape[1], self.shape
        return self.groups or Columns(past, 0, 0, 0, shape.window, shape.horizon)

    def origins(self, context: int | None = None) -> NDArray[np.int64]:
        """Return the last input row of every window whose targets lie in ``rows``, ascending.

        ``context`` is how many input rows the window needs, ``window`` unless given.
        """
        context = context or self.shape.window
        if self.chosen is not None and context <= self.shape.window:
            return self.chosen
        horizon = self.shape.horizon
        origins = self.spans.origins(context, horizon)
        if not self.usable.all():
            broken = np.concatenate([[0], np.cumsum(~self.usable)])
            origins = origins[broken[origins + 1] == broken[origins + 1 - context]]
        if not self.scored.all():
            observed = np.concatenate([[0], np.cumsum(self.scored)])
            origins = origins[observed[origins + 1 + horizon] > observed[origins + 1]]
        return origins if self.chosen is None else np.intersect1d(origins, self.chosen)

    def at(self, origins: NDArray[np.int64]) -> Part:
        """Return the part with some of its origins, ascending; it shares this one's memory."""
        return replace(self, chosen=origins)

    def earlier(self, rows: Rows, panel: Spans | None = None) -> Part:
        """Return the part whose targets lie in earlier ``rows``; it shares this one's memory.

        Those of several series lie in ``panel``.
        """
        if panel is not None:
            return replace(self, rows=rows, panel=panel, chosen=None)
        end = rows[1]
        return Part(
            self.inputs[:end],
            self.usable[:end],
            self.targets[:end],
            self.scored[:end],
            self.shape,
            rows,
            self.zero,
            groups=self.groups,
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
class Fold:
    """Training rows and the validation rows that follow them, scaled by those training rows.

    ``unit`` is how many scaled units of the newest fold one of this fold's is: errors times
    ``unit`` may be averaged over folds.
    """

    train: Part
    validation: Part
    unit: float = 1.0
