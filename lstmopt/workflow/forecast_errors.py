"""Errors of forecasts on the test part, of the scaled target and in its own units."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Part
from lstmopt.results.document import (
    ErrorsInUnit,
    ForecastErrors,
    MetricsEntry,
    Spread,
    finite,
)
from lstmopt.training.metrics import METRICS, ForecastMetrics, Scores, score
from lstmopt.training.own_units import OwnUnits


@dataclass(frozen=True)
class PartErrors:
    """Errors on a part: of the scaled target, in its own units over all leads, and by lead."""

    scores: Scores
    metrics: ForecastMetrics
    by_lead: tuple[ForecastMetrics, ...]

    @classmethod
    def of(cls, forecasts: NDArray[np.float32], part: Part, units: OwnUnits) -> PartErrors:
        """Measure scaled forecasts [windows, horizon] at every origin of a part."""
        origins = part.origins()
        found = units.beside_truth(forecasts, origins)
        scores = score(forecasts, *part.gather_targets(origins))
        return cls(scores, found.metrics(), found.by_lead())


def summarise(errors: Sequence[PartErrors], target_std: float) -> ForecastErrors:
    """Give mean and standard deviation over seeds, in the scaled and the target's own units."""
    scores = [each.scores for each in errors]
    return ForecastErrors(
        scaled=_errors(scores, 1.0),
        own=_errors(scores, target_std),
        r2=_spread([s.r2 for s in scores]),
        metrics=_entry([each.metrics for each in errors]),
        by_lead=tuple(map(_entry, zip(*(each.by_lead for each in errors), strict=True))),
    )


def _errors(scores: Sequence[Scores], unit: float) -> ErrorsInUnit:
    return ErrorsInUnit(
        mse=_spread([s.mse * unit**2 for s in scores]), mae=_spread([s.mae * unit for s in scores])
    )


def _entry(found: Sequence[ForecastMetrics]) -> MetricsEntry:
    return MetricsEntry(**{name: _spread([getattr(m, name) for m in found]) for name in METRICS})


def _spread(values: Sequence[float]) -> Spread:
    return Spread(mean=finite(statistics.fmean(values)), std=finite(deviation(values)))


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation, which is no number where a value is none."""
    if not all(map(math.isfinite, values)):
        return math.nan
    return statistics.stdev(values) if len(values) > 1 else 0.0
