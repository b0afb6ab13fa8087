"""Errors of forecasts on the test part, of the scaled target and in its own units."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Part
from lstmopt.forecasting.conformal import Intervals
from lstmopt.results.document import (
    ErrorsInUnit,
    ForecastErrors,
    IntervalEntry,
    IntervalScoresEntry,
    MetricsEntry,
    Spread,
    finite,
)
from lstmopt.training.interval_scores import IntervalScores, score_intervals
from lstmopt.training.metrics import (
    METRICS,
    Floats,
    ForecastMetrics,
    Scores,
    SeriesMetrics,
    score,
)
from lstmopt.training.own_units import OwnUnits

_RELIABILITY = (*range(10, 100, 10), 95)
"""Levels in per cent at which it is told how often the truth lies within."""


@dataclass(frozen=True)
class PartErrors:
    """Errors on a part: of the scaled target, in its own units over all leads, and by lead.

    ``intervals`` are those of the forecasts, a level after the other, if they have any, and
    ``reliability`` what is covered at levels from 10 to 95 %. ``by_series`` are the metrics of each
    series of a panel, None of a single one.
    """

    scores: Scores
    metrics: ForecastMetrics
    by_lead: tuple[ForecastMetrics, ...]
    intervals: tuple[IntervalEntry, ...] = ()
    reliability: tuple[tuple[float, float | None], ...] = ()
    by_series: SeriesMetrics | None = None

    @classmethod
    def of(
        cls,
        forecasts: NDArray[np.float32],
        part: Part,
        units: OwnUnits,
        intervals: Intervals | None = None,
    ) -> PartErrors:
        """Measure scaled forecasts [windows, horizon] at every origin of a part."""
        origins = part.origins()
        found = units.beside_truth(forecasts, origins)
        scores = score(forecasts, *part.gather_targets(origins))
        each = None if found.of is None else found.by_series()
        if intervals is None:
            return cls(scores, found.metrics(), found.by_lead(), by_series=each)
        conformal, truth = intervals.conformal, found.truth

        def ends(level: float) -> tuple[Floats, Floats]:
            below, above = (units.moved(forecasts, by, origins) for by in intervals.bounds(level))
            return below, above

        scored = [
            _interval_entry(*ends(level), truth, level, conformal.fewest)
            for level in intervals.levels
        ]
        reliability = [
            (float(level), finite(score_intervals(*ends(level), truth, level).coverage))
            for level in _RELIABILITY
            if level <= conformal.highest
        ]
        metrics = found.metrics(), found.by_lead()
        return cls(scores, *metrics, tuple(scored), tuple(reliability), each)


def _interval_entry(
    lower: Floats, upper: Floats, truth: Floats, level: float, calibrated_on: int
) -> IntervalEntry:
    columns = zip(lower.T, upper.T, truth.T, strict=True)
    return IntervalEntry(
        level=level,
        calibrated_on=calibrated_on,
        all_leads=_scores_entry(score_intervals(lower, upper, truth, level)),
        by_lead=tuple(_scores_entry(score_intervals(*each, level)) for each in columns),
    )


def _scores_entry(scores: IntervalScores) -> IntervalScoresEntry:
    return IntervalScoresEntry(**{name: finite(value) for name, value in asdict(scores).items()})


def summarise(errors: Sequence[PartErrors]) -> ForecastErrors:
    """Give mean and standard deviation over seeds, in the scaled and the target's own units.

    Intervals are those of the first of them that has any.
    """
    scores = [each.scores for each in errors]
    return ForecastErrors(
        scaled=_errors([(s.mse, s.mae) for s in scores]),
        own=_errors([(each.metrics.rmse**2, each.metrics.mae) for each in errors]),
        r2=_spread([s.r2 for s in scores]),
        metrics=_entry([each.metrics for each in errors]),
        by_lead=tuple(map(_entry, zip(*(each.by_lead for each in errors), strict=True))),
        intervals=next((each.intervals for each in errors if each.intervals), ()),
        reliability=next((each.reliability for each in errors if each.reliability), ()),
    )


def _errors(found: Sequence[tuple[float, float]]) -> ErrorsInUnit:
    squared, absolute = zip(*found, strict=True)
    return ErrorsInUnit(mse=_spread(squared), mae=_spread(absolute))


def _entry(found: Sequence[ForecastMetrics]) -> MetricsEntry:
    return MetricsEntry(**{name: _spread([getattr(m, name) for m in found]) for name in METRICS})


def _spread(values: Sequence[float]) -> Spread:
    return Spread(mean=finite(statistics.fmean(values)), std=finite(deviation(values)))


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation, which is no number where a value is none."""
    if not all(map(math.isfinite, values)):
        return math.nan
    return statistics.stdev(values) if len(values) > 1 else 0.0
