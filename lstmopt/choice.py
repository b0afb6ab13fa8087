"""Choosing from a front, in a study or from its record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lstmopt.errors import LstmoptError
from lstmopt.front import knee
from lstmopt.objectives import Goals, make_goals
from lstmopt.registry import load_registry


def pick_index(values: Sequence[Mapping[str, float]], goals: Goals, pick: str) -> int:
    """Return the index of the pick ``knee``, ``best`` or ``fastest`` among ``values``."""
    if pick == "knee":
        return knee([_axes(row, goals) for row in values])
    group = goals.learned if pick == "best" else goals.static or list(goals.objectives)
    objective = group[0]
    return min(range(len(values)), key=lambda n: objective.minimised(values[n][objective.name]))


def _axes(values: Mapping[str, float], goals: Goals) -> list[float]:
    """Place values on axes as they are best read: lower is better, latency in log."""
    return [
        math.log(values[o.name])
        if o.scale == "log" and values[o.name] > 0
        else o.minimised(values[o.name])
        for o in goals.objectives
    ]


def front_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """List the front's trials with values and hyperparameters, best first objective first."""
    trials = {trial["number"]: trial for trial in document["trials"]}
    return [
        {"trial": number, "values": trials[number]["values"], "params": trials[number]["params"]}
        for number in document["front"]
    ]


def pick_row(document: dict[str, Any], pick: str) -> tuple[dict[str, Any], str]:
    """Return the picked row of the front and a sentence that explains it.

    ``pick`` is ``knee``, ``best``, ``fastest`` or the number of a trial on the front.
    """
    rows = front_rows(document)
    by_number = {str(row["trial"]): row for row in rows}
    if pick in by_number:
        return by_number[pick], f"Trial {pick} was named."
    if pick not in _WHY or not rows:
        raise LstmoptError(
            f"--pick takes knee, best, fastest or a trial of the front, found {pick!r}: "
            f"choose from {', '.join(by_number) or 'a run that has a front'}"
        )
    registry = load_registry()
    goals = make_goals([registry.objective(entry["name"]) for entry in document["objectives"]])
    row = rows[pick_index([r["values"] for r in rows], goals, pick)]
    return row, f"Trial {row['trial']} {_WHY[pick]}."


_WHY = {
    "knee": "lies farthest below the line through the front's ends, where giving up a little of "
    "one objective stops buying much of another",
    "best": "has the best learned objective of the front",
    "fastest": "has the best static objective of the front",
}
