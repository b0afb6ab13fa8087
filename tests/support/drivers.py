"""Drivers of small searches, with training scripted or real."""

from __future__ import annotations

import math

from lstmopt.epoch import Epoch
from lstmopt.execution.engine import Engine, InProcess
from lstmopt.objectives import ForecastCost, ForecastCosts, make_goals
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.pruners import make_pruner
from lstmopt.search.context import SearchContext
from lstmopt.search.driver import Driver
from lstmopt.search.observer import Observer
from lstmopt.search.search_plan import Plan
from lstmopt.search_space import parse_space
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.study_store import open_study
from lstmopt.training.trainer import Progress, advance
from support.parts import make_workload

REGISTRY = load_registry()


SPACE = parse_space(
    {"hidden_size": [4, 8], "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}
)


def goals_of(*names):
    return make_goals([REGISTRY.objective(name) for name in names])


GOALS = goals_of("val_loss", "latency_ms")


COSTS = {a: ForecastCost(a, a["hidden_size"] / 10, 0.0, 9) for a in SPACE.architectures()}


def make_plan(
    trials=6, sampler="random", space=SPACE, goals=GOALS, pruner="none", seconds=None, **more
):
    strategy = REGISTRY.strategy("sampler", sampler)
    made = make_pruner(REGISTRY, pruner)
    return Plan(3, space, goals, strategy, {}, made, trials, seconds, **more)


def in_process(call=None):
    workload = make_workload(epochs=3, patience=3)
    return Engine(InProcess(), 1, call or (lambda *args: advance(workload, *args)))


def open_here(path, goals=GOALS, url=""):
    return open_study("s", url, RunFolder(path), goals, {"objectives": goals.names})


def make_context(path, plan=None, observer=None, url="", costs=COSTS, registry=REGISTRY):
    plan = plan or make_plan()
    return SearchContext(
        open_here(path, plan.goals, url),
        plan,
        ForecastCosts(costs, plan.goals, plan.limits),
        RunFolder(path),
        registry,
        observer or Observer(),
    )


def make_driver(path, plan=None, engine=None, observer=None, **context):
    return Driver(make_context(path, plan, observer, **context), engine or in_process())


def outcome(records):
    return [(r.number, r.state, r.params, r.values, [e.val_loss for e in r.curve]) for r in records]


class Scripted:
    """Stands in for training: each candidate's losses come from a function."""

    def __init__(self, losses):
        self.losses = losses

    def __call__(self, candidate, checkpoint, epochs, seconds=math.inf):
        begun = int(checkpoint or b"0")
        losses = self.losses(candidate)
        new = losses[begun : begun + epochs]
        done = begun + len(new)
        rows = [Epoch(begun + n + 1, v, v, v, 1 - v, 1.0) for n, v in enumerate(new)]
        return Progress(str(done).encode(), tuple(rows), done == len(losses))
