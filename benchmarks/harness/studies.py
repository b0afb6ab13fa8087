"""One study of a benchmark: the driver on a task's work, its events collected."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmopt.config.options import Config
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.execution.engine import Engine
from lstmopt.objectives import CandidateCosts, Goals
from lstmopt.plugin.registry import Registry
from lstmopt.pruning.pruners import NamedPruner, PeersPruner, Pruner, Rule, make_pruner
from lstmopt.search.context import Checkpoints, SearchContext
from lstmopt.search.driver import Driver
from lstmopt.search.initial_trials import add_initial_trials
from lstmopt.search.observer import Observer
from lstmopt.search.search_plan import Plan, check_support
from lstmopt.search_space import Parameter, Params, Range, Space
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.host import machine, versions
from lstmopt.system.memory_limit import peak_mib
from lstmopt.warm_start.protocols import Beginning, PastStudy, ask_for_beginning, make_warm_start

from .contenders import NONE, Contender
from .events import Improvement, Study, StudyEvent, TrialEvent, rounded


@dataclass
class Bookkeeper(Observer):
    """Notes what a study has spent whenever reports come and whenever a trial closes.

    ``clock`` gives the seconds spent; without one the recorded seconds of all epochs count.
    """

    clock: Callable[[], float] | None = None
    epochs: int = 0
    seconds: float = 0.0
    reports: defaultdict[int, list[tuple[Epoch, int, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    closed: list[tuple[TrialRecord, int, float]] = field(default_factory=list)

    def spent(self) -> tuple[int, float]:
        """Return the epochs and the seconds that the study has spent."""
        return self.epochs, self.clock() if self.clock else self.seconds

    def advanced(self, number: int, epochs: tuple[Epoch, ...]) -> None:
        self.epochs += len(epochs)
        self.seconds += sum(epoch.seconds for epoch in epochs)
        spent = self.spent()
        self.reports[number] += [(epoch, *spent) for epoch in epochs]

    def told(self, record: TrialRecord) -> None:
        self.closed.append((record, *self.spent()))


@dataclass(frozen=True)
class StudyWork:
    """What a study is searched on: a task's costs and engine, ready to be driven.

    ``budget`` is in epochs.
    """

    task: str
    budget: int
    costs: CandidateCosts
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
        solved=registry.solved_families,
    )


def check_one_fold(config: Config) -> None:
    """Refuse a study of several folds: strategies are compared at equal epochs of one training."""
    if config.split.folds > 1:
        raise LstmoptError(
            f"a benchmark's study reports an epoch at a time, found split.folds = "
            f"{config.split.folds}: leave it out"
        )


GRID_POINTS = 3
"""How many values of a long range a sampler gets that needs a grid."""


def _on_a_grid(space: Space) -> Space:
    coarse = {name: _coarse(parameter) for name, parameter in space.parameters.items()}
    return dataclasses.replace(space, parameters=coarse)


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
    target_fingerprint: str,
) -> Beginning:
    """Return what a contender's warm start takes from the studies that ``past`` gives.

    ``target_fingerprint`` is that of the series that is forecast, "" where it is not known.
    Raises LstmoptError for one that takes nothing.
    """
    choice = contender.warm_start
    if choice == NONE:
        return Beginning(space)
    earlier = past()
    beginning = ask_for_beginning(
        make_warm_start(registry, str(choice), target_fingerprint), choice.name, space, earlier
    )
    taken = beginning.candidates or beginning.finished or beginning.observations
    if not (taken or beginning.space != space):
        raise LstmoptError(
            f"warm start {choice.name!r} needs earlier studies of the same space and objectives, "
            f"found {len(earlier)} of which it takes nothing: replay a table whose space others "
            "share, or give real work --past RUN"
        )
    return beginning


def search(
    work: StudyWork,
    plan: Plan,
    contender: Contender,
    seed: int,
    registry: Registry,
    beginning: Beginning,
) -> Study:
    """Search until the plan's budget is spent and return the study's events."""
    plan = plan.after(beginning)
    add_initial_trials(work.stored, plan, work.costs)
    reset_peak_memory()
    book = Bookkeeper(work.clock)
    context = SearchContext(work.stored, plan, work.costs, work.checkpoints, registry, book)
    Driver(context, work.engine).search()
    epochs, seconds = book.spent()
    names: dict[str, Any] = {"task": work.task, "strategy": contender.name, "seed": seed}
    trials = tuple(_trial_event(names, entry, plan.goals, work, book) for entry in book.closed)
    took = context.overhead
    event = StudyEvent(
        **names,
        study_seed=plan.seed,
        device=work.device,
        sampler=_class_name(plan.make_sampler(0)),
        pruner=_class_name(_asked(plan.pruner)),
        budget=work.budget,
        epochs=epochs,
        seconds=seconds,
        ask_seconds=took.ask,
        prune_seconds=took.prune,
        tell_seconds=took.tell,
        peak_mib=peak_mib(),
        ended=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        machine=machine(),
        versions=versions(),
    )
    return Study(event, trials)


def _asked(pruner: Pruner) -> Pruner | Rule:
    """Return what a strategy made, without what stands around it."""
    pruner = pruner.wrapped if isinstance(pruner, NamedPruner) else pruner
    return pruner.rule if isinstance(pruner, PeersPruner) else pruner


def _class_name(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _trial_event(
    names: Mapping[str, Any],
    entry: tuple[TrialRecord, int, float],
    goals: Goals,
    work: StudyWork,
    book: Bookkeeper,
) -> TrialEvent:
    record, at_epochs, at_seconds = entry
    values = goals.minimised(record.values) if record.state == "complete" else ()
    return TrialEvent(
        **names,
        number=record.number,
        state=record.state,
        by_pruner=record.by_pruner,
        params=record.params,
        losses=tuple(_loss(epoch.val_loss) for epoch in record.curve[: record.epochs_trained]),
        seconds=rounded([e.seconds for e in record.curve[: record.epochs_trained]]),
        improvements=tuple(_improvements(record, book.reports[record.number], goals)),
        values=tuple(values) or None,
        full_values=work.full_values(record.params),
        at_epochs=at_epochs,
        at_seconds=at_seconds,
    )


def _improvements(
    record: TrialRecord, reports: Iterable[tuple[Epoch, int, float]], goals: Goals
) -> Iterator[Improvement]:
    """Yield what a trial was worth from each of its best reports on; nothing where it failed."""
    if record.state == "failed":
        return
    static = {o.name: record.values[o.name] or 0.0 for o in goals.static}
    lowest = math.inf
    for epoch, at_epochs, at_seconds in reports:
        if epoch.val_loss < lowest:
            lowest = epoch.val_loss
            values = goals.minimised(goals.values(static, [epoch]))
            if all(map(math.isfinite, values)):
                yield Improvement(at_epochs, at_seconds, tuple(values))


def _loss(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def reset_peak_memory() -> None:
    """Begin a new peak of this process, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
