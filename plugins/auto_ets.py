"""Exponential smoothing, of which the form is chosen."""

from __future__ import annotations

from lstmopt import Strategy, hookimpl
from lstmopt.forecasting.statistical import StatisticalBaseline


def make(*, most_rows: int = 1_000, longest_season: int = 96) -> StatisticalBaseline:
    """Make statsforecast's AutoETS on the target alone: error, trend and season by AICc.

    Its parameters are fitted once; each forecast carries its states on, from the first row that was
    fitted on up to the origin. The season is the shortest plausible one. Needs
    ``pip install 'lstmopt[statsforecast]'``.

    Args:
        most_rows: The latest rows of training that it is fitted on.
        longest_season: In rows; one that is longer is left out, as it would be fitted for long.

    Returns:
        The baseline.

    References:
        Hyndman and Khandakar, Automatic time series forecasting: the forecast package for R,
        Journal of Statistical Software 27, 2008, https://doi.org/10.18637/jss.v027.i03
    """
    from statsforecast.models import AutoETS  # takes seconds

    return StatisticalBaseline(AutoETS, most_rows, longest_season, forgets=False)


@hookimpl
def lstmopt_baselines() -> list[Strategy]:
    """Return ``auto_ets``."""
    return [
        Strategy(
            "auto_ets",
            make,
            "exponential smoothing whose error, trend and season are chosen (statsforecast)",
            "Hyndman and Khandakar, Automatic time series forecasting: the forecast package for R, "
            "Journal of Statistical Software 27, 2008, https://doi.org/10.18637/jss.v027.i03",
            needs="statsforecast",
        )
    ]
