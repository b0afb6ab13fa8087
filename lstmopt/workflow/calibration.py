"""Intervals of what may be deployed: which levels there are rows for, and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from lstmopt.config.options import IntervalOptions
from lstmopt.data.split import Split
from lstmopt.data.windows import Part
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
    options: IntervalOptions, rows: int, horizon: int, measured: bool = False
) -> IntervalOptions:
    """Return a study's options with what they leave open; see docs/intervals.md for why it is so.

    Args:
        options: The study's.
        rows: Those of the validation part.
        horizon: Rows forecast at once.
        measured: Whether an objective measures quantiles.

    Returns:
        The options, in which nothing is open but the levels.
    """
    adaptive = horizon == 1 if options.adaptive is None else options.adaptive
    share = _share(options, rows, horizon)
    quantiles = options.quantiles
    if quantiles is None:
        quantiles = "levels" if measured else ()
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
    part = split.calibration()
    _, mask = part.gather_targets(thinned(part.origins()))
    return int(mask.sum(axis=0).min())


def errors_of(split: Split, part: Part, forecasts: NDArray[np.float32]) -> Floats:
    """Return the errors of scaled forecasts at every origin of a part, both [windows, horizon]."""
    return OwnUnits.of(split, part.rows[1]).errors(forecasts, part.origins())


def baseline_errors(
    split: Split, part: Part, baseline: FittedBaseline, most_seconds: float
) -> Floats | None:
    """Return a baseline's errors on the calibration part; None for one that has no forecasts."""
    if baseline.forecast is None or baseline.judged is None:
        return None
    judged = baseline.judged
    if part is not split.validation:
        judged = judge(baseline.forecast, part, most_seconds, 0, split.series.season)
    return errors_of(split, part.at(judged.origins), judged.forecasts)
