"""Mean and deviation of each column, from the training part alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.calendar import calendar_features
from lstmopt.data.layout import Ints, Spans, ranges
from lstmopt.data.series import Series, times_of_next_rows
from lstmopt.data.target_scale import TargetScale
from lstmopt.errors import LstmoptError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SeriesMoments:
    """The target's mean and deviation in each series of a panel, each [series].

    One that is constant there has the deviation that is usual: as a share of its level, or of one
    that is always 0 as it is. ``ids`` are the series' names.
    """

    ids: tuple[str, ...]
    mean: Floats
    std: Floats

    def beside(self, of: Ints, dimensions: int) -> tuple[Floats, Floats]:
        """Return those of the series ``of`` [windows] beside values of so many dimensions."""
        shape = (-1,) + (1,) * (dimensions - 1)
        return self.mean[of].reshape(shape), self.std[of].reshape(shape)


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each column [columns], from the training part alone.

    Those of the target, the first, are of what ``target`` makes of it. In a panel that is scaled
    series by series ``series`` has the target's; the other columns are scaled over all.
    """

    mean: Floats
    std: Floats
    target: TargetScale = field(default_factory=TargetScale)
    series: SeriesMoments | None = None

    def scale(self, values: Floats, column: int, of: Ints | None = None) -> Floats:
        """Map a column's values [rows] to z-scores; one constant in training becomes 0.

        Of a panel ``of`` says which series each row is of. Raises LstmoptError for a value of the
        target that cannot be transformed.
        """
        if column == 0:
            values = self.target.transformed(values)
        if column == 0 and self.series is not None:
            mean, std = self._of_series(of, 1)
            return (values - mean) / std
        if self.std[column] == 0:
            return np.zeros_like(values)
        scaled: Floats = (values - self.mean[column]) / self.std[column]
        return scaled

    def transformed(self, scaled: NDArray[np.floating[Any]], of: Ints | None = None) -> Floats:
        """Return z-scores of the target in the units of the transformed target.

        Args:
            scaled: Z-scores [windows, …].
            of: Which series of a panel each is of [windows]; None for a single one.
        """
        found: Floats = scaled.astype(np.float64)
        if self.series is not None:
            mean, std = self._of_series(of, scaled.ndim)
            return found * std + mean
        return found * self.target_std + self.target_mean

    def own(self, scaled: NDArray[np.floating[Any]], of: Ints | None = None) -> Floats:
        """Return z-scores of the target in its own units, within its bounds (see `transformed`)."""
        return self.target.own(self.transformed(scaled, of))

    def for_panel(self, series: Series) -> Scaling:
        """Return the scaling of the series of another table, in its order.

        One that was not there in training is scaled by the rows that the table has of it.
        """
        if self.series is None or series.panel is None:
            return self
        rows = np.flatnonzero(series.observed)
        values = self.target.transformed(series.values[rows, 0])
        found = _moments_by_series(values, series.panel.of_rows(rows), series.panel.ids)
        known = dict(zip(self.series.ids, range(len(self.series.ids)), strict=True))
        places = np.array([known.get(name, -1) for name in series.panel.ids])
        there = places >= 0
        mean, std = found.mean.copy(), found.std.copy()
        mean[there], std[there] = self.series.mean[places[there]], self.series.std[places[there]]
        return replace(self, series=SeriesMoments(series.panel.ids, mean, std))

    def description(self) -> dict[str, Any]:
        """Return it as plain values."""
        each = self.series
        return {
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "target": self.target.description(),
            "series": each
            and {"ids": each.ids, "mean": each.mean.tolist(), "std": each.std.tolist()},
        }

    @classmethod
    def restore(cls, content: dict[str, Any]) -> Scaling:
        """Return what was described; an earlier version described neither target nor series."""
        target = TargetScale.restore(of) if (of := content.get("target")) else TargetScale()
        series = None
        if each := content.get("series"):
            moments = np.array(each["mean"], float), np.array(each["std"], float)
            series = SeriesMoments(tuple(each["ids"]), *moments)
        return cls(np.array(content["mean"]), np.array(content["std"]), target, series)

    def error_unit(self, of: Ints | None) -> Floats:
        """Return what errors of forecasts are counted in, beside them [windows or 1, 1].

        In the transformed target's units 1, but in a panel the deviation of each series: only so
        may those of several be thrown together.
        """
        if self.series is None:
            return np.ones((1, 1))
        return self._of_series(of, 2)[1]

    def _of_series(self, of: Ints | None, dimensions: int) -> tuple[Floats, Floats]:
        """Return mean and deviation of series. Raises ValueError where nothing says which."""
        if self.series is None or of is None:
            raise ValueError("a panel's values are scaled by their series, found no series")
        return self.series.beside(of, dimensions)

    @property
    def deviation(self) -> float:
        """How many such units a z-score of 1 is."""
        return self.target_std if self.series is None else 1.0

    @property
    def zero(self) -> float:
        """The z-score of a transformed target of 0; of a panel 0, as each series has its own."""
        return -self.target_mean / self.target_std if self.series is None else 0.0

    @property
    def target_mean(self) -> float:
        return float(self.mean[0])

    @property
    def target_std(self) -> float:
        return float(self.std[0])


def fit_scaling(
    series: Series, rows: Spans, target: TargetScale | None = None, by_series: bool = True
) -> Scaling:
    """Fit the scaling of past and known columns on some rows.

    The target of a panel ``by_series`` or over all. Raises LstmoptError for a target that was never
    observed there, or never varies.
    """
    scale, chosen = target or TargetScale(), rows.rows()
    observed = series.observed[chosen]
    if not observed.any():
        raise LstmoptError(
            f"the training part needs observed targets, found none of {series.target!r} in its "
            f"{len(chosen)} rows: give a series whose first rows are filled"
        )
    moments = []
    tables = series.values, series.known_values
    for number, column in enumerate(column for table in tables for column in table.T):
        some = column[chosen]
        # a filled target is an input, not a fact
        facts = some[observed if number == 0 else np.isfinite(some)]
        if number == 0:
            facts = scale.transformed(facts)
        moments.append((facts.mean(), facts.std()) if len(facts) else (0.0, 0.0))
    mean, std = np.array(moments).T
    if std[0] == 0:
        raise LstmoptError(
            f"the target must vary within the training part, found {series.target!r} always "
            f"{scale.own(mean[:1])[0]:g} in its {len(chosen)} rows: choose another target or more "
            "rows"
        )
    each = None
    if series.panel is not None and by_series:
        facts = chosen[observed]
        values = scale.transformed(series.values[facts, 0])
        each = _moments_by_series(values, series.panel.of_rows(facts), series.panel.ids)
    return Scaling(mean, std, scale, each)


def _moments_by_series(values: Floats, of: Ints, ids: tuple[str, ...]) -> SeriesMoments:
    """Return the moments of values [n] by series."""
    count = len(ids)
    seen = np.maximum(np.bincount(of, minlength=count), 1)
    mean = np.bincount(of, values, count) / seen
    std = np.sqrt(np.bincount(of, (values - mean[of]) ** 2, count) / seen)
    varies = std > _CONSTANT * np.abs(mean)
    usual, level = std[varies], np.abs(mean[varies])
    share = np.median(usual[level > 0] / level[level > 0]) if (level > 0).any() else 1.0
    instead = np.where(mean == 0, np.median(usual) if len(usual) else 1.0, share * np.abs(mean))
    return SeriesMoments(ids, mean, np.where(varies, std, instead))


_CONSTANT = 1e-9
"""A deviation of so small a share of the mean is that of rounding."""


def scaled_inputs(series: Series, scaling: Scaling, horizon: int) -> NDArray[np.float32]:
    """Return inputs [rows, features]: past at t, calendar at t + 1, known at t + 1 … t + horizon.

    A known value that lies beyond the last row of its series is NaN.
    """
    rows, past = series.values.shape
    known = series.known_values.shape[1]
    features = past + len(series.calendar) + known * horizon
    inputs = np.empty((rows, features), np.float32)
    of = None if series.panel is None else series.panel.per_row()
    for column in range(past):  # column by column, as a long series fills the memory
        inputs[:, column] = scaling.scale(series.values[:, column], column, of)
    if series.calendar:
        names, cycles = calendar_features(times_of_next_rows(series), series.step)
        chosen = cycles[:, [names.index(name) for name in series.calendar]]
        inputs[:, past : past + len(series.calendar)] = chosen
    for column in range(known):
        values = scaling.scale(series.known_values[:, column], past + column)
        for lead in range(1, horizon + 1):
            place = past + len(series.calendar) + known * (lead - 1) + column
            inputs[:, place] = np.nan
            inputs[: max(rows - lead, 0), place] = values[lead:]
            ends = series.layout.starts[1:]
            inputs[ranges(np.maximum(ends - lead, series.layout.starts[:-1]), ends), place] = np.nan
    return inputs
