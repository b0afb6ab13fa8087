"""Choosing from a front, in a study or from its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lstmopt.errors import LstmoptError
from lstmopt.objectives import Goals, normalise
from lstmopt.pareto import knee
from lstmopt.results.document import front_rows, goals_of


def pick_index(values: Sequence[Mapping[str, float]], goals: Goals, pick: str) -> int:
    """Return the index of the pick ``knee``, ``best`` or ``fastest`` among ``values``."""
    if pick == "knee":
        points = [[o.minimised(row[o.name]) for o in goals.objectives] for row in values]
        return knee(normalise(points, goals))
    group = goals.learned if pick == "best" else goals.static or list(goals.objectives)
    objective = group[0]
    return min(range(len(values)), key=lambda n: objective.minimised(values[n][objective.name]))


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
    goals = goals_of(document)
    row = rows[pick_index([r["values"] for r in rows], goals, pick)]
    return row, f"Trial {row['trial']} {why(pick, len(rows), goals)}."


def why(pick: str, size: int, goals: Goals) -> str:
    """Say what a picked trial of a front of this size has before the others, as a verb phrase."""
    if size == 1:
        return "is the whole front"
    if pick == "knee" and size == 2:
        return f"has the better {goals.names[0]}: a front of two has no knee"
    return _WHY[pick]


_WHY = {
    "knee": "lies farthest below the line through the front's ends, where giving up a little of "
    "one objective stops buying much of another",
    "best": "has the best learned objective of the front",
    "fastest": "has the best static objective of the front",
}
