"""Plug-ins of one file, as a user writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import optuna

from lstmopt import Objective, Strategy
from lstmopt.epoch import Epoch
from lstmopt.objectives import ForecastCost
from lstmopt.search_space import Architecture

COST = ForecastCost(Architecture.of({"hidden_size": 8}), 0.5, 0.0, 100)
EPOCH = Epoch(1, 0.5, 0.4, 0.3, 0.6, 1.0)


FORECAST_OBJECTIVE = """
import numpy as np

WEIGHT = 4.0

def cost(found):
    errors = (found.forecasts - found.truth)[found.observed]
    return float(np.where(errors < 0, -WEIGHT * errors, errors).mean())

@hookimpl
def lstmopt_objectives():
    return [Objective("cost", "minimize", "forecast", cost, "a cost of one's own")]
"""
"""A metric of one's own, whose function needs what stands beside it in its file."""


def write_plugin(folder: Path, source: str) -> Path:
    """Write a plug-in's file; every name of ``lstmopt`` that it needs is imported in it."""
    path = folder / "mine.py"
    path.write_text(f"from lstmopt import Objective, Strategy, hookimpl\n{source}")
    return path


def fail(*_: Any, **__: Any) -> NoReturn:
    """Stand for a plug-in's function that has a bug."""
    raise KeyError("a bug")


def objective_of(measure: Callable[[Any], Any], kind: str = "static", name: str = "mine"):
    return Objective(name, "minimize", kind, measure, "a summary", package="mine.py")


def strategy_of(make: Callable[..., Any], **more: Any) -> Strategy:
    return Strategy("mine", make, "a summary", "", package="mine.py", **more)


class Uniform(optuna.samplers.BaseSampler):
    """A sampler of one's own, whose methods a test replaces one by one."""

    def __init__(self, **methods: Any) -> None:
        self._random = optuna.samplers.RandomSampler(seed=0)
        for name, method in methods.items():
            setattr(self, name, method)

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        return self._random.sample_independent(study, trial, param_name, param_distribution)
