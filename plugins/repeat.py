"""Repeat the last value."""

from __future__ import annotations

from collections.abc import Sequence

from lstmopt import Strategy, hookimpl
from lstmopt.data.windows import Part
from lstmopt.forecasting.baseline_state import BaselineState
from lstmopt.forecasting.baselines import repeat
from lstmopt.forecasting.judging import Forecast


class Repeat:
    """Forecasts the last value at every lead."""

    def fit(self, train: Part, validation: Part, seasons: Sequence[int]) -> Forecast:
        """Return the forecast; there is nothing to fit.

        Args:
            train: Windows and targets, scaled.
            validation: What follows.
            seasons: Season lengths, in rows.

        Returns:
            The forecast.
        """
        return repeat

    def state(self, forecast: Forecast) -> BaselineState:
        """Return that it looks at one row.

        Args:
            forecast: What was fitted.

        Returns:
            The state.
        """
        return BaselineState(1)

    def restore(self, state: BaselineState) -> Forecast:
        """Return the forecast.

        Args:
            state: What `state` returned.

        Returns:
            The forecast.
        """
        return repeat

    def refit(self, forecast: Forecast, train: Part) -> Forecast:
        """Return the forecast; there is nothing to fit.

        Args:
            forecast: What was fitted.
            train: Windows and targets, scaled.

        Returns:
            The forecast.
        """
        return repeat


@hookimpl
def lstmopt_baselines() -> list[Strategy]:
    """Return ``repeat``."""
    return [
        Strategy(
            "repeat",
            Repeat,
            "repeats the last value",
            "Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 5.2, "
            "https://otexts.com/fpp3/simple-methods.html",
        )
    ]
