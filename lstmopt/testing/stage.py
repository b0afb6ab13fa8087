"""A study in memory whose training is a formula: the real driver, and no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import optuna

from lstmopt.epoch import Epoch
from lstmopt.execution.engine import Engine, InProcess
from lstmopt.objectives import ForecastCost, ForecastCosts, Goals, Limits, make_goals
from lstmopt.plugin.registry import Registry, load_registry
from lstmopt.plugin.strategy import Strategy
from lstmopt.pruning.pruners import Pruner, make_pruner
from lstmopt.search.context import SearchContext
from lstmopt.search.driver import Driver
from lstmopt.search.initial_trials import add_initial_trials
from lstmopt.search.search_plan import Plan, check_support
from lstmopt.search_space import Architecture, Candidate, Known, Params, Space, parse_space
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.training.trainer import Progress
from lstmopt.warm_start.protocols import Beginning

EPOCHS = 9

CLASSIC_STAGE = parse_space({})
"""The classic space: choices, ranges, a logarithm, and dropout that applies from two layers on."""

FINITE_STAGE = parse_space(
    {
        "hidden_size": [8, 16, 32],
        "num_layers": [2, 3],
        "learning_rate": [0.001, 0.01, 0.1],
        "optimizer": ["Adam", "AdamW"],
    }
)
"""A space for samplers that need a finite one."""

FAMILIES_STAGE = parse_space(
    {
        "network": ["segment", "linear"],
        "hidden_size": [32, 64],
        "segment": [12, 24],
        "window": [48, 96],
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    },
    Known(
        families={
            "segment": ("hidden_size", "segment", "window", "learning_rate"),
            "linear": ("window",),
        }
    ),
)
"""Two families, of which one has nothing to train."""


def stage_for(strategy: Strategy) -> Space:
    """Return a space that a sampler can search."""
    return CLASSIC_STAGE if strategy.continuous and strategy.conditional else FINITE_STAGE


def goals_for(strategy: Strategy) -> Goals:
    """Return loss and latency, or the loss alone where a sampler knows one objective."""
    names = ["val_loss", "latency_ms"] if strategy.multi_objective else ["val_loss"]
    registry = load_registry()
    return make_goals([registry.objective(name) for name in names])


def forecast_cost(size: Architecture) -> ForecastCost:
    """Return what a forecast costs here: more with every unit and layer."""
    work = size["hidden_size"] * size["num_layers"]
    return ForecastCost(size, work / 100, 0.0, work**2)


def static_of(params: Params, goals: Goals) -> dict[str, float]:
    """Return a candidate's static objectives here, by name."""
    return goals.static_values(forecast_cost(Architecture.of(params)))


def losses(params: Params) -> list[float]:
    """Return the loss of a candidate after each epoch [epochs].

    Large networks end lower and learn more slowly.
    """
    size = Architecture.of(params)
    rate = float(params.get("learning_rate", 0.01))
    end = 0.1 + 1 / size["hidden_size"] + 0.05 * abs(math.log10(rate / 0.01))
    return [end + size["num_layers"] / (epoch + 1) ** 2 for epoch in range(EPOCHS)]


def train(candidate: Candidate, checkpoint: bytes | None, epochs: int) -> Progress:
    """Return what stands in for training: up to ``epochs`` more of `losses`."""
    first = int(checkpoint or 0)
    curve = losses(candidate.params)[first : first + epochs]
    done = tuple(Epoch(first + n, v, v, v, 1 - v, 1.0) for n, v in enumerate(curve, 1))
    end = first + len(done)
    return Progress(str(end).encode(), done, end == EPOCHS, None)


class NoCheckpoints:
    """Keeps none: a checkpoint here is how many epochs there were."""

    def read_checkpoint(self, number: int, epochs: int) -> bytes | None:
        """Return the number of epochs as a checkpoint, None before the first."""
        return str(epochs).encode() if epochs else None

    def write_checkpoint(self, number: int, epochs: int, checkpoint: bytes) -> None:
        """Keep nothing."""

    def drop_checkpoints(self, number: int, keep: int | None = None) -> None:
        """Drop nothing."""


class Stage:
    """A study in memory, with goals and a space that suit a sampler.

    Args:
        strategy: The sampler's.
        options: Its options, by keyword.
        pruner: A name with options, or a pruner.
        limits: What a forecast may cost at most, None for anything.
        beginning: What a warm start gave, None for a cold start.
        seed: The study's.
    """

    def __init__(
        self,
        strategy: Strategy,
        options: Mapping[str, Any],
        pruner: str | Pruner = "none",
        limits: Limits | None = None,
        beginning: Beginning | None = None,
        seed: int = 0,
    ) -> None:
        self.strategy, self.options = strategy, options
        self.space, self.goals = stage_for(strategy), goals_for(strategy)
        check_support(strategy, self.space, self.goals)
        self.limits, self.seed = limits or Limits(), seed
        known = {size: forecast_cost(size) for size in self.space.architectures()}
        self.costs = ForecastCosts(known, self.goals, self.limits)
        self.beginning = beginning or Beginning(self.space)
        self.registry: Registry = load_registry()
        made = make_pruner(self.registry, pruner) if isinstance(pruner, str) else pruner
        self.pruner: Pruner = made
        storage = optuna.storages.InMemoryStorage()
        study = optuna.create_study(
            storage=storage,
            directions=self.goals.directions,
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
        self.stored = StoredStudy(study, storage, ())

    def search(self, trials: int, call: Callable[..., Progress] | None = None) -> list[TrialRecord]:
        """Search with a driver of its own, which goes on where an earlier one ended.

        Args:
            trials: Trials in all.
            call: Trains in place of `train`.

        Returns:
            The records of all trials.
        """
        plan = Plan(
            self.seed,
            self.space,
            self.goals,
            self.strategy,
            self.options,
            self.pruner,
            trials,
            limits=self.limits,
        ).after(self.beginning)
        add_initial_trials(self.stored, plan, self.costs)
        engine = Engine(InProcess(), 1, partial(call or train))
        context = SearchContext(self.stored, plan, self.costs, NoCheckpoints(), self.registry)
        return Driver(context, engine).search()
