"""Choose among refitted candidates on validation, open the test part once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.split import Split
from lstmopt.data.windows import Part
from lstmopt.forecasting.baselines import FittedBaseline
from lstmopt.forecasting.conformal import Conformal, Floats, Intervals
from lstmopt.forecasting.forecast_table import tabulate, tabulate_series
from lstmopt.forecasting.judging import MOST_SECONDS, Judged, judge, last_origins
from lstmopt.forecasting.members import Mean, Member
from lstmopt.forecasting.verdict import Comparison, compare, compare_panel, window_errors
from lstmopt.objectives import Goals
from lstmopt.pareto import front_mask
from lstmopt.results.document import average_label, trial_label
from lstmopt.results.selection import pick_index
from lstmopt.training.metrics import score
from lstmopt.training.own_units import OwnUnits
from lstmopt.workflow.averages import Average
from lstmopt.workflow.calibration import IntervalPlan, calibrate, calibrate_baseline
from lstmopt.workflow.forecast_errors import PartErrors
from lstmopt.workflow.refits import Finalist, Refit

Point = Finalist | Average
"""What may be chosen."""


def choose(points: Sequence[Point], goals: Goals, pick: str) -> Point:
    """Choose among finalists, by their means over refits, and averages, by their values.

    ``knee`` weighs every objective (see `pareto.knee`) over the points that no other is better
    than, ``best`` takes the first learned one, ``fastest`` the first static one (the first
    objective where there is none).
    """
    if pick == "knee":
        front = front_mask([goals.minimised(point.values) for point in points])
        points = [point for point, kept in zip(points, front, strict=True) if kept]
    return points[pick_index([point.values for point in points], goals, pick)]


@dataclass(frozen=True)
class Verdict:
    """What the test part said, after the choice was made.

    ``forecasts`` holds the last ones row by row (see `forecast_table.tabulate`): on the validation
    part every finalist's, on the test part those of the model to deploy; the baselines' on both,
    with their intervals on the test part.
    ``test`` are the errors there of each of the chosen trial's refits, or of the chosen average;
    ``errors`` the baselines', ``judged`` says on which windows; ``comparison`` is with the one that
    is best on validation. ``point_mse`` has the squared error of each point there, in the order of
    ``finalists`` and ``averages``; it is empty where there was no time to look. ``mean`` is what is
    deployed, and ``conformal`` what its intervals rest on, the errors on the test part too; None
    where the study wants none. ``series`` has the errors of each series of a panel (see
    `forecast_table.tabulate_series`), None of a single one.
    """

    chosen: Point
    finalists: tuple[Finalist, ...]
    averages: tuple[Average, ...]
    test: tuple[PartErrors, ...]
    baselines: tuple[FittedBaseline, ...]
    judged: dict[str, Judged | None]
    errors: dict[str, PartErrors | None]
    comparison: Comparison | None
    forecasts: pd.DataFrame
    most_seconds: float
    point_mse: tuple[float, ...]
    mean: Mean
    conformal: Conformal | None = None
    series: pd.DataFrame | None = None

    @property
    def points(self) -> tuple[Point, ...]:
        """All that could be chosen."""
        return (*self.finalists, *self.averages)

    def notices(self) -> list[str]:
        """Say of each baseline that was tested on a sample how large it was."""
        return [
            f"baseline {name} is tested on {len(judged.origins):,} of {judged.windows:,} origins, "
            f"evenly spread: from all of them it would take more than "
            f"{self.most_seconds:.2g} seconds"
            for name, judged in self.judged.items()
            if judged and judged.sampled
        ]


def label_of(point: Point) -> str:
    """Return what a point is called."""
    if isinstance(point, Average):
        return average_label(point.number)
    return trial_label(point.trial.number)


def open_test(
    chosen: Point,
    finalists: Sequence[Finalist],
    split: Split,
    baselines: Sequence[FittedBaseline],
    most_seconds: float = MOST_SECONDS["test"],
    averages: Sequence[Average] = (),
    look_back: Callable[[], bool] = lambda: True,
    plan: IntervalPlan | None = None,
) -> Verdict:
    """Score what was chosen and the fitted baselines on the test part.

    Of a trial's refits, the one that is best on validation is to be deployed, and compared with the
    baseline that is. Forecasting the test part takes each baseline ``most_seconds`` at most: where
    that is not enough for all windows, an even sample is looked at. The other points are scored at
    last, each while ``look_back`` says that there is time. ``plan`` says which intervals what was
    chosen and the baselines have, calibrated before the part is opened.
    """
    plan = plan or IntervalPlan()
    mean = deployed_mean(chosen)
    if plan.levels:
        mean = mean.knowing(plan.scale, split.train)
    # it has about half of the test part's rows
    calibrated = _calibrate(plan, chosen, mean, split, baselines, most_seconds / 2)
    test = split.open_test()
    units, origins = OwnUnits.of(split, test.spans), test.origins()
    seasons = split.series.season
    judged = {
        b.name: judge(b.forecast, test, most_seconds, "test", seasons) if b.forecast else None
        for b in baselines
    }
    forecasts = _Forecasts(test)
    own, label = forecasts.of(chosen), label_of(chosen)
    tested_on = {name: (found.forecasts, found.origins) for name, found in judged.items() if found}
    tested_on[label] = own, origins
    deviations = _deviations(mean, split, test, plan) if plan.levels else None
    intervals = {
        name: Intervals(
            conformal,
            plan.levels,
            units.errors(*tested_on[name]),
            tested_on[name][1],
            deviations if name == label else None,
        )
        for name, conformal in calibrated.items()
    }
    tested = [PartErrors.of(own, test, units, intervals.get(label))]
    if isinstance(chosen, Finalist):
        others = [refit for refit in chosen.refits if refit is not chosen.best]
        tested += [PartErrors.of(forecasts.of_network(refit), test, units) for refit in others]
    errors = {
        name: PartErrors.of(found.forecasts, test.at(found.origins), units, intervals.get(name))
        if found
        else None
        for name, found in judged.items()
    }
    return Verdict(
        chosen,
        tuple(finalists),
        tuple(averages),
        tuple(tested),
        tuple(baselines),
        judged,
        errors,
        _compare(own, baselines, judged, test, seasons),
        _tabulate_last(split, test, chosen, own, finalists, baselines, judged, intervals),
        most_seconds,
        _point_mse([*finalists, *averages], forecasts, test, origins, look_back),
        mean,
        calibrated[label].joined(units.errors(own, origins), deviations) if calibrated else None,
        _tabulate_series(split, test, {label: tested[0], **errors}),
    )


def _tabulate_series(
    split: Split, test: Part, errors: Mapping[str, PartErrors | None]
) -> pd.DataFrame | None:
    """Tabulate errors by series, by what forecasts are called; None of a single series."""
    of = test.series_of(test.origins())
    if of is None:
        return None
    windows = np.bincount(of, minlength=split.series.layout.count)
    known = {name: each.by_series for name, each in errors.items() if each and each.by_series}
    return tabulate_series(split, windows, known)


def deployed_mean(chosen: Point) -> Mean:
    """Return what forecasts where a point is deployed: of a trial the best of its refits."""
    return Mean.of(chosen.best.member) if isinstance(chosen, Finalist) else chosen.mean


def _calibrate(
    plan: IntervalPlan,
    chosen: Point,
    mean: Mean,
    split: Split,
    baselines: Sequence[FittedBaseline],
    most_seconds: float,
) -> dict[str, Conformal]:
    """Return what the intervals of all that may be compared rest on, by label or name."""
    if not plan.levels:
        return {}
    networks = [mean]
    if isinstance(chosen, Finalist):
        older = zip(chosen.best.older_members, split.older, strict=True)
        networks += [Mean.of(m).knowing(plan.scale, fold.train) for m, fold in older]
    found = {label_of(chosen): calibrate(plan, split, networks)}
    for baseline in baselines:
        of_baseline = calibrate_baseline(plan, split, baseline, most_seconds)
        if of_baseline is not None:
            found[baseline.name] = of_baseline
    return found


def _deviations(mean: Mean, split: Split, part: Part, plan: IntervalPlan) -> Floats:
    """Return how far forecasts may be off [windows, horizon], by what is deployed itself."""
    return mean.deviations(part, plan.scale) * split.scaling.deviation


class _Forecasts:
    """Forecasts of a part at every origin [windows, horizon], each network's made once."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._made: dict[int, NDArray[np.float32]] = {}

    def of(self, point: Point) -> NDArray[np.float32]:
        """Forecast as a point would, were it deployed."""
        if isinstance(point, Finalist):
            return self.of_network(point.best)
        each = [self._once(m.refit or m.member, m.member) for m in point.members]
        return point.mean.mean_of(each)

    def of_network(self, refit: Refit) -> NDArray[np.float32]:
        return self._once(refit, refit.member)

    def _once(self, key: object, member: Member) -> NDArray[np.float32]:
        if id(key) not in self._made:
            self._made[id(key)] = member(self._part)
        return self._made[id(key)]


def _point_mse(
    points: Sequence[Point],
    forecasts: _Forecasts,
    test: Part,
    origins: NDArray[np.int64],
    look_back: Callable[[], bool],
) -> tuple[float, ...]:
    """Return the squared error of each point; nothing where there is no time for all."""
    targets, mask = test.gather_targets(origins)
    found = []
    for point in points:
        if not look_back():
            return ()
        found.append(score(forecasts.of(point), targets, mask).mse)
    return tuple(found)


def _compare(
    own: NDArray[np.float32],
    baselines: Sequence[FittedBaseline],
    judged: Mapping[str, Judged | None],
    test: Part,
    seasons: tuple[int, ...],
) -> Comparison | None:
    """Compare forecasts with the best baseline on validation, on the windows that it forecast.

    None where there is none.
    """
    mse = {b.name: b.validation.mse for b in baselines if b.validation}
    best = min(mse, key=lambda name: mse[name], default="")
    rival = judged.get(best)
    if rival is None:
        return None
    targets, mask = test.gather_targets(rival.origins)
    places = np.searchsorted(test.origins(), rival.origins)
    errors = window_errors(own[places], targets, mask)
    if (of := test.series_of(rival.origins)) is not None:
        rows = rival.origins - test.first_rows(rival.origins)
        return compare_panel(best, errors, rival.errors, of, rows - rows.min(), test.shape.horizon)
    lags = max(test.shape.horizon, min(seasons, default=0))
    return compare(best, errors, rival.errors, rival.lags(lags))


def _tabulate_last(
    split: Split,
    test: Part,
    chosen: Point,
    own: NDArray[np.float32],
    finalists: Sequence[Finalist],
    baselines: Sequence[FittedBaseline],
    judged: Mapping[str, Judged | None],
    intervals: Mapping[str, Intervals],
) -> pd.DataFrame:
    """Tabulate the last forecasts of validation and test, models by what they are called."""
    part = split.validation
    last = part.at(last_origins(part, "validation"))
    seen = {b.name: b.judged.last for b in baselines if b.judged}
    seen |= {label_of(f): f.best.member(last) for f in finalists}
    if isinstance(chosen, Average):
        seen[label_of(chosen)] = chosen.mean(last)
    shown = {name: found.last for name, found in judged.items() if found}
    shown[label_of(chosen)] = own[np.searchsorted(test.origins(), last_origins(test, "test"))]
    tables = [
        tabulate(split, part, "validation", seen),
        tabulate(split, test, "test", shown, intervals),
    ]
    return pd.concat(tables, ignore_index=True)
