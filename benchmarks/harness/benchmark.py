"""A benchmark: every contender on every task with the same seeds and the same budget."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
from threadpoolctl import threadpool_limits

from lstmopt.errors import LstmoptError
from lstmopt.execution.process_pool import LocalProcesses
from lstmopt.plugin.registry import Registry, load_registry
from lstmopt.storage.run_folder import RunFolder
from lstmopt.system.atomic_write import write_whole
from lstmopt.system.host import machine, versions

from .contenders import PLAIN, Contender
from .events import Study, append_study, read_studies
from .scale import TaskScale

SCHEMA = 2


class Task(Protocol):
    """Work on which contenders are compared."""

    name: str
    epochs: int

    def check(self, contenders: Sequence[Contender], registry: Registry) -> None:
        """Raise LstmoptError for what a contender cannot do here, before anything is run."""

    def search(
        self, contender: Contender, seed: int, epochs: int, trials: int | None, registry: Registry
    ) -> Study:
        """Let a contender spend ``epochs``, in ``trials`` where their number is given."""

    def freeze(self, epochs: int, registry: Registry) -> TaskScale:
        """Return bounds and best known front, taken from work that no contender's result is in."""

    def describe(self) -> dict[str, Any]:
        """Return what a report says of the task; ``fingerprint`` tells another from this one."""


class StudyBudget(msgspec.Struct, frozen=True):
    """What every study may spend, in trials that run to their end: a contender gets as many epochs.

    ``same_trials`` begins exactly so many trials, and ends with them unless
    ``full_trials`` is less: no fair race, but the way to count what a pruner loses of the same
    candidates.
    """

    full_trials: float
    same_trials: int | None = None

    def epochs(self, task_epochs: int, contender: Contender) -> int:
        """Return a contender's epochs on a task whose trials last ``task_epochs``."""
        return max(1, round(self.full_trials * task_epochs)) * contender.budget_factor

    def trials(self, contender: Contender) -> int | None:
        """Return how many trials a study begins, None where epochs alone decide."""
        return self.same_trials and self.same_trials * contender.budget_factor


class TaskRecord(msgspec.Struct, frozen=True):
    """A task as the benchmark's record holds it."""

    name: str
    epochs: int
    scale: TaskScale
    about: dict[str, Any]


class Record(msgspec.Struct, frozen=True):
    """What a benchmark is: ``benchmark.json`` in its folder, beside ``events.jsonl``.

    ``parts`` names each strategy's sampler, pruner and warm start; ``skipped`` says what was asked
    for and not run.
    """

    schema: int
    budget: StudyBudget
    seeds: int
    tasks: tuple[TaskRecord, ...]
    parts: dict[str, tuple[str, str, str]]
    skipped: tuple[str, ...]
    seconds: float
    machine: str
    versions: dict[str, str]


@dataclass(frozen=True)
class BenchmarkFolder:
    """The folder of a benchmark and the names in it."""

    path: Path

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def record(self) -> Path:
        return self.path / "benchmark.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def summary(self) -> Path:
        return self.path / "report.json"

    @property
    def rows(self) -> Path:
        return self.path / "studies.csv"

    def read(self) -> Record | None:
        """Read the record, None when nothing was begun here."""
        if not self.record.is_file():
            return None
        try:
            record = msgspec.json.decode(self.record.read_bytes(), type=Record)
        except msgspec.DecodeError as error:
            raise LstmoptError(
                f"a benchmark's folder holds {self.record.name}, found one that cannot be read in "
                f"{self.path} ({error}): begin another with --out"
            ) from error
        if record.schema != SCHEMA:
            raise LstmoptError(
                f"this version reads benchmarks of schema {SCHEMA}, found {record.schema} in "
                f"{self.path}: begin another with --out"
            )
        return record

    def write(self, record: Record) -> None:
        write_whole(self.record, msgspec.json.format(msgspec.json.encode(record)))


@dataclass(frozen=True)
class Cell:
    """One study to be done."""

    task: int
    contender: Contender
    seed: int


def run_benchmark(
    tasks: Sequence[Task],
    contenders: Sequence[Contender],
    seeds: int,
    budget: StudyBudget,
    out: Path,
    *,
    workers: int = 1,
    plugins: tuple[Path, ...] = (),
    skipped: Sequence[str] = (),
    progress: Callable[[int, int, Study | None], None] = lambda *_: None,
) -> Record:
    """Do every study that ``out`` lacks: each contender, task and seed once.

    Further strategies, tasks and seeds may be added to a folder; its budget and
    its tasks' scales stay as they were. Raises LstmoptError before anything is run.
    """
    registry, folder = load_registry(plugins), BenchmarkFolder(out)
    for task in tasks:
        task.check(contenders, registry)
    with RunFolder(out).lock():
        old = folder.read()
        record = _begin(tasks, contenders, seeds, budget, old, skipped, registry)
        folder.write(record)
        done = {study.key for study in read_studies(folder.events)}
        cells = [
            Cell(n, contender, seed)
            for seed in range(seeds)
            for n, task in enumerate(tasks)
            for contender in contenders
            if (task.name, contender.name, seed) not in done
        ]
        total, start = len(cells), time.monotonic()
        progress(0, total, None)
        with _open_pool(tasks, budget, plugins, workers) as submit:
            for count, study in enumerate(_each(cells, submit, 2 * workers), 1):
                append_study(folder.events, study)
                progress(count, total, study)
        seconds = record.seconds + time.monotonic() - start
        record = msgspec.structs.replace(record, seconds=seconds)
        folder.write(record)
    return record


def _begin(
    tasks: Sequence[Task],
    contenders: Sequence[Contender],
    seeds: int,
    budget: StudyBudget,
    old: Record | None,
    skipped: Sequence[str],
    registry: Registry,
) -> Record:
    if old and old.budget != budget:
        raise LstmoptError(
            f"a benchmark keeps its budget, found {budget} where {old.budget} was begun "
            "with: go back to it, or begin another with --out"
        )
    known = {task.name: task for task in old.tasks} if old else {}
    for task in tasks:
        about = msgspec.to_builtins(task.describe())
        if task.name not in known:
            scale = task.freeze(budget.epochs(task.epochs, PLAIN), registry)
            known[task.name] = TaskRecord(task.name, task.epochs, scale, about)
        elif known[task.name].about["fingerprint"] != about["fingerprint"]:
            raise LstmoptError(
                f"a benchmark keeps its tasks, found another {task.name!r} than was begun with: "
                "go back to it, or begin another with --out"
            )
    return Record(
        SCHEMA,
        budget,
        max(seeds, old.seeds if old else 0),
        tuple(known.values()),
        (old.parts if old else {}) | {c.name: c.parts for c in contenders},
        tuple(dict.fromkeys([*(old.skipped if old else ()), *skipped])),
        old.seconds if old else 0.0,
        machine(),
        versions(),
    )


Submit = Callable[[Cell], Future[Study]]


def _each(cells: Sequence[Cell], submit: Submit, ahead: int) -> Iterator[Study]:
    """Yield studies as they end, with ``ahead`` of them handed out at a time."""
    waiting = iter(cells)
    running: set[Future[Study]] = set()
    while True:
        for cell in waiting:
            running.add(submit(cell))
            if len(running) >= ahead:
                break
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


@contextmanager
def _open_pool(
    tasks: Sequence[Task], budget: StudyBudget, plugins: tuple[Path, ...], workers: int
) -> Iterator[Submit]:
    """Run studies in processes of their own, or here when there is one worker."""
    if workers == 1:
        local = _Worker(tasks, budget, plugins)
        yield lambda cell: _done(local.search(cell))
        return
    pool = LocalProcesses(workers, _start_worker, (tasks, budget, plugins))
    try:
        yield lambda cell: pool.submit(_search, cell)
    finally:
        pool.shutdown(cancel_futures=True)


def _done(study: Study) -> Future[Study]:
    future: Future[Study] = Future()
    future.set_result(study)
    return future


@dataclass
class _Worker:
    """What one process needs to do any study of the benchmark."""

    tasks: Sequence[Task]
    budget: StudyBudget
    plugins: tuple[Path, ...]

    def __post_init__(self) -> None:
        self.registry = load_registry(self.plugins)

    def search(self, cell: Cell) -> Study:
        task = self.tasks[cell.task]
        epochs = self.budget.epochs(task.epochs, cell.contender)
        trials = self.budget.trials(cell.contender)
        with threadpool_limits(1):
            return task.search(cell.contender, cell.seed, epochs, trials, self.registry)


_worker: _Worker | None = None
"""What this worker process was given when it started."""


def _start_worker(tasks: Sequence[Task], budget: StudyBudget, plugins: tuple[Path, ...]) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    _worker = _Worker(tasks, budget, plugins)


def _search(cell: Cell) -> Study:
    assert _worker is not None, "the worker was not started"
    return _worker.search(cell)
