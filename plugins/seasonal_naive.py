"""Repeat the value of one season before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmopt import Strategy, hookimpl
from lstmopt.data.windows import Part
from lstmopt.forecasting.baseline_state import BaselineState
from lstmopt.forecasting.baselines import best_on, repeat
from lstmopt.forecasting.judging import Forecast


class SeasonalNaive:
    """Forecasts the value of one season before; which season, validation says."""

    def fit(self, train: Part, validation: Part, seasons: Sequence[int]) -> Forecast | None:
        """Return the best season's forecast, None for a series without any.

        Args:
            train: Windows and targets, scaled.
            validation: What follows.
            seasons: Season lengths, in rows.

        Returns:
            The forecast.
        """
        before = validation.spans.before - validation.shape.window
        usable = [season for season in seasons if season < before]
        return best_on(validation, [_OfSeason(season) for season in usable])

    def state(self, forecast: _OfSeason) -> BaselineState:
        """Return the season.

        Args:
            forecast: What was fitted.

        Returns:
            The state.
        """
        return BaselineState(forecast.season, settings={"season": forecast.season})

    def restore(self, state: BaselineState) -> _OfSeason:
        """Return the forecast of a season.

        Args:
            state: What `state` returned.

        Returns:
            The forecast.
        """
        return _OfSeason(state.settings["season"])

    def refit(self, forecast: _OfSeason, train: Part) -> _OfSeason:
        """Return the forecast of the same season.

        Args:
            forecast: What was fitted.
            train: Windows and targets, scaled.

        Returns:
            The forecast.
        """
        return forecast


@dataclass(frozen=True)
class _OfSeason:
    season: int

    def __call__(self, part: Part) -> NDArray[np.float32]:
        origins, leads = part.origins(), np.arange(1, part.shape.horizon + 1)
        rows = origins[:, None] + leads - self.season * -(-leads // self.season)
        first = part.first_rows(origins)[:, None]
        there = (rows >= first) & part.usable[np.maximum(rows, 0)]  # [windows, horizon]
        return np.where(there, part.targets[np.maximum(rows, 0)], repeat(part))


@hookimpl
def lstmopt_baselines() -> list[Strategy]:
    """Return ``seasonal_naive``."""
    return [
        Strategy(
            "seasonal_naive",
            SeasonalNaive,
            "repeats the value of one season before",
            "Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 5.2, "
            "https://otexts.com/fpp3/simple-methods.html",
        )
    ]
