"""One study of a benchmark: the driver on a task's work, its events collected."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.execution.engine import Engine
from lstmopt.objectives import Goals
from lstmopt.plugin.registry import Registry
from lstmopt.pruning.pruners import make_pruner
from lstmopt.search.driver import Driver
from lstmopt.search.initial_trials import enter
from lstmopt.search.observer import Observer
from lstmopt.search.search_plan import Plan, check_support
from lstmopt.search.telling import Checkpoints
from lstmopt.search_space import Parameter, Params, Range, Space
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import TrialRecord, told_values
from lstmopt.system.host import machine, versions
from lstmopt.system.memory_limit import peak_mib
from lstmopt.warm_start.protocols import Beginning, PastStudy, begin_from, make_warm_start

from .contenders import NONE, Contender
from .events import Study, StudyEvent, TrialEvent, rounded


@dataclass
class Bookkeeper(Observer):
    """Notes what a study has spent whenever a trial closes.

    ``clock`` gives the seconds spent; without one the recorded seconds of all epochs count.
    """

    clock: Callable[[], float] | None = None
    epochs: int = 0
    seconds: float = 0.0
    closed: list[tuple[TrialRecord, int, float]] = field(default_factory=list)

    def advanced(self, number: int, epochs: tuple[Epoch, ...]) -> None:
        self.epochs += len(epochs)
        self.seconds += sum(epoch.seconds for epoch in epochs)

    def told(self, record: TrialRecord) -> None:
        spent = self.clock() if self.clock else self.seconds
        self.closed.append((record, self.epochs, spent))


@dataclass(frozen=True)
class Work:
    """What a study is searched on: a task's goals and costs, ready to be driven.

    ``budget`` is in epochs.
    """

    task: str
    budget: int
    goals: Goals
    cost_of: Callable[[Params], Any]
    engine: Engine
    stored: StoredStudy
    checkpoints: Checkpoints
    full_values: Callable[[Params], tuple[float, ...] | None]
    device: str = "cpu"
    clock: Callable[[], float] | None = None


def make_plan(
    contender: Contender,
    seed: int,
    goals: Goals,
    space: Space,
    epochs: int,
    registry: Registry,
    trials: int | None = None,
    bounded: bool = True,
) -> Plan:
    """Plan a contender's study of ``epochs`` epochs. Raises LstmoptError for what it cannot do.

    ``bounded`` is false where ``trials`` alone end the study.
    """
    sampler = registry.strategy("sampler", contender.sampler.name)
    if not sampler.continuous:
        space = _on_a_grid(space)
    check_support(sampler, space, goals)
    pruner = make_pruner(registry, str(contender.pruner))
    # every trial that trains takes an epoch at least, so trials are no limit of their own
    study_seed, limit = contender.study_seed(seed), trials or epochs
    return Plan(
        study_seed,
        space,
        goals,
        sampler,
        contender.sampler.options,
        pruner,
        limit,
        epochs=epochs if bounded else None,
        tell_stopped=contender.tell,
    )


GRID_POINTS = 3
"""How many values of a long range a sampler gets that needs a grid."""


def _on_a_grid(space: Space) -> Space:
    return Space({name: _coarse(parameter) for name, parameter in space.parameters.items()})


def _coarse(parameter: Parameter) -> Parameter:
    match parameter:
        case Range(low, high, integer=integer, points=None) if not integer or high - low >= 8:
            return dataclasses.replace(parameter, points=GRID_POINTS)
        case _:
            return parameter


def begin(
    contender: Contender,
    space: Space,
    past: Callable[[], Sequence[PastStudy]],
    registry: Registry,
) -> Beginning:
    """Return what a contender's warm start takes from the studies that ``past`` gives.

    Raises LstmoptError for one that takes nothing.
    """
    choice = contender.warm_start
    if choice == NONE:
        return Beginning(space)
    earlier = past()
    beginning = begin_from(make_warm_start(registry, str(choice)), choice.name, space, earlier)
    taken = beginning.candidates or beginning.finished or beginning.observations
    if not (taken or beginning.space != space):
        raise LstmoptError(
            f"warm start {choice.name!r} needs earlier studies of the same space and objectives, "
            f"found {len(earlier)} of which it takes nothing: replay a table whose space others "
            "share, or give real work --past RUN"
        )
    return beginning


def search(
    work: Work,
    plan: Plan,
    contender: Contender,
    seed: int,
    registry: Registry,
    beginning: Beginning,
) -> Study:
    """Search until the plan's budget is spent and return the study's events."""
    plan = plan.after(beginning)
    enter(work.stored, plan, work.cost_of)
    reset_peak_memory()
    book = Bookkeeper(work.clock)
    driver = Driver(work.stored, plan, work.cost_of, work.engine, work.checkpoints, registry, book)
    driver.search()
    names: dict[str, Any] = {"task": work.task, "strategy": contender.name, "seed": seed}
    trials = tuple(_trial_event(names, entry, work) for entry in book.closed)
    took = driver.overhead
    spent = work.clock() if work.clock else book.seconds
    event = StudyEvent(
        **names,
        study_seed=plan.seed,
        device=work.device,
        sampler=_class_name(plan.make_sampler(0)),
        pruner=_class_name(getattr(plan.pruner, "rule", plan.pruner)),
        budget=work.budget,
        epochs=book.epochs,
        seconds=spent,
        ask_seconds=took.ask,
        prune_seconds=took.prune,
        tell_seconds=took.tell,
        peak_mib=peak_mib(),
        ended=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        machine=machine(),
        versions=versions(),
    )
    return Study(event, trials)


def _class_name(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _trial_event(
    names: Mapping[str, Any], entry: tuple[TrialRecord, int, float], work: Work
) -> TrialEvent:
    record, at_epochs, at_seconds = entry
    goals = work.goals
    told = told_values(record, goals) if record.state == "complete" else []
    return TrialEvent(
        **names,
        number=record.number,
        state=record.state,
        by_pruner=record.by_pruner,
        params=record.params,
        losses=tuple(_loss(epoch.val_loss) for epoch in record.curve[: record.epochs_trained]),
        seconds=rounded([e.seconds for e in record.curve[: record.epochs_trained]]),
        values=tuple(o.minimised(v) for o, v in zip(goals.objectives, told, strict=False)) or None,
        full_values=work.full_values(record.params),
        at_epochs=at_epochs,
        at_seconds=at_seconds,
    )


def _loss(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def reset_peak_memory() -> None:
    """Begin a new peak of this process, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
