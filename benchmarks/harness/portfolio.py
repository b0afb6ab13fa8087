"""``bench portfolio``: what comes with the program for a user's very first study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from lstmopt.errors import LstmoptError
from lstmopt.system.atomic_write import write_whole
from lstmopt.warm_start.advisers import SourceStudy
from lstmopt.warm_start.portfolio import average_study, choose_portfolio

from .replay import ReplayTask, make_tasks

SCHEMA = 1


def write_portfolio(sources: Sequence[str], size: int, path: Path) -> dict[str, Any]:
    """Choose ``size`` candidates from all rows of tables of one space; write and return them.

    ``observations`` are candidates of these tables with their mean rank, the best first.
    Raises LstmoptError for tables of different spaces or objectives.
    """
    tasks = make_tasks(sources, rows=False)
    first, *others = tasks
    for other in others:
        if not first.is_like(other):
            raise unlike(first, other)
    known = [SourceStudy(first.space, task.finished_study("all", 0)) for task in tasks]
    average = SourceStudy(first.space, average_study(known))
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "tables": {task.name: about(task) for task in tasks},
        "candidates": choose_portfolio(known, size),
        "observations": [
            {"params": o.params, "rank": round(o.ranks[0], 4)} for o in average.observations()
        ],
    }
    write_whole(path, msgspec.json.format(msgspec.json.encode(content)))
    return content


def unlike(one: ReplayTask, other: ReplayTask) -> LstmoptError:
    """Return the refusal of tables from which nothing can be chosen together."""
    return LstmoptError(
        f"a portfolio is chosen from tables of one space and the same objectives, found "
        f"{one.name} and {other.name}: leave one out"
    )


def about(task: ReplayTask) -> dict[str, Any]:
    """Return what a portfolio says of a table."""
    table = task.table
    return {"fingerprint": table.fingerprint, "rows": table.rows, "source": table.source}
