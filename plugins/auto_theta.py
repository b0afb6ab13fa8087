"""The Theta method, of which the form is chosen."""

from __future__ import annotations

from lstmopt import Strategy, hookimpl
from lstmopt.forecasting.statistical import StatisticalBaseline


def make(*, most_rows: int = 1_000, longest_season: int = 333) -> StatisticalBaseline:
    """Make statsforecast's AutoTheta on the target alone: the best of four forms in training.

    Its parameters are fitted once; each forecast carries its level on over the rows before its
    origin and takes their trend and season. A level that began elsewhere weighs nothing after a few
    hundred rows: at each, at least a tenth of it is forgotten. The season is the shortest plausible
    one. Needs ``pip install 'lstmopt[statsforecast]'``.

    Args:
        most_rows: The latest rows of training that it is fitted on, and those before an origin that
            a forecast is made from.
        longest_season: In rows; one that is longer is left out.

    Returns:
        The baseline.

    References:
        Fiorucci et al., Models for optimising the theta method and their relationship to state
        space models, International Journal of Forecasting 32, 2016,
        https://doi.org/10.1016/j.ijforecast.2016.02.005
    """
    from statsforecast.models import AutoTheta  # takes seconds

    return StatisticalBaseline(AutoTheta, most_rows, longest_season, forgets=True)


@hookimpl
def lstmopt_baselines() -> list[Strategy]:
    """Return ``auto_theta``."""
    return [
        Strategy(
            "auto_theta",
            make,
            "the Theta method, standard or optimised, static or dynamic (statsforecast)",
            "Fiorucci et al., Models for optimising the theta method and their relationship to "
            "state space models, International Journal of Forecasting 32, 2016, "
            "https://doi.org/10.1016/j.ijforecast.2016.02.005",
            needs="statsforecast",
        )
    ]
