"""Fronts of several runs beside each other: hypervolume and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmopt.errors import LstmoptError
from lstmopt.objectives import Goals, normalise
from lstmopt.pareto import Floats, dominates, hypervolume
from lstmopt.results.document import as_document, finite
from lstmopt.results.run import RunData


@dataclass(frozen=True)
class FrontComparison:
    """Runs of the same objectives.

    ``names`` [runs] tell them apart. ``hypervolumes`` [runs] are shares of that of the joint front,
    objectives from 0 to 1 over all fronts, on the logarithm where they are best read so, and
    reference 1.1. ``coverage`` [runs, runs] is the share of the column's front that the row's front
    dominates or equals (set coverage: Zitzler and Thiele, IEEE TEC 3(4), 1999). ``notices`` say
    what makes the runs hard to compare.
    """

    names: tuple[str, ...]
    runs: tuple[RunData, ...]
    hypervolumes: tuple[float, ...]
    coverage: NDArray[np.float64]
    notices: tuple[str, ...]

    @property
    def goals(self) -> Goals:
        return self.runs[0].goals

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values, the coverage by the names of both runs."""
        rows = zip(self.names, self.runs, self.hypervolumes, self.coverage.tolist(), strict=True)
        return {
            "objectives": self.goals.names,
            "runs": [
                {
                    "name": name,
                    "folder": str(run.path),
                    "trials": run.results.budget.trials,
                    "front": [trial.as_row() for trial in run.results.front_trials],
                    "deployed": _deployed(run),
                    "hypervolume": volume,
                    "covers": dict(zip(self.names, map(finite, covered), strict=True)),
                }
                for name, run, volume, covered in rows
            ],
            "notices": self.notices,
        }


def _deployed(run: RunData) -> dict[str, Any] | None:
    """Return what a run chose and its squared error on the test part; None before that."""
    chosen = run.results.chosen
    if chosen is None:
        return None
    return {
        "label": chosen.label,
        "trial": chosen.trial,
        "average": chosen.average,
        "members": list(map(as_document, chosen.members)),
        "latency_ms": chosen.latency_ms,
        "test_mse": chosen.test.scaled.mse.mean,
    }


def compare_fronts(runs: Sequence[RunData]) -> FrontComparison:
    """Compare the fronts of runs. Raises LstmoptError where their objectives differ."""
    if len(runs) < 2:
        raise LstmoptError(f"a comparison needs two runs or more, found {len(runs)}: name another")
    goals = runs[0].goals
    for run in runs[1:]:
        if (run.goals.names, run.goals.directions) != (goals.names, goals.directions):
            raise LstmoptError(
                f"fronts are compared over the same objectives, found {', '.join(goals.names)} in "
                f"{runs[0].path} and {', '.join(run.goals.names)} in {run.path}: choose other runs"
            )
    fronts = [run.results.front_points for run in runs]
    return FrontComparison(
        _names(runs),
        tuple(runs),
        _hypervolumes(fronts, goals),
        np.array([[coverage(a, b) for b in fronts] for a in fronts]),
        _notices(runs),
    )


def coverage(front: Floats, other: Floats) -> float:
    """Return the share of ``other`` [n, objectives] that ``front`` dominates or equals.

    NaN where ``other`` is empty.
    """
    if len(other) == 0:
        return float("nan")
    covered = [any(dominates(p, q) or (p == q).all() for p in front) for q in other]
    return float(np.mean(covered))


def _hypervolumes(fronts: Sequence[Floats], goals: Goals) -> tuple[float, ...]:
    joint = np.concatenate(fronts)
    if len(joint) == 0:
        return (0.0,) * len(fronts)
    scaled = np.split(normalise(joint, goals), np.cumsum([len(front) for front in fronts])[:-1])
    whole = hypervolume(np.concatenate(scaled))
    return tuple(hypervolume(points) / whole for points in scaled)


def _names(runs: Sequence[RunData]) -> tuple[str, ...]:
    """Name runs by their study, then by their folder, then by their place, until none is alike."""
    by_study = [run.name for run in runs]
    by_folder = [f"{run.name} ({run.path})" for run in runs]
    by_place = [f"{name} #{n + 1}" for n, name in enumerate(by_folder)]
    ways = (by_study, by_folder, by_place)
    return tuple(next(way[n] for way in ways if way.count(way[n]) == 1) for n in range(len(runs)))


def _notices(runs: Sequence[RunData]) -> tuple[str, ...]:
    notices = []
    studies = [run.results.study for run in runs]
    for what, values in (
        ("data", [study.data for study in studies]),
        ("tasks, splits or training", [study.work for study in studies]),
    ):
        if any(value != values[0] for value in values[1:]):
            notices.append(
                f"the runs have different {what}: learned objectives are on other scales"
            )
            break
    machines = {study.machine for study in studies}
    if runs[0].goals.static and len(machines) > 1:
        notices.append("the runs are of different machines: their latencies are not the same thing")
    notices += [f"{run.path} is not finished" for run in runs if not run.finished]
    return tuple(notices)
