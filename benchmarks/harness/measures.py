"""From raw events to figures: one row a study, regrets over the budget, costs.

What is measured of a study over its budget is measured of two fronts: of its ``finished`` trials
alone, and of everything ``trained``, for which each report of a trial counts when it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.pareto import REFERENCE, GrowingFront, front_mask, hypervolume

from .events import Improvement, Study, TrialEvent
from .scale import TaskScale

Floats = NDArray[np.float64]
GRID = np.linspace(0.0, 1.0, 101)
"""Shares of the budget at which regrets are compared."""

Front = Literal["trained", "finished"]
"""Which points of a study count.

``trained``: the best loss so far of every trial that did not fail, whatever stopped it, from the
report on that brought it. ``finished``: complete trials, from their end on.
"""
FRONTS: tuple[Front, ...] = get_args(Front)


@dataclass(frozen=True)
class Course:
    """The hypervolume of a study's front after each point that came to it.

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


def course(
    study: Study, scale: TaskScale, front: Front, axis: str = "epochs", budget: float = 0.0
) -> Course:
    """Follow a front over its study's ``epochs``, or over ``seconds`` of a given ``budget``."""
    total = budget or study.event.budget
    came = points_of(study, front)
    at = np.array([p.at_epochs if axis == "epochs" else p.at_seconds for p in came], float) / total
    scaled = scale.scaled([p.values for p in came])
    spent, volumes = [0.0], [0.0]
    growing = GrowingFront()
    # beyond the reference nothing adds to a hypervolume
    for n in np.flatnonzero((at <= 1) & (scaled < REFERENCE).all(1)).tolist():
        if growing.add(n, tuple(scaled[n].tolist())):
            spent.append(float(at[n]))
            volumes.append(hypervolume(growing.points))
    return Course(np.array(spent), np.array(volumes))


def points_of(study: Study, front: Front) -> list[Improvement]:
    """List the points of a study that count for a front, in the order in which they came."""
    found = [point for trial in study.trials for point in _points_of(trial, front)]
    return sorted(found, key=lambda point: (point.at_epochs, point.at_seconds))


def _points_of(trial: TrialEvent, front: Front) -> Iterator[Improvement]:
    if front == "trained":
        yield from trial.improvements
    if trial.values:  # of the trained, what was taken from an earlier trial came without reports
        yield Improvement(trial.at_epochs, trial.at_seconds, trial.values)


@dataclass(frozen=True)
class TaskResults:
    """The studies of one task on its scale; ``epochs`` is how long a trial lasts there."""

    studies: Sequence[Study]
    scale: TaskScale
    epochs: int
    _courses: dict[tuple[tuple[str, str, int], Front], Course] = field(default_factory=dict)

    @cached_property
    def best_known(self) -> float:
        """The hypervolume of the task's known front and everything that was trained.

        One for both fronts, so that their regrets are of one kind.
        """
        found = [p.values for study in self.studies for p in points_of(study, "trained")]
        return self.scale.hypervolume([*self.scale.front, *found])

    def course(self, study: Study, front: Front) -> Course:
        """Return the course of a study over its epochs, followed once."""
        key = study.key, front
        if key not in self._courses:
            self._courses[key] = course(study, self.scale, front)
        return self._courses[key]


@dataclass(frozen=True)
class Pruning:
    """What a pruner did in a study.

    Of the ``front`` of all its trials, had each run to its end, ``finished_lost`` were stopped.
    Of those, ``trained_lost`` are not on the front of everything trained either: the others are,
    at their best report, and are trained to their end when a front is refitted.
    """

    stopped: int
    saved_epochs: int
    front: int
    finished_lost: int
    trained_lost: int


def pruning(study: Study, epochs: int) -> Pruning | None:
    """Judge what was stopped, None where the work does not know how it would have ended."""
    known = [(trial, trial.full_values) for trial in study.trials if not _is_repeated(trial)]
    able = [(trial, values) for trial, values in known if values]
    if not able:
        return None
    mask = front_mask([values for _, values in able])
    front = [trial for (trial, _), kept in zip(able, mask, strict=True) if kept]
    stopped = [trial for trial in study.trials if trial.by_pruner]
    lost = [trial for trial in front if trial.by_pruner]
    held = _trained_front(study)
    return Pruning(
        len(stopped),
        sum(epochs - len(trial.losses) for trial in stopped),
        len(front),
        len(lost),
        sum(trial.number not in held for trial in lost),
    )


def _is_repeated(trial: TrialEvent) -> bool:
    """Say whether the trial repeats a candidate of its study, which costs and adds nothing."""
    return not trial.losses


def _trained_front(study: Study) -> set[int]:
    """Return the numbers of the trials on the front of everything trained, each at its best."""
    able = [trial for trial in study.trials if trial.improvements]
    mask = front_mask([trial.improvements[-1].values for trial in able])
    return {trial.number for trial, kept in zip(able, mask, strict=True) if kept}


def tabulate(results: TaskResults) -> pd.DataFrame:
    """Tabulate the studies of one task, a row each; regrets are shares of the best known.

    Columns that differ between the fronts begin with the front's name.
    """
    return pd.DataFrame([_row(results, study) for study in results.studies])


def _row(results: TaskResults, study: Study) -> dict[str, str | float]:
    event, judged = study.event, pruning(study, results.epochs)
    row: dict[str, str | float] = {
        "task": event.task,
        "strategy": event.strategy,
        "seed": event.seed,
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
        "finished_lost": judged.finished_lost if judged else np.nan,
        "trained_lost": judged.trained_lost if judged else np.nan,
    }
    for front in FRONTS:
        path = results.course(study, front)
        held = float(path.hypervolumes[-1]) / results.best_known
        row[f"{front}_hypervolume"] = held
        row[f"{front}_regret"] = 1 - held
        row[f"{front}_area"] = 1 - path.mean() / results.best_known
    return row


def shares_to_reach(results: TaskResults, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Return when each strategy of a pair holds what the other ends with, on the same seed.

    A row a ``front``, pair and seed, both strategies by that front. ``share`` is that of the
    strategy's own budget, infinity where it never gets there; ``ends`` is its own last hypervolume
    as a multiple of the other's, NaN where that is 0.
    """
    studies = {(s.event.strategy, s.event.seed): s for s in results.studies}
    rows = []
    for strategy, other in pairs:
        seeds = [seed for name, seed in studies if name == strategy and (other, seed) in studies]
        for front in FRONTS:
            for seed in seeds:
                mine, theirs = (
                    results.course(studies[name, seed], front) for name in (strategy, other)
                )
                share = mine.reaches(theirs.hypervolumes[-1])
                rows.append((front, strategy, other, seed, share, _ratio(mine, theirs)))
    return pd.DataFrame(rows, columns=["front", "strategy", "other", "seed", "share", "ends"])


def _ratio(one: Course, other: Course) -> float:
    last = float(other.hypervolumes[-1])
    return float(one.hypervolumes[-1]) / last if last else np.nan
