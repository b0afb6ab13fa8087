"""Intervals of what may be deployed: which levels there are rows for, and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from lstmopt.config.options import IntervalOptions
from lstmopt.data.split import Split
from lstmopt.data.windows import Fold
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baselines import FittedBaseline
from lstmopt.forecasting.conformal import (
    Conformal,
    Floats,
    highest_level,
    thinned,
    too_few,
)
from lstmopt.forecasting.judging import judge
from lstmopt.forecasting.levels import LEVELS, Scale, check_levels, level_text
from lstmopt.forecasting.members import Mean
from lstmopt.search_space.quantiles import check_quantiles, quantiles_of_levels
from lstmopt.training.own_units import OwnUnits


@dataclass(frozen=True)
class IntervalPlan:
    """Which intervals a study has: levels in per cent, ascending, and how they are made."""

    levels: tuple[float, ...] = ()
    adaptive: bool = False
    scale: Scale = "constant"

    @classmethod
    def of(cls, split: Split, options: IntervalOptions) -> IntervalPlan:
        """Return what a study's options come to. Raises LstmoptError as `interval_levels` does."""
        levels = interval_levels(split, options)
        return cls(levels, bool(options.adaptive), options.scale or "constant")

    def calibrated(self, errors: Floats, deviations: Floats | None = None) -> Conformal:
        """Return what errors on the calibration part give, with the forecasts' deviations."""
        return Conformal.of(errors, self.adaptive, self.scale, deviations)


_FEWEST_WINDOWS = 40
"""Windows that are left in either half where validation is halved by default."""


def with_defaults(
    options: IntervalOptions,
    rows: int,
    horizon: int,
    folds: int = 1,
    forecast: bool = False,
    panel: bool = False,
) -> IntervalOptions:
    """Return a study's options with what they leave open; see docs/intervals.md for why it is so.

    Args:
        options: The study's.
        rows: Those of the validation part.
        horizon: Rows forecast at once.
        folds: How many the study has: of several all are calibrated on.
        forecast: Whether networks forecast quantiles where nobody says it.
        panel: Whether there are several series.

    Returns:
        The options, in which nothing is open but the levels.

    Raises:
        LstmoptError: For ends that are to follow errors in a panel.
    """
    adaptive = not panel if options.adaptive is None else options.adaptive
    if adaptive and panel:
        raise LstmoptError(
            "intervals.adaptive follows the errors of one series, found it true with several: "
            "leave it out"
        )
    share = _share(options, rows, horizon) if folds == 1 else options.calibration or 0.0
    quantiles = options.quantiles
    if quantiles is None:
        quantiles = "levels" if forecast and options.levels != () else ()
    if quantiles == "levels":
        quantiles = quantiles_of_levels(options.levels or LEVELS)
    quantiles = check_quantiles(quantiles)
    scale = options.scale or ("quantile" if quantiles else "constant")
    known = {"calibration": share, "adaptive": adaptive, "quantiles": quantiles, "scale": scale}
    return replace(options, **known)


def _share(options: IntervalOptions, rows: int, horizon: int) -> float:
    """Return the share of validation that is calibrated on: a half where both have windows."""
    if options.calibration is not None:
        return options.calibration
    windows = rows // 2 - horizon + 1
    return 0.5 if options.levels != () and windows >= _FEWEST_WINDOWS else 0.0


def interval_levels(split: Split, options: IntervalOptions) -> tuple[float, ...]:
    """Return the levels of a study's intervals, ascending.

    Raises LstmoptError for one that was asked for and that there are too few rows to calibrate.
    """
    count = _fewest(split)
    levels = check_levels(LEVELS if options.levels is None else options.levels)
    reached = tuple(level for level in levels if level <= 100 * highest_level(count))
    if options.levels is not None and reached != levels:
        raise too_few(levels[-1], count)
    return reached


def level_notices(split: Split, options: IntervalOptions) -> list[str]:
    """Say which levels that nobody asked for are left out."""
    missing = sorted(set(LEVELS) - set(interval_levels(split, options)))
    if options.levels is not None or not missing:
        return []
    return [
        f"intervals of {' and '.join(map(level_text, missing))} % are left out: there are "
        f"{_fewest(split)} forecasts to calibrate them on, which reach "
        f"{100 * highest_level(_fewest(split)):.3g} %"
    ]


def _fewest(split: Split) -> int:
    """Count the forecasts to calibrate on of the lead that has the fewest."""
    masks = [
        fold.validation.gather_targets(thinned(fold.validation.origins()))[1]
        for fold in split.calibration_folds()
    ]
    return int(sum(mask.sum(axis=0) for mask in masks).min())


def calibrate(plan: IntervalPlan, split: Split, networks: Sequence[Mean]) -> Conformal:
    """Return what the intervals of a model rest on.

    Where a study has several folds and keeps no rows for it, that is cross-conformal: on each the
    errors are those of the network that was trained on that fold's training part.

    Args:
        plan: Which intervals the study has.
        split: Its rows.
        networks: What forecasts on each fold, the newest first; it knows what ``plan.scale`` takes.

    Returns:
        It.

    References:
        Vovk, Cross-conformal predictors, Annals of Mathematics and Artificial Intelligence 74,
        2015, https://doi.org/10.1007/s10472-013-9368-4
    """
    found = [
        _on_fold(plan, split, mean, fold)
        for mean, fold in zip(networks, split.calibration_folds(), strict=False)
    ]
    errors, deviations = zip(*reversed(found), strict=True)  # in time's order
    return plan.calibrated(np.concatenate(errors), np.concatenate(deviations, axis=1))


def _on_fold(plan: IntervalPlan, split: Split, mean: Mean, fold: Fold) -> tuple[Floats, Floats]:
    """Return errors [windows, horizon] and deviations [2, windows, horizon] on a fold."""
    part, units = fold.validation, _units(split, fold)
    deviations = mean.deviations(part, plan.scale) * units.scaling.deviation
    return units.errors(mean(part), part.origins()), deviations


def calibrate_baseline(
    plan: IntervalPlan, split: Split, baseline: FittedBaseline, most_seconds: float
) -> Conformal | None:
    """Return what a baseline's intervals rest on; None for one that has no forecasts.

    On the same rows as a model's. All its forecasts of the rows that were kept take
    ``most_seconds`` at most: else a sample is looked at.
    """
    if baseline.forecast is None or baseline.judged is None:
        return None
    newest, *older = split.calibration_folds()
    judged = baseline.judged
    if newest.validation is not split.validation:
        seasons = split.series.season
        judged = judge(baseline.forecast, newest.validation, most_seconds, "validation", seasons)
    each = zip((newest, *older), (judged, *baseline.older), strict=False)
    errors = [
        _units(split, fold).errors(found.forecasts, found.origins) for fold, found in each if found
    ]
    return plan.calibrated(np.concatenate(errors[::-1]))


def _units(split: Split, fold: Fold) -> OwnUnits:
    return OwnUnits.of_fold(split.series, fold, split.scaling.target, split.by_series)
