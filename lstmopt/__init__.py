"""Multi-objective studies of LSTM forecasters: accurate and fast.

The public names are imported when they are first used, so that ``import lstmopt`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmopt.config import Config as Config
    from lstmopt.config import make_config as make_config
    from lstmopt.config import read_config as read_config
    from lstmopt.errors import LstmoptError as LstmoptError
    from lstmopt.forecaster import Forecaster as Forecaster
    from lstmopt.hookspecs import hookimpl as hookimpl
    from lstmopt.job import run as run
    from lstmopt.loaded import Run as Run
    from lstmopt.loaded import load as load
    from lstmopt.pareto_pruner import ParetoPruner as ParetoPruner
    from lstmopt.registry import Objective as Objective
    from lstmopt.registry import Strategy as Strategy

_PUBLIC = {
    "Config": "config",
    "make_config": "config",
    "read_config": "config",
    "LstmoptError": "errors",
    "Forecaster": "forecaster",
    "hookimpl": "hookspecs",
    "Objective": "registry",
    "load": "loaded",
    "ParetoPruner": "pareto_pruner",
    "Run": "loaded",
    "Strategy": "registry",
    "run": "job",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lstmopt' has no attribute {name!r}")
    return getattr(import_module(f"lstmopt.{_PUBLIC[name]}"), name)
