"""Objectives that an architecture has before any training."""

from __future__ import annotations

from lstmopt import Objective, hookimpl


@hookimpl
def lstmopt_objectives() -> list[Objective]:
    """Return ``latency_ms``, ``parameters`` and ``model_mb``."""
    return [
        Objective(
            "latency_ms",
            "minimize",
            "static",
            lambda cost: float(cost.latency_ms),
            "median time of one forecast on the study's device",
            "ms",
            "log",
        ),
        Objective(
            "parameters",
            "minimize",
            "static",
            lambda cost: float(cost.parameters),
            "number of weights",
            "",
            "log",
        ),
        Objective(
            "model_mb",
            "minimize",
            "static",
            lambda cost: float(cost.model_mb),
            "size of the weights",
            "MB",
            "log",
        ),
    ]
