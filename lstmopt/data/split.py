"""Series -> folds of training and validation, and test, by time; test is kept out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.cuts import Cut, Shares
from lstmopt.data.input_columns import Columns
from lstmopt.data.layout import Ints, Spans
from lstmopt.data.options import History
from lstmopt.data.scaling import Scaling, fit_scaling, scaled_inputs
from lstmopt.data.series import Series, observed_lengths, truncate
from lstmopt.data.target_scale import TargetOptions, fit_target_scale
from lstmopt.data.windows import Fold, Part, Rows, Shape
from lstmopt.errors import LstmoptError

FEWEST_WINDOWS = 5
"""Windows that a part needs, to train on or to judge by."""

_MOST_BEYOND = 0.5
"""The share of validation targets beyond training's from which a series is said to drift."""


@dataclass(frozen=True)
class Split:
    """Training and validation for the search; the test part only through ``open_test``.

    ``ends`` are the rows at which what lies before validation, validation, and test end, in a panel
    in all series together. ``older`` are the folds before the newest one, which is ``train`` and
    ``validation``, the newest of them first. ``test`` says where the test part of a panel lies,
    ``by_series`` whether each of its series is scaled by itself.
    """

    train: Part
    validation: Part
    scaling: Scaling
    ends: tuple[int, int, int]
    series: Series
    older: tuple[Fold, ...] = ()
    test: Spans | None = None
    by_series: bool = True

    @property
    def folds(self) -> tuple[Fold, ...]:
        """All folds, the newest first."""
        return (Fold(self.train, self.validation), *self.older)

    @property
    def _test(self) -> Spans:
        return self.test or Spans.one(self.ends[1:])

    @property
    def before_test(self) -> Spans:
        """No rows, where the test part begins."""
        return replace(self._test, end=self._test.first)

    def open_test(self) -> Part:
        """Build the test part. Only ``finalists`` calls this, once, after the choice is made."""
        return make_part(self.series, self.scaling, self.train.shape, self._test)

    def calibration(self) -> Part:
        """Build the part that intervals are calibrated on.

        It is what lies between validation and test; where that is nothing, the validation part.
        """
        before = self.validation.spans
        if (before.end == self._test.first).all():
            return self.validation
        spans = Spans(before.starts, before.end, self._test.first)
        return make_part(self.series, self.scaling, self.train.shape, spans)

    def calibration_folds(self) -> tuple[Fold, ...]:
        """Return the folds on whose last parts intervals are calibrated, the newest first.

        All of them, each forecast by what was trained on its own training part; where rows were
        kept for it, these alone.
        """
        part = self.calibration()
        kept = part is not self.validation
        return (Fold(self.train, part), *(() if kept else self.older))

    def all_rows(self) -> tuple[Part, Scaling]:
        """Build one part of every row, scaled by them all: for a network that was tested."""
        spans = Spans(self._test.starts, self._test.starts, self._test.end)
        scaling = fit_scaling(self.series, spans, self.scaling.target, self.by_series)
        return make_part(self.series, scaling, self.train.shape, spans), scaling

    def last_of(self, part: Part) -> Part:
        """Return a part of all rows whose targets lie in the test part alone."""
        if part.panel is None:
            return replace(part, rows=(self.ends[1], part.rows[1]))
        return replace(part, panel=self._test)

    def notices(self) -> list[str]:
        """Say where targets of the validation part lie beyond all that training has seen."""
        train, validation = (
            part.targets[rows[part.scored[rows]]]
            for part, rows in ((p, p.spans.rows()) for p in (self.train, self.validation))
        )
        beyond = float(((validation < train.min()) | (validation > train.max())).mean())
        if beyond <= _MOST_BEYOND:
            return []
        return [
            f"{beyond:.0%} of the validation part's targets lie beyond all that training has seen: "
            "the series drifts, and a network that forecasts its level may be useless here"
        ]


def split_series(
    series: Series,
    shape: Shape,
    fractions: tuple[float, float] = (0.7, 0.15),
    folds: int = 1,
    gap: int = 0,
    history: History = "growing",
    calibration: float = 0.0,
    target: TargetOptions | None = None,
    cut: Cut | None = None,
) -> Split:
    """Split by time and scale each fold by its own training rows.

    ``fractions`` are those of training and validation, in a panel of each series; the rest is the
    test part. A ``cut`` by counted rows or by dates stands in their place. Inputs of a validation
    or test window may reach back into the part before, its targets never. Of several
    ``folds`` the newest is validated right before the test part, each older one right before the
    next newer, on as many rows; ``gap`` rows before its validation are left out of its training,
    whose ``history`` grows from the first row or has the oldest fold's length in all of them
    (rolling-origin evaluation: Tashman, Out-of-sample tests of forecasting accuracy, International
    Journal of Forecasting 16, 2000). Nothing is left out before the test part: nothing that is
    fitted ends there. ``calibration`` is the share of the newest validation part, its newest rows,
    that it ends before. ``target`` says how the target is transformed and bounded. Raises
    LstmoptError where a part holds too few windows.
    """
    asked = target or TargetOptions()
    rows, starts = observed_lengths(series), series.layout.starts[:-1]
    cut = cut or Shares(*fractions)
    n_train, n_validation = cut.rows(series)
    test = np.minimum(n_train + n_validation, rows)
    check = partial(_check, int(rows.sum()), shape, folds > 1 or gap > 0)
    made: list[Fold] = []
    scalings: list[Scaling] = []
    cuts = [
        tuple(Spans(starts, starts + first, starts + end) for first, end in pair)
        for pair in _cuts(n_train, n_validation, folds, gap, history)
    ]
    # what every fold trains on
    scale = fit_target_scale(series, cuts[-1][0], asked)
    for n, (trained, validated) in enumerate(cuts, 1):
        of = f" of fold {n} of {folds}" if folds > 1 else ""
        check(f"training part{of}", _most_windows(trained, shape))
        scalings.append(fit_scaling(series, trained, scale, asked.by_series))
        if n == 1:
            kept = (n_validation * calibration).astype(np.int64)
            validated = replace(validated, end=validated.end - kept)
        validation = make_part(series, scalings[-1], shape, validated)
        train = validation.earlier(*_as_rows(trained, series))
        check(f"training part{of}", len(train.origins()))
        check(f"validation part{of}", len(validation.origins()))
        made.append(Fold(train, validation, scalings[-1].target_std / scalings[0].target_std))
    last = Spans(starts, starts + test, starts + rows)
    # who says where it begins may well want one forecast
    check("test part", _most_windows(last, shape), cut.fewest_tests or FEWEST_WINDOWS)
    newest, *older = made
    split = Split(
        newest.train,
        newest.validation,
        scalings[0],
        (int(n_train.sum()), int(test.sum()), int(rows.sum())),
        series,
        tuple(older),
        None if series.panel is None else last,
        asked.by_series,
    )
    if split.calibration() is not split.validation:
        check("calibration part", len(split.calibration().origins()))
    return split


Ends = tuple[Ints, Ints]
"""The first row and the row after the last of each series, counted from its own first."""


def _cuts(
    n_train: Ints, n_validation: Ints, folds: int, gap: int, history: History
) -> Iterator[tuple[Ends, Ends]]:
    """Yield the rows of each fold's training and validation, the newest first."""
    shortest = n_train - (folds - 1) * n_validation - gap
    for n in range(folds):
        begins = n_train - n * n_validation
        end = begins - gap
        first = np.zeros_like(end) if history == "growing" else end - shortest
        yield (first, end), (begins, begins + n_validation)


def _as_rows(spans: Spans, series: Series) -> tuple[Rows, Spans | None]:
    """Return spans as a part has them: of a single series as two numbers."""
    if series.panel is None:
        return (int(spans.first[0]), int(spans.end[0])), None
    return (0, len(series.times)), spans


def _most_windows(rows: Spans, shape: Shape) -> int:
    """Count the windows of rows without a gap."""
    begins = np.maximum(rows.first - 1, rows.starts + shape.window - 1)
    if len(begins) == 1:
        return int(rows.end[0] - shape.horizon - begins[0])
    return len(rows.origins(shape.window, shape.horizon))


def _check(
    rows: int, shape: Shape, rolling: bool, name: str, windows: int, fewest: int = FEWEST_WINDOWS
) -> None:
    """Refuse a part of so many ``windows``, which is of a series of so many ``rows``."""
    if windows < fewest:
        fewer = " take fewer folds or a smaller gap," if rolling else ""
        raise LstmoptError(
            f"each part needs at least {fewest} windows of {shape.window} inputs and "
            f"{shape.horizon} targets without a long gap, found {max(windows, 0)} in the "
            f"{name} of {rows} rows: shorten the window or horizon,{fewer} or give more rows"
        )


def input_columns(series: Series, shape: Shape) -> Columns:
    """Return what the columns of a series' inputs are (see `scaling.scaled_inputs`)."""
    return Columns(
        past=series.values.shape[1],
        calendar=len(series.calendar),
        known=series.known_values.shape[1],
        annual=sum(name.startswith("year_") for name in series.calendar),
        window=shape.window,
        horizon=shape.horizon,
    )


def make_part(series: Series, scaling: Scaling, shape: Shape, spans: Spans) -> Part:
    """Build a part that holds nothing of the rows after its own."""
    seen = truncate(series, spans.end - spans.starts)
    inputs = scaled_inputs(seen, scaling, shape.horizon)
    return scaled_part(seen, inputs, scaling, shape, spans)


def scaled_part(
    seen: Series, inputs: NDArray[np.float32], scaling: Scaling, shape: Shape, spans: Spans
) -> Part:
    """Build a part of a whole series and its scaled inputs [rows, features].

    A value that is missing is 0 there from now on, its row not usable.
    """
    # the last rows of a part lack their known values only because the next part is cut off
    usable = np.ones(len(inputs), bool)
    for column in inputs.T:
        usable &= np.isfinite(column)
        np.nan_to_num(column, copy=False)
    of = None if seen.panel is None else seen.panel.per_row()
    targets = scaling.scale(seen.values[:, 0], 0, of)
    rows, panel = _as_rows(spans, seen)
    return Part(
        inputs,
        usable,
        np.nan_to_num(targets, copy=False).astype(np.float32),
        seen.observed,
        shape,
        rows,
        scaling.zero,
        groups=input_columns(seen, shape),
        panel=panel,
    )
