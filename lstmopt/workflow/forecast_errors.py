"""Errors of forecasts on the test part, of the scaled target and in its own units."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Part
from lstmopt.forecasting.conformal import Conformal, Intervals
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
from lstmopt.training.metrics import METRICS, ForecastMetrics, ScoredForecasts, Scores, score
from lstmopt.training.own_units import OwnUnits

_RELIABILITY = (*range(10, 100, 10), 95)
"""Levels in per cent at which it is told how often the truth lies within."""


@dataclass(frozen=True)
class PartErrors:
    """Errors on a part: of the scaled target, in its own units over all leads, and by lead.

    ``intervals`` are those of the forecasts, a level after the other, if they have any, and
    ``reliability`` what is covered at levels from 10 to 95 %.
    """

    scores: Scores
    metrics: ForecastMetrics
    by_lead: tuple[ForecastMetrics, ...]
    intervals: tuple[IntervalEntry, ...] = ()
    reliability: tuple[tuple[float, float | None], ...] = ()

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
        if intervals is None:
            return cls(scores, found.metrics(), found.by_lead())
        conformal = intervals.conformal
        return cls(
            scores,
            found.metrics(),
            found.by_lead(),
            tuple(_interval_entry(found, conformal, level) for level in intervals.levels),
            tuple(_reliability(found, conformal)),
        )


def _interval_entry(found: ScoredForecasts, conformal: Conformal, level: float) -> IntervalEntry:
    below, above = conformal.bounds(level)
    lower, upper = found.forecasts + below, found.forecasts + above
    columns = zip(lower.T, upper.T, found.truth.T, strict=True)
    return IntervalEntry(
        level=level,
        calibrated_on=conformal.fewest,
        all_leads=_scores_entry(score_intervals(lower, upper, found.truth, level)),
        by_lead=tuple(_scores_entry(score_intervals(*each, level)) for each in columns),
    )


def _reliability(
    found: ScoredForecasts, conformal: Conformal
) -> Iterator[tuple[float, float | None]]:
    for level in _RELIABILITY:
        if level <= conformal.highest:
            below, above = conformal.bounds(level)
            lower, upper = found.forecasts + below, found.forecasts + above
            yield level, finite(score_intervals(lower, upper, found.truth, level).coverage)


def _scores_entry(scores: IntervalScores) -> IntervalScoresEntry:
    return IntervalScoresEntry(**{name: finite(value) for name, value in asdict(scores).items()})


def summarise(errors: Sequence[PartErrors], target_std: float) -> ForecastErrors:
    """Give mean and standard deviation over seeds, in the scaled and the target's own units.

    Intervals are those of the first of them that has any.
    """
    scores = [each.scores for each in errors]
    return ForecastErrors(
        scaled=_errors(scores, 1.0),
        own=_errors(scores, target_std),
        r2=_spread([s.r2 for s in scores]),
        metrics=_entry([each.metrics for each in errors]),
        by_lead=tuple(map(_entry, zip(*(each.by_lead for each in errors), strict=True))),
        intervals=next((each.intervals for each in errors if each.intervals), ()),
        reliability=next((each.reliability for each in errors if each.reliability), ()),
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
