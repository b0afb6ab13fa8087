"""Choosing from the front of a recorded run."""

from __future__ import annotations

from typing import Any

from lstmopt.errors import LstmoptError
from lstmopt.finalists import pick_index
from lstmopt.objectives import make_goals
from lstmopt.registry import load_registry


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
