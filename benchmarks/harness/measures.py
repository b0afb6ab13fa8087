"""From raw events to figures: one row a study, regrets over the budget, costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.pareto import GrowingFront, front_mask

from .events import Study, TrialEvent
from .scale import TaskScale

Floats = NDArray[np.float64]
GRID = np.linspace(0.0, 1.0, 101)
"""Shares of the budget at which regrets are compared."""


@dataclass(frozen=True)
class Course:
    """The hypervolume of a study's finished trials after each of them.

    ``spent`` [n] in shares of the budget and ``hypervolumes`` [n], both beginning at 0.
    """

    spent: Floats
    hypervolumes: Floats

    def at(self, shares: Floats) -> Floats:
        """Return the hypervolume held at ``shares`` of the budget."""
        return self.hypervolumes[np.searchsorted(self.spent, shares, side="right") - 1]

    def mean(self) -> float:
        """Return the mean hypervolume over the whole budget."""
        widths = np.diff(np.append(self.spent, 1.0))
        return float((widths * self.hypervolumes).sum())

    def reaches(self, target: float) -> float:
        """Return the share of the budget at which ``target`` is held, infinity when it never is."""
        there = np.flatnonzero(self.hypervolumes >= target * (1 - 1e-12))
        return float(self.spent[there[0]]) if len(there) else np.inf


def course(study: Study, scale: TaskScale, axis: str = "epochs", budget: float = 0.0) -> Course:
    """Follow a study over its budget in ``epochs``, or in ``seconds`` of a given ``budget``."""
    total = budget or study.event.budget
    spent, volumes = [0.0], [0.0]
    front = GrowingFront()
    for trial in study.trials:
        if trial.values is None:
            continue
        front.add(trial.number, trial.values)
        at = trial.at_epochs if axis == "epochs" else trial.at_seconds
        if at > total:
            break
        spent.append(at / total)
        volumes.append(scale.hypervolume(front.points))
    return Course(np.array(spent), np.array(volumes))


def best_known(studies: Iterable[Study], scale: TaskScale) -> float:
    """Return the hypervolume of the task's known front and everything that was found."""
    found = [t.values for study in studies for t in study.trials if t.values]
    return scale.hypervolume([*scale.front, *found])


@dataclass(frozen=True)
class Pruning:
    """What a pruner did in a study.

    ``lost`` of the ``front`` of all its trials, had each run to its end, were stopped.
    """

    stopped: int
    saved_epochs: int
    front: int
    lost: int


def pruning(study: Study, epochs: int) -> Pruning | None:
    """Judge what was stopped, None where the work does not know how it would have ended."""
    known = [(trial, trial.full_values) for trial in study.trials if not _is_repeated(trial)]
    able = [(trial, values) for trial, values in known if values]
    if not able:
        return None
    mask = front_mask([values for _, values in able])
    front = [trial for (trial, _), kept in zip(able, mask, strict=True) if kept]
    stopped = [trial for trial in study.trials if trial.by_pruner]
    return Pruning(
        len(stopped),
        sum(epochs - len(trial.losses) for trial in stopped),
        len(front),
        sum(trial.by_pruner for trial in front),
    )


def _is_repeated(trial: TrialEvent) -> bool:
    """Say whether the trial repeats a candidate of its study, which costs and adds nothing."""
    return not trial.losses


def tabulate(studies: Sequence[Study], scale: TaskScale, epochs: int) -> pd.DataFrame:
    """Tabulate the studies of one task, a row each; regrets are shares of the best known."""
    best = best_known(studies, scale)
    rows = []
    for study in studies:
        event, path = study.event, course(study, scale)
        judged = pruning(study, epochs)
        rows.append(
            {
                "task": event.task,
                "strategy": event.strategy,
                "seed": event.seed,
                "regret": 1 - path.hypervolumes[-1] / best,
                "area": 1 - path.mean() / best,
                "hypervolume": path.hypervolumes[-1] / best,
                "trials": len(study.trials),
                "finished": sum(trial.state == "complete" for trial in study.trials),
                "epochs": event.epochs,
                "seconds": event.seconds,
                "strategy_seconds": event.ask_seconds + event.prune_seconds + event.tell_seconds,
                "ask_seconds": event.ask_seconds,
                "prune_seconds": event.prune_seconds,
                "tell_seconds": event.tell_seconds,
                "peak_mib": event.peak_mib,
                "stopped": judged.stopped if judged else np.nan,
                "saved_epochs": judged.saved_epochs if judged else np.nan,
                "front": judged.front if judged else np.nan,
                "lost": judged.lost if judged else np.nan,
            }
        )
    return pd.DataFrame(rows)


def shares_to_reach(
    studies: Sequence[Study], scale: TaskScale, pairs: Iterable[tuple[str, str]]
) -> pd.DataFrame:
    """Return when each strategy of a pair holds what the other ends with, on the same seed.

    ``share`` is that of the strategy's own budget, infinity where it never gets there; ``ends`` is
    its own last hypervolume as a multiple of the other's, NaN where that is 0.
    """
    courses = {(s.event.strategy, s.event.seed): course(s, scale) for s in studies}
    rows = [
        {
            "strategy": strategy,
            "other": other,
            "seed": seed,
            "share": courses[strategy, seed].reaches(courses[other, seed].hypervolumes[-1]),
            "ends": _ratio(courses[strategy, seed], courses[other, seed]),
        }
        for strategy, other in pairs
        for name, seed in courses
        if name == strategy and (other, seed) in courses
    ]
    return pd.DataFrame(rows, columns=["strategy", "other", "seed", "share", "ends"])


def _ratio(one: Course, other: Course) -> float:
    last = float(other.hypervolumes[-1])
    return float(one.hypervolumes[-1]) / last if last else np.nan
