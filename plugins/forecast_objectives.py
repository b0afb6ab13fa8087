"""Objectives that are measured from the validation part's forecasts, in the target's own units."""

from __future__ import annotations

from lstmopt import Objective, ScoredForecasts, hookimpl


def val_mase(found: ScoredForecasts) -> float:
    """Measure the mean absolute scaled error over all leads.

    Args:
        found: Forecasts of the validation part beside the truth.

    Returns:
        The mean absolute error over that of the seasonal naive forecast on the training rows: below
        1 it is better than that forecast was there.

    Raises:
        ValueError: Where that forecast makes no error, or has nothing to repeat.

    References:
        Hyndman and Koehler, Another look at measures of forecast accuracy, International Journal of
        Forecasting 22, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001
    """
    if not found.naive_mae > 0:
        raise ValueError(
            "MASE divides by the seasonal naive forecast's error on the training rows, found "
            f"{found.naive_mae:g}: choose val_mae"
        )
    return found.metrics().mase


@hookimpl
def lstmopt_objectives() -> list[Objective]:
    """Return ``val_mase``."""
    return [
        Objective(
            "val_mase",
            "minimize",
            "forecast",
            val_mase,
            "mean absolute error over that of the seasonal naive forecast on the training rows",
        )
    ]
