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
    from lstmopt.epoch import Epoch as Epoch
    from lstmopt.errors import LstmoptError as LstmoptError
    from lstmopt.forecasting.forecaster import Forecaster as Forecaster
    from lstmopt.forecasting.model_history import ModelUpdate as ModelUpdate
    from lstmopt.objectives import ForecastCost as ForecastCost
    from lstmopt.plugin.hookspecs import hookimpl as hookimpl
    from lstmopt.plugin.network import Network as Network
    from lstmopt.plugin.strategy import Objective as Objective
    from lstmopt.plugin.strategy import Strategy as Strategy
    from lstmopt.pruning.pareto_pruner import ParetoPruner as ParetoPruner
    from lstmopt.pruning.pruners import Decision as Decision
    from lstmopt.pruning.pruners import Pruner as Pruner
    from lstmopt.pruning.trial_curves import Trials as Trials
    from lstmopt.pruning.trial_curves import TrialView as TrialView
    from lstmopt.report.run import Run as Run
    from lstmopt.report.run import load as load
    from lstmopt.search_space import Choice as Choice
    from lstmopt.search_space import Hyperparameter as Hyperparameter
    from lstmopt.search_space import Range as Range
    from lstmopt.search_space import Space as Space
    from lstmopt.training.metrics import ScoredForecasts as ScoredForecasts
    from lstmopt.warm_start.protocols import Beginning as Beginning
    from lstmopt.warm_start.protocols import Observation as Observation
    from lstmopt.warm_start.protocols import PastStudy as PastStudy
    from lstmopt.warm_start.protocols import PastTrial as PastTrial
    from lstmopt.workflow.deployed_model import update as update
    from lstmopt.workflow.run_study import run as run

_PUBLIC = {
    "Beginning": "warm_start.protocols",
    "Choice": "search_space",
    "Config": "config.options",
    "Decision": "pruning.pruners",
    "Epoch": "epoch",
    "ForecastCost": "objectives",
    "Forecaster": "forecasting.forecaster",
    "Hyperparameter": "search_space",
    "LstmoptError": "errors",
    "ModelUpdate": "forecasting.model_history",
    "Network": "plugin.network",
    "Objective": "plugin.strategy",
    "Observation": "warm_start.protocols",
    "ParetoPruner": "pruning.pareto_pruner",
    "PastStudy": "warm_start.protocols",
    "PastTrial": "warm_start.protocols",
    "Pruner": "pruning.pruners",
    "Range": "search_space",
    "Run": "report.run",
    "ScoredForecasts": "training.metrics",
    "Space": "search_space",
    "Strategy": "plugin.strategy",
    "TrialView": "pruning.trial_curves",
    "Trials": "pruning.trial_curves",
    "hookimpl": "plugin.hookspecs",
    "load": "report.run",
    "make_config": "config.study_file",
    "read_config": "config.study_file",
    "run": "workflow.run_study",
    "update": "workflow.deployed_model",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lstmopt' has no attribute {name!r}")
    return getattr(import_module(f"lstmopt.{_PUBLIC[name]}"), name)
