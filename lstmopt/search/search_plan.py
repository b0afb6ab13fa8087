"""What a search is to do, checked before the first trial."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from traceback import walk_tb
from typing import Any, Protocol, runtime_checkable

import optuna

from lstmopt.errors import LstmoptError
from lstmopt.objectives import Goals, Limits
from lstmopt.plugin.failures import PluginErrors, wrong_answer
from lstmopt.plugin.options import make
from lstmopt.plugin.strategy import Strategy, TellStopped, described
from lstmopt.pruning.pruners import Pruner
from lstmopt.search_space import Space
from lstmopt.seeds import derive_seed
from lstmopt.warm_start.protocols import Beginning


@runtime_checkable
class FiniteSampler(Protocol):
    """A sampler that can run out of proposals."""

    def size(self) -> int:
        """Count all proposals."""

    def remaining(self, study: optuna.Study) -> int:
        """Count the proposals that the study has not tried."""


@dataclass(frozen=True)
class Plan:
    """What a search is to do; everything is checked before the first trial."""

    seed: int
    space: Space
    goals: Goals
    sampler: Strategy
    sampler_options: Mapping[str, Any]
    pruner: Pruner
    trials: int
    seconds: float | None = None
    epochs: int | None = None
    limits: Limits = field(default_factory=Limits)
    tell_stopped: TellStopped | None = None
    """What the sampler is told of stopped trials; None for what serves it best."""
    reports_per_epoch: int = 1
    trial_reports: float = math.inf
    """How many reports a trial gives that runs to its last epoch."""
    epochs_per_report: int = 1
    """How many epochs a report takes at most: those of a fold, where a report is a fold."""
    segment_seconds: float = 1.0
    """How long a segment should train: long enough that dispatch costs little beside it."""
    beginning: Beginning | None = None
    """What a warm start gave; its space is the plan's."""
    solved: tuple[str, ...] = ()
    """The families of networks that are not trained step by step."""

    def after(self, beginning: Beginning) -> Plan:
        """Return the plan of a study that begins so.

        A sampler that tries every candidate of its own needs no other's.
        """
        if isinstance(self.make_sampler(0), FiniteSampler):
            beginning = replace(beginning, candidates=(), observations=(), adviser=None)
        return replace(self, beginning=beginning, space=beginning.space)

    @property
    def reports(self) -> float:
        """How many reports of training the search may spend in all."""
        return math.inf if self.epochs is None else self.epochs * self.reports_per_epoch

    def make_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Make the sampler of one trial, seeded by the study's seed and the trial's number."""
        if self.beginning and self.beginning.finished:
            # else it would draw again what the study drew whose trials were taken over
            number += _AFTER_ANOTHER
        seed = derive_seed(self.seed, number, _SAMPLING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = make(
                self.sampler,
                "sampler",
                self.sampler_options,
                seed=seed,
                study_seed=self.seed,
                space=self.space,
            )
        if not isinstance(sampler, optuna.samplers.BaseSampler):
            rule = "a sampler strategy makes an optuna BaseSampler"
            who = described("sampler", self.sampler)
            raise LstmoptError(wrong_answer(rule, type(sampler).__name__, who))
        return sampler

    @property
    def sampler_errors(self) -> PluginErrors:
        """In this context the sampler is asked: what it raises is said in a sentence."""
        return PluginErrors(described("sampler", self.sampler), is_of_storage)


def is_of_storage(error: Exception) -> bool:
    """Say whether the study's storage failed, and not the sampler that read it."""
    if isinstance(error, optuna.exceptions.StorageInternalError):
        return True
    modules = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
    return isinstance(error, OSError) and any(m.startswith("lstmopt.storage.") for m in modules)


_AFTER_ANOTHER = 1_000_000
"""Begins another stream of proposals."""
_SAMPLING, _TRAINING, _REFIT = 0, 1, 2
"""Purposes of a trial's seeds, so that they are independent of one another."""


def training_seed(study_seed: int, number: int) -> int:
    return derive_seed(study_seed, number, _TRAINING)


def refit_seed(study_seed: int, number: int, repeat: int) -> int:
    return derive_seed(study_seed, number, _REFIT, repeat)


def check_support(strategy: Strategy, space: Space, goals: Goals) -> None:
    """Refuse, before the first trial, what the sampler cannot search."""
    if not strategy.multi_objective and len(goals.objectives) > 1:
        raise LstmoptError(
            f"sampler {strategy.name!r} handles one objective, found {', '.join(goals.names)}: "
            "name one objective or choose another sampler"
        )
    if not strategy.continuous and space.continuous:
        raise LstmoptError(
            f"sampler {strategy.name!r} cannot search {', '.join(space.continuous)} (continuous): "
            "give it `points` or a list of values, or choose tpe, random, nsga2"
        )
    if not strategy.conditional and space.conditional:
        raise LstmoptError(
            f"sampler {strategy.name!r} searches what applies to every candidate, found that "
            f"{', '.join(space.conditional)} does not: fix that or what it depends on, or choose "
            "tpe, random, nsga2"
        )
