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
    _check_scale(found, "val_mae")
    return found.metrics().mase


def val_pinball(found: ScoredForecasts) -> float:
    """Measure the mean pinball loss over all quantiles and leads.

    Args:
        found: Forecasts of the validation part beside the truth.

    Returns:
        The loss in the target's own units; of a forecaster without quantiles half its mean absolute
        error.
    """
    return found.pinball_loss()


def val_sql(found: ScoredForecasts) -> float:
    """Measure the scaled quantile loss: twice the pinball loss over the naive forecast's error.

    Args:
        found: Forecasts of the validation part beside the truth.

    Returns:
        It; of a forecaster without quantiles its mean absolute scaled error.

    Raises:
        ValueError: Where the seasonal naive forecast makes no error, or has nothing to repeat.

    References:
        AutoGluon, SQL, https://auto.gluon.ai/stable/tutorials/timeseries/forecasting-metrics.html
    """
    _check_scale(found, "val_pinball")
    return found.scaled_quantile_loss()


def _check_scale(found: ScoredForecasts, other: str) -> None:
    """Refuse a series whose seasonal naive forecast makes no error.

    Raises:
        ValueError: There, and where it has nothing to repeat.
    """
    if not found.scale > 0:
        raise ValueError(
            "a scaled error divides by the seasonal naive forecast's on the training rows, found "
            f"{found.scale:g}: choose {other}"
        )


@hookimpl
def lstmopt_objectives() -> list[Objective]:
    """Return ``val_mase``, ``val_pinball`` and ``val_sql``."""
    return [
        Objective(
            "val_mase",
            "minimize",
            "forecast",
            val_mase,
            "mean absolute error over that of the seasonal naive forecast on the training rows",
        ),
        Objective(
            "val_pinball",
            "minimize",
            "forecast",
            val_pinball,
            "mean pinball loss over quantiles",
            quantiles=True,
        ),
        Objective(
            "val_sql",
            "minimize",
            "forecast",
            val_sql,
            "scaled quantile loss: twice the pinball loss over the seasonal naive forecast's error",
            quantiles=True,
        ),
    ]
