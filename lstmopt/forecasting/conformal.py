"""Conformal intervals: how far off forecasts were, lead by lead, on rows kept for that.

Loads no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.scaling import Scaling
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.levels import Scale, level_text
from lstmopt.forecasting.packing import packed, unpacked
from lstmopt.forecasting.quantile_tracking import known_before, track

Floats = NDArray[np.float64]

MOST_WINDOWS = 1_000
"""Windows whose errors are kept, evenly spread over time: neighbours say nearly the same."""

_MOST_FOLLOWED = 2_000
"""Later errors that are kept, the newest, where ends follow them."""

_LEAST = 0.1
"""A forecast is taken to be no surer of itself than so much of the median deviation."""

_SIGNED_FROM = 39
"""Windows from which each end has a quantile of its own: those of a level of 95 % exist then."""


@dataclass(frozen=True)
class Conformal:
    """Errors of forecasts on rows that these were not fitted to, and the intervals they give.

    An interval is the forecast and what it was off by: from `_SIGNED_FROM` windows on each end by a
    quantile of its own of the errors (Linusson, Johansson and Löfström, 2014), of fewer both by one
    of their absolute values.

    Of n errors the quantile q is the ⌈(n + 1) q⌉-th, counted from the end that it bounds: where the
    next error is as likely to have any place among them, it lies within at least as often as the
    level says (Vovk, Gammerman and Shafer, 2005). Errors of neighbouring windows are alike and a
    series changes, so that this holds about and not exactly. Adaptive ends follow the errors that
    come later (see `quantile_tracking.track`).

    Scaled intervals are as much wider as the forecast is less sure of itself: errors are counted in
    units of its own deviation, but for `_LEAST` of the usual one (Lei et al., 2018, 5.2), those
    below and above the forecast each in its own. Of forecast quantiles that is conformal quantile
    regression in its form for the median and both ends (Kivaranovic, Johnson and Leeb, 2020).

    Attributes:
        errors: Truth minus forecast [windows, horizon], both transformed (`TargetScale`), in time's
            order and in units of deviations (`in_units`), NaN where no truth was observed.
        later: Errors that came after these, which the ends follow; None where they do not.
        scale: By what intervals are scaled.
        least: The least deviation below and above that counts, by lead [2, 1, horizon]; None for
            constant intervals.

    References:
        Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, Springer 2005; Lei,
        G'Sell, Rinaldo, Tibshirani and Wasserman, Distribution-free predictive inference for
        regression, JASA 113, 2018, https://arxiv.org/abs/1604.04173 (split conformal); Linusson,
        Johansson and Löfström, Signed-error conformal regression, PAKDD 2014,
        https://doi.org/10.1007/978-3-319-06608-0_19; Romano, Patterson and Candès, Conformalized
        quantile regression, NeurIPS 2019, https://arxiv.org/abs/1905.03222; Kivaranovic, Johnson
        and Leeb, Adaptive, distribution-free prediction intervals for deep networks, AISTATS 2020,
        https://arxiv.org/abs/1905.10634; Stankevičiūtė, Alaa and van der Schaar,
        Conformal time-series forecasting, NeurIPS 2021 (by lead)
    """

    errors: Floats
    later: Floats | None = None
    scale: Scale = "constant"
    least: Floats | None = None

    @classmethod
    def of(
        cls,
        errors: Floats,
        adaptive: bool = False,
        scale: Scale = "constant",
        deviations: Floats | None = None,
    ) -> Conformal:
        """Return what errors give.

        Args:
            errors: Of forecasts on rows that they were not fitted to [windows, horizon].
            adaptive: Whether the ends follow what comes later.
            scale: By what intervals are scaled.
            deviations: Of what lies below and above the forecasts by this [2, windows, horizon];
                intervals are constant without any, and where all are 0.

        Returns:
            Those of `MOST_WINDOWS` windows at most.
        """
        later = errors[:0] if adaptive else None
        if scale == "constant" or deviations is None or not deviations.any():
            return cls(thinned(errors), later)
        usual = np.median(deviations, axis=1, keepdims=True)
        least = np.maximum(_LEAST * usual, np.finfo(np.float32).tiny)
        unit = _of_side(errors, np.maximum(deviations, least))
        return cls(thinned(errors / unit), later, scale, least)

    def joined(self, newer: Floats, deviations: Floats | None = None) -> Conformal:
        """Return these errors and newer ones.

        Args:
            newer: Errors of later windows [windows, horizon].
            deviations: Below and above their forecasts [2, windows, horizon].

        Returns:
            All of them, of `MOST_WINDOWS` windows at most; adaptive ends follow the newer ones.
        """
        newer = self.in_units(newer, deviations)
        if self.later is None:
            return replace(self, errors=thinned(np.concatenate([self.errors, newer])))
        return replace(self, later=np.concatenate([self.later, newer])[-_MOST_FOLLOWED:])

    def in_units(self, errors: Floats, deviations: Floats | None) -> Floats:
        """Return errors of forecasts in what they are counted in.

        Args:
            errors: Truth minus forecast [windows, horizon].
            deviations: Below and above the forecasts [2, windows, horizon], None for constant
                intervals.

        Returns:
            The errors in units [windows, horizon].
        """
        if self.least is None or deviations is None:
            return errors
        counted: Floats = errors / _of_side(errors, np.maximum(deviations, self.least))
        return counted

    def own(self, ends: Floats, deviations: Floats | None) -> Floats:
        """Return ends that are counted in units as what is added to forecasts.

        Args:
            ends: In units [windows or 1, horizon].
            deviations: As `in_units` takes them.

        Returns:
            The ends [windows or 1, horizon].
        """
        if self.least is None or deviations is None:
            return ends
        added: Floats = ends * _of_side(ends, np.maximum(deviations, self.least))
        return added

    @property
    def fewest(self) -> int:
        """How many errors the lead has that has the fewest."""
        return int(np.isfinite(self.errors).sum(axis=0).min(initial=len(self.errors)))

    @property
    def signed(self) -> bool:
        """Whether each end has a quantile of its own."""
        return self.fewest >= _SIGNED_FROM

    @property
    def highest(self) -> float:
        """The highest level that there are enough errors for, in per cent."""
        return 100 * highest_level(self.fewest)

    def bounds(self, level: float) -> tuple[Floats, Floats]:
        """Return how far below and above a forecast the ends of its interval lie.

        Args:
            level: In per cent.

        Returns:
            What is added to a transformed forecast of each lead for the lower and for the upper
            end, in its unit [horizon].

        Raises:
            LstmoptError: For a level that there are too few errors for.
        """
        if level > self.highest:
            raise too_few(level, self.fewest)
        share = level / 100
        each = [self._bounds_of_lead(errors, share) for errors in self._sorted]
        lower, upper = np.array(each).reshape(-1, 2).T
        if self.later is not None and len(self.later):
            lower, upper = (ends[-1] for ends in track(lower, upper, self.later, level))
        return lower, upper

    def bounds_along(
        self, level: float, errors: Floats, origins: NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        """Return `bounds` at each of several origins, by the errors that are known there.

        Args:
            level: In per cent.
            errors: Of the forecasts at these origins, in their units [windows, horizon].
            origins: The last rows that were read, ascending [windows].

        Returns:
            What is added to the forecasts for the lower and for the upper end, each
            [windows, horizon] where ends follow errors, else [1, horizon].

        Raises:
            LstmoptError: For a level that there are too few errors for.
        """
        lower, upper = self.bounds(level)
        if self.later is None:
            return lower[None], upper[None]
        horizon = errors.shape[1]
        known = known_before(origins, origins, horizon)
        lows, highs = track(lower, upper, errors, level)
        leads = np.arange(horizon)
        return lows[known, leads], highs[known, leads]

    @cached_property
    def _sorted(self) -> list[Floats]:
        """The errors of each lead, ascending; their absolute values where both ends go by them."""
        known = [column[np.isfinite(column)] for column in self.errors.T]
        return [np.sort(column if self.signed else np.abs(column)) for column in known]

    def _bounds_of_lead(self, errors: Floats, share: float) -> tuple[float, float]:
        count = len(errors)
        if not self.signed:
            reach = float(errors[_rank(count, share) - 1])
            return -reach, reach
        rank = _rank(count, (1 + share) / 2)
        return float(errors[count - rank]), float(errors[rank - 1])

    def description(self) -> dict[str, Any]:
        """Return it as plain values."""
        arrays = {"errors": self.errors, "later": self.later, "least": self.least}
        there = {name: array for name, array in arrays.items() if array is not None}
        return {"scale": self.scale, **packed(there)}

    @classmethod
    def restore(cls, content: Mapping[str, Any]) -> Conformal:
        """Return what was described."""
        arrays = {name: each for name, each in content.items() if name != "scale"}
        return cls(scale=content["scale"], **unpacked(arrays))


def _of_side(distances: Floats, unit: Floats) -> Floats:
    """Return the unit below for what lies below, else that above; the two are ``unit[0:2]``."""
    found: Floats = np.where(distances < 0, unit[0], unit[1])
    return found


def thinned(windows: NDArray[Any]) -> NDArray[Any]:
    """Return `MOST_WINDOWS` windows at most [windows, ...], evenly spread and the first too."""
    return windows[:: -(-len(windows) // MOST_WINDOWS) or 1]


def _rank(count: int, share: float) -> int:
    """Return which of ``count`` ascending errors bounds a share of those to come, from 1 on."""
    return math.ceil(round((count + 1) * share, 9))


def highest_level(count: int) -> float:
    """Return the highest level, as a share, that there are enough errors for."""
    if count < _SIGNED_FROM:
        return count / (count + 1)
    return (count - 1) / (count + 1)


def too_few(level: float, count: int) -> LstmoptError:
    """Return what is said where a level needs more errors than there are."""
    return LstmoptError(
        f"an interval of {level_text(level)} % needs more forecasts that can be compared with the "
        f"truth, found {count}, which reach {100 * highest_level(count):.3g} %: ask for a lower "
        "level or give more rows"
    )


Bounds = tuple[Floats, Floats]
"""What is added to transformed forecasts for both ends, each [windows or 1, horizon]."""


@dataclass(frozen=True)
class Intervals:
    """Intervals around forecasts at some origins.

    Attributes:
        conformal: What they rest on.
        levels: In per cent, ascending.
        errors: Those of the forecasts [windows, horizon]; None where no truth has come.
        origins: The last rows that were read before each [windows].
        deviations: Below and above the forecasts [2, windows, horizon], None for constant
            intervals.
    """

    conformal: Conformal
    levels: tuple[float, ...]
    errors: Floats | None = None
    origins: NDArray[np.int64] | None = None
    deviations: Floats | None = None

    def bounds(self, level: float) -> Bounds:
        """Return what is added to transformed forecasts for both ends.

        Args:
            level: In per cent, one of any.

        Returns:
            Each [windows, horizon] where ends follow errors or are scaled, else [1, horizon].

        Raises:
            LstmoptError: For a level that there are too few errors for.
        """
        if self.errors is None or self.origins is None:
            lower, upper = (end[None] for end in self.conformal.bounds(level))
        else:
            errors = self.conformal.in_units(self.errors, self.deviations)
            lower, upper = self.conformal.bounds_along(level, errors, self.origins)
        return (
            self.conformal.own(lower, self.deviations),
            self.conformal.own(upper, self.deviations),
        )

    def columns(
        self,
        name: str,
        scaled: NDArray[np.float32],
        scaling: Scaling,
        origins: NDArray[np.int64] | None = None,
        of: NDArray[np.int64] | None = None,
    ) -> dict[str, Floats]:
        """Return their ends as columns, named and in the order as NeuralForecast's are.

        Args:
            name: The forecast's column.
            scaled: The forecasts, scaled [windows, horizon].
            scaling: What made them so.
            origins: Where they were made, some of the intervals' or between them; None for all.
            of: Which series of a panel each is of [windows]; None of a single one.

        Returns:
            ``NAME-lo-90``, ``NAME-lo-80``, ``NAME-hi-80``, ``NAME-hi-90``, each
            [windows * horizon] in the target's own units.

        Raises:
            LstmoptError: For a level that there are too few errors for.
        """
        forecasts, unit = scaling.transformed(scaled, of), scaling.error_unit(of)
        lower, upper = {}, {}
        for level in self.levels:
            text = level_text(level)
            below, above = (self._at(bounds, origins) for bounds in self.bounds(level))
            lower[f"{name}-lo-{text}"] = scaling.target.own(forecasts + unit * below).ravel()
            upper[f"{name}-hi-{text}"] = scaling.target.own(forecasts + unit * above).ravel()
        return dict(reversed(lower.items())) | upper

    def _at(self, bounds: Floats, origins: NDArray[np.int64] | None) -> Floats:
        if origins is None or self.origins is None or len(bounds) == 1:
            return bounds
        places = np.searchsorted(self.origins, origins, "right") - 1
        found: Floats = bounds[np.maximum(places, 0)]
        return found
