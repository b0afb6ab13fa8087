"""Candidates of the default space that come with the program, their rows relative to the series.

Each series has a default space of its own: windows, segments and recent rows are those of its
seasons. With ranks in their place (see `lstmopt.search_space.ranks`) all tables share one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from lstmopt.errors import LstmoptError
from lstmopt.plugin.network import known_hyperparameters
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import NETWORK, Choice, Params, Range, Space
from lstmopt.search_space.ranks import as_ranks, from_ranks
from lstmopt.system.atomic_write import write_whole
from lstmopt.warm_start.advisers import FEWEST, SourceStudy
from lstmopt.warm_start.portfolio import choose_portfolio
from lstmopt.warm_start.protocols import PastStudy

from .portfolio import SCHEMA, about, unlike
from .replay import ReplayTask, make_tasks

SIZE = 6
"""Candidates that are chosen, unless asked for more or fewer."""


def write_network_portfolio(sources: Sequence[str], size: int, path: Path) -> dict[str, Any]:
    """Choose ``size`` candidates from tables of default spaces; write and return them.

    They complement what is solved and not trained, of which a study tries all anyway. For each
    table there are also those chosen without it and other tables of its series. Raises LstmoptError
    for tables of other spaces or of different objectives, and for one of too few networks that were
    trained.
    """
    tasks = make_tasks(sources, rows=False)
    relative = relative_space(tasks)
    known = [_source(task, relative) for task in tasks]
    tried = _solved(relative.space)
    for source in known:
        _check_size(source, tried)
    tables = {}
    for task in tasks:
        others = [
            source
            for source, other in zip(known, tasks, strict=True)
            if other.table.target != task.table.target
        ]
        tables[task.name] = about(task) | {
            "target": task.table.target,
            "candidates_of_others": choose_portfolio(others, size, tried) if others else [],
        }
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "tables": tables,
        "ranks": relative.ranks,
        "candidates": choose_portfolio(known, size, tried),
    }
    write_whole(path, msgspec.json.format(msgspec.json.encode(content)))
    return content


@dataclass(frozen=True)
class RelativeSpace:
    """The space that tables share: of what counts rows it has ranks, so many by name."""

    space: Space
    ranks: dict[str, int]


def relative_space(tasks: Sequence[ReplayTask]) -> RelativeSpace:
    """Return the space of candidates with ranks; LstmoptError for tables that share none.

    What some tables leave out, and has one value in the others, is left out.
    """
    first, *others = tasks
    for task in tasks:
        if NETWORK not in task.space.parameters or not task.table.target:
            raise LstmoptError(
                "a portfolio of networks is chosen from tables of families of networks, found "
                f"{task.name}: record a study without [space]"
            )
    relative = _relative(first, tasks)
    for other in others:
        if first.goals.names != other.goals.names or _relative(other, tasks) != relative:
            raise unlike(first, other)
    return relative


def _relative(task: ReplayTask, tasks: Sequence[ReplayTask]) -> RelativeSpace:
    known = known_hyperparameters(load_registry().networks).hyperparameters
    space, ranks = task.space, {}
    parameters = {}
    for name, parameter in space.parameters.items():
        values = parameter.grid() or ()
        if len(values) == 1 and not all(name in other.space.parameters for other in tasks):
            continue
        if known[name].of_rows:
            ranks[name] = len(values)
            parameter = Range(0, len(values) - 1, integer=True)
        parameters[name] = parameter
    return RelativeSpace(Space(parameters, space.conditions), ranks)


def _source(task: ReplayTask, relative: RelativeSpace) -> SourceStudy:
    """Return a table's rows as a study in the relative space."""
    study = task.finished_study("all", 0)
    trials = []
    for trial in study.trials:
        params = as_ranks(task.space, trial.params, relative.ranks)
        params = {n: value for n, value in params.items() if n in relative.space.parameters}
        trials.append(replace(trial, params=params))
    costs = partial(_static, task, relative)
    return SourceStudy(relative.space, PastStudy(study.name, tuple(trials)), costs)


def _static(task: ReplayTask, relative: RelativeSpace, params: Params) -> tuple[float, ...]:
    own = from_ranks(task.space, params, relative.ranks)
    assert own is not None  # the space is relative to the task's
    return tuple(task.static(own).values())


def _check_size(source: SourceStudy, tried: Sequence[Params]) -> None:
    count = sum(trial.params not in tried for trial in source.study.trials)
    if count < FEWEST:
        raise LstmoptError(
            f"a portfolio is chosen from tables of {FEWEST} networks or more that were trained, "
            f"found {count} in {source.study.name}: record more candidates"
        )


def _solved(space: Space) -> list[Params]:
    """List the candidates of families that are solved."""
    families = space.parameters[NETWORK]
    assert isinstance(families, Choice)
    solved = set(load_registry().solved_families)
    only = Choice(tuple(family for family in families.values if family in solved))
    return list(replace(space, parameters={**space.parameters, NETWORK: only}).grid())
