"""A metric of one's own in a file: what forecasts cost where too little is dearer than too much.

    lstmopt run --data sales.csv --target sales --plugin asymmetric_cost.py
    --objective asymmetric_cost --objective latency_ms

A shop that orders by its forecast loses a margin for each item that is missing and pays for storing
each that is left over. That cost is linear on both sides, and is lowest for the quantile that the
two prices give (Koenker and Bassett, Regression quantiles, Econometrica 46, 1978,
https://doi.org/10.2307/1913643).
"""

from __future__ import annotations

import numpy as np

from lstmopt import Objective, ScoredForecasts, hookimpl

MISSING, LEFT_OVER = 4.0, 1.0
"""What one unit of the target costs that was not forecast, and one that did not come."""


def asymmetric_cost(found: ScoredForecasts) -> float:
    """Measure the mean cost of a forecast over all leads.

    Args:
        found: Forecasts of the validation part beside the truth, in the target's own units.

    Returns:
        The cost of one row, of those rows that were observed.
    """
    missing = (found.truth - found.forecasts)[found.observed]
    return float(np.where(missing > 0, MISSING * missing, -LEFT_OVER * missing).mean())


@hookimpl
def lstmopt_objectives() -> list[Objective]:
    """Return ``asymmetric_cost``."""
    return [
        Objective(
            "asymmetric_cost",
            "minimize",
            "forecast",
            asymmetric_cost,
            "mean cost of a forecast: 4 a unit that is missing, 1 a unit that is left over",
        )
    ]
