"""Multi-objective studies of LSTM forecasters: accurate and fast.

The public names are imported when they are first used, so that ``import lstmopt`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmopt.config.options import Config as Config
    from lstmopt.config.study_file import make_config as make_config
    from lstmopt.config.study_file import read_config as read_config
    from lstmopt.errors import LstmoptError as LstmoptError
    from lstmopt.forecasting.forecaster import Forecaster as Forecaster
    from lstmopt.plugin.hookspecs import hookimpl as hookimpl
    from lstmopt.plugin.strategy import Objective as Objective
    from lstmopt.plugin.strategy import Strategy as Strategy
    from lstmopt.pruning.pareto_pruner import ParetoPruner as ParetoPruner
    from lstmopt.report.run import Run as Run
    from lstmopt.report.run import load as load
    from lstmopt.workflow.run_study import run as run

_PUBLIC = {
    "Config": "config.options",
    "make_config": "config.study_file",
    "read_config": "config.study_file",
    "LstmoptError": "errors",
    "Forecaster": "forecasting.forecaster",
    "hookimpl": "plugin.hookspecs",
    "Objective": "plugin.strategy",
    "load": "report.run",
    "ParetoPruner": "pruning.pareto_pruner",
    "Run": "report.run",
    "Strategy": "plugin.strategy",
    "run": "workflow.run_study",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lstmopt' has no attribute {name!r}")
    return getattr(import_module(f"lstmopt.{_PUBLIC[name]}"), name)
