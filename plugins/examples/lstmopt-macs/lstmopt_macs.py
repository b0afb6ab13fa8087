"""An objective for lstmopt: how many multiplications one forecast takes.

Latency is that of one machine. Where a network will run on another, such as a microcontroller
without a measurement yet, the multiply-accumulates are what its time and energy grow with
(Horowitz, Computing's energy problem, ISSCC 2014, gives what each costs).
"""

from __future__ import annotations

from lstmopt import ForecastCost, Objective, hookimpl


def kilo_macs(cost: ForecastCost) -> float:
    """Count the multiply-accumulates of one forecast.

    Four gates a layer and step, each with the layer's inputs and its own state, and the linear head
    once; what is done element by element is left out.

    Args:
        cost: What one forecast of an architecture costs.

    Returns:
        Thousands of multiply-accumulates.
    """
    hidden = int(cost["hidden_size"])
    inputs = [cost.features, *[hidden] * (int(cost["num_layers"]) - 1)]
    gates = sum(4 * hidden * (size + hidden) for size in inputs)
    return (cost.window * gates + hidden * cost.horizon) / 1000


@hookimpl
def lstmopt_objectives() -> list[Objective]:
    """Return ``kilo_macs``."""
    return [
        Objective(
            "kilo_macs",
            "minimize",
            "static",
            kilo_macs,
            "multiply-accumulates of one forecast, in thousands",
            "kMAC",
            "log",
        )
    ]
