"""A verdict as plain values, for the record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from lstmopt.data.series_features import SeriesFeatures
from lstmopt.forecasting.baselines import FittedBaseline
from lstmopt.forecasting.judging import Judged
from lstmopt.results.document import (
    AverageEntry,
    BaselineEntry,
    ChosenEntry,
    FinalistEntry,
    HindsightEntry,
    MemberEntry,
    Outcome,
    SampleEntry,
    Spread,
    VerdictEntry,
    finite,
)
from lstmopt.workflow.averages import Average
from lstmopt.workflow.finalists import Point, Verdict, label_of
from lstmopt.workflow.forecast_errors import summarise
from lstmopt.workflow.refits import Finalist


def describe(verdict: Verdict, pick: str, latency_ms: float, features: SeriesFeatures) -> Outcome:
    """Say a verdict as plain values, for the record.

    ``pick`` says how the choice was made, ``latency_ms`` is what a forecast of what was chosen
    takes.
    """
    mse: Sequence[float | None] = verdict.point_mse or [None] * len(verdict.points)
    networks = len(verdict.finalists)
    return Outcome(
        chosen=_chosen_entry(verdict, pick, latency_ms),
        finalists=tuple(map(_finalist_entry, verdict.finalists, mse[:networks])),
        averages=tuple(map(_average_entry, verdict.averages, mse[networks:])),
        hindsight=_hindsight(verdict),
        baselines={
            name: None if errors is None else summarise([errors])
            for name, errors in verdict.errors.items()
        },
        bar={b.name: _bar_entry(b, verdict.judged[b.name]) for b in verdict.baselines},
        verdict=None if verdict.comparison is None else VerdictEntry(**asdict(verdict.comparison)),
        features=features,
    )


def _chosen_entry(verdict: Verdict, pick: str, latency_ms: float) -> ChosenEntry:
    chosen = verdict.chosen
    values = {name: finite(value) for name, value in chosen.values.items()}
    test = summarise(verdict.test)
    if isinstance(chosen, Average):
        return ChosenEntry(
            trial=None,
            params={},
            validation=values,
            test=test,
            latency_ms=latency_ms,
            pick=pick,
            average=chosen.number,
            members=_member_entries(chosen),
        )
    return ChosenEntry(
        trial=chosen.trial.number,
        params=dict(chosen.trial.params),
        validation=values,
        test=test,
        latency_ms=latency_ms,
        pick=pick,
    )


def _finalist_entry(finalist: Finalist, test_mse: float | None) -> FinalistEntry:
    return FinalistEntry(
        trial=finalist.trial.number,
        seeds=finalist.seeds,
        validation={
            name: Spread(mean=finite(mean), std=finite(finalist.spread[name]))
            for name, mean in finalist.values.items()
        },
        test_mse=finite(test_mse),
    )


def _average_entry(average: Average, test_mse: float | None) -> AverageEntry:
    return AverageEntry(
        number=average.number,
        made=average.made,
        members=_member_entries(average),
        validation={name: finite(value) for name, value in average.values.items()},
        latency_ms=average.cost.latency_ms,
        latency_spread_ms=average.cost.latency_spread_ms,
        parameters=average.cost.parameters,
        model_mb=average.cost.model_mb,
        test_mse=finite(test_mse),
    )


def _member_entries(average: Average) -> tuple[MemberEntry, ...]:
    return tuple(
        MemberEntry(
            count=count,
            trial=member.trial,
            refit=member.number,
            baseline=member.baseline.text if member.baseline else "",
        )
        for member, count in zip(average.members, average.counts, strict=True)
    )


def _hindsight(verdict: Verdict) -> HindsightEntry | None:
    """Say what selecting on validation cost; None where nothing was selected, or has no number."""
    points, tested = verdict.points, verdict.point_mse
    if len(points) < 2 or not tested or not all(map(math.isfinite, tested)) or not min(tested):
        return None
    selected = min(range(len(points)), key=lambda n: _validation_mse(points[n]))
    best = min(range(len(points)), key=lambda n: tested[n])
    return HindsightEntry(
        points=len(points),
        selected=label_of(points[selected]),
        selected_mse=tested[selected],
        best=label_of(points[best]),
        best_mse=tested[best],
        cost=tested[selected] / tested[best] - 1,
    )


def _validation_mse(point: Point) -> float:
    """Return the squared error on validation of what a point would deploy."""
    return point.best.validation_loss if isinstance(point, Finalist) else point.mse


def _bar_entry(baseline: FittedBaseline, test: Judged | None) -> BaselineEntry:
    scores = baseline.validation
    return BaselineEntry(
        validation_mse=finite(scores.mse) if scores else None,
        validation_mae=finite(scores.mae) if scores else None,
        validation_r2=finite(scores.r2) if scores else None,
        latency_ms=baseline.latency_ms,
        validation_sample=_sample(baseline.judged),
        test_sample=_sample(test),
    )


def _sample(judged: Judged | None) -> SampleEntry | None:
    """Say on how many windows a baseline was judged, None where on all."""
    if judged is None or not judged.sampled:
        return None
    return SampleEntry(origins=len(judged.origins), of=judged.windows)
