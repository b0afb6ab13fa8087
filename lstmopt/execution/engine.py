"""Where ``advance`` runs: this process, N local processes, or any executor of a user's.

All are a ``concurrent.futures.Executor``; the driver sees only futures. Workers hold the shared
workload and nothing that could not be lost.
"""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired

from lstmopt.errors import MachineError
from lstmopt.execution.process_pool import LocalProcesses, Task
from lstmopt.execution.remote_worker import NoData, Work, advance_anywhere
from lstmopt.search_space import Candidate
from lstmopt.system.malloc import keep_freed_memory
from lstmopt.system.memory_limit import limit_memory
from lstmopt.system.mmap_arrays import load
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Progress, Workload, advance

T = TypeVar("T")
Key = TypeVar("Key")


class InProcess(Executor):
    """Runs every task at once in the calling process."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Engine:
    """An executor bound to one workload.

    ``workers`` is how many candidates it trains at once, or a function that says how many now.
    ``call`` takes a candidate, a checkpoint, epochs and perhaps seconds, as `advance` does.
    """

    def __init__(
        self, executor: Executor, workers: int | Callable[[], int], call: Callable[..., Any]
    ) -> None:
        self.executor, self._workers, self._call = executor, workers, call

    @property
    def workers(self) -> int:
        """How many candidates may train at once now."""
        return self._workers if isinstance(self._workers, int) else self._workers()

    def submit(
        self,
        candidate: Candidate,
        checkpoint: bytes | None,
        epochs: int,
        seconds: float = math.inf,
    ) -> Future[Progress]:
        """Train for up to ``epochs``, and no longer than ``seconds`` where that is not endless."""
        limit = () if math.isinf(seconds) else (seconds,)
        return self._begin(candidate, checkpoint, epochs, *limit)

    def _begin(self, *task: Any) -> Future[Progress]:
        return self.executor.submit(self._call, *task)

    @property
    def away(self) -> bool:
        """Whether nothing can run now."""
        return False

    def finish(
        self, begun: Mapping[Key, tuple[Candidate, Future[Progress]]], epochs: int
    ) -> Iterator[tuple[Key, Progress]]:
        """Yield what became of candidates that were ``begun`` anew, as they end.

        One whose worker went away begins again. Raises MachineError where nothing can be trained,
        whatever the candidate.
        """
        open_ones = {future: (key, candidate, 0) for key, (candidate, future) in begun.items()}
        while open_ones:
            for future in wait(open_ones, return_when=FIRST_COMPLETED).done:
                key, candidate, died = open_ones.pop(future)
                error = future.exception()
                if error is None:
                    yield key, future.result()
                    continue
                if isinstance(error, MachineError):
                    raise error
                lost = deaths(error)
                died += lost or 0
                if lost is None or died >= MOST_DEATHS:
                    yield key, Progress(b"", (), True, failure_of(error, died))
                else:
                    open_ones[self.submit(candidate, None, epochs)] = key, candidate, died


class SharingEngine(Engine):
    """An engine on any executor: its workers share nothing with this process (see `worker`).

    ``parts`` is the file whose bytes a worker is sent that asks for data.
    """

    def __init__(
        self, executor: Executor, workers: int | Callable[[], int], work: Work, parts: Path
    ) -> None:
        super().__init__(executor, workers, partial(advance_anywhere, work, None))
        self._work, self._parts = work, parts
        self._sender = ThreadPoolExecutor(1, "lstmopt-data")
        self._lock = threading.Lock()
        self._sending: dict[str, list[Task]] = {}
        self._unasked = 0
        self.sent = 0
        """How often the data were sent."""

    def _begin(self, *arguments: Any) -> Future[Progress]:
        task = Task(arguments)
        if self._unasked:
            self._unasked -= 1
            self.sent += 1
            self._send(task, "")
        else:
            self._try(task, self._call)
        return task.answer

    def close(self) -> None:
        """Send no more data."""
        self._sender.shutdown(wait=False, cancel_futures=True)

    def _try(self, task: Task, call: Callable[..., Any], worker: str = "") -> None:
        # to the one that asked for data, or to another when that is gone
        where: dict[str, Any] = {"workers": [worker], "allow_other_workers": True}
        try:
            done = self.executor.submit(call, *task.arguments, **(where if worker else {}))
        except Exception as error:
            self._refuse(
                [task, *self._waited_for(worker)],
                f"an executor takes tasks until the study ends, found that it refuses them "
                f"({failure_of(error)}): give another; everything finished is kept",
            )
            return
        done.add_done_callback(partial(self._settle, task, worker))

    def _waited_for(self, worker: str) -> list[Task]:
        """Take the tasks that wait until a worker has its data."""
        with self._lock:
            return self._sending.pop(worker, []) if worker else []

    def _refuse(self, tasks: Sequence[Task], why: str) -> None:
        for task in tasks:
            task.answer.set_exception(MachineError(why))

    def _settle(self, task: Task, worker: str, done: Future[Progress | NoData]) -> None:
        for other in self._waited_for(worker):
            self._try(other, self._call)
        if done.cancelled():
            task.answer.set_exception(WorkerLost("the task was cancelled", deaths=0))
        elif error := done.exception():
            task.answer.set_exception(error)
        elif isinstance(progress := done.result(), NoData):
            self._provide(task, progress.worker)
        else:
            task.answer.set_result(progress)

    def _provide(self, task: Task, worker: str) -> None:
        """Send the data with a task, unless they are on their way to its worker already."""
        with self._lock:
            if worker in self._sending:
                self._sending[worker].append(task)
                return
            if worker:
                self._sending[worker] = []
            else:
                # whoever asked may not be who gets them: the next ones get them unasked
                self._unasked = self.workers
            self.sent += 1
        # not here: this may be a thread that the executor needs for other things
        self._sender.submit(self._send, task, worker)

    def _send(self, task: Task, worker: str) -> None:
        try:
            parts = self._parts.read_bytes()
        except OSError as error:
            self._refuse(
                [task, *self._waited_for(worker)],
                f"a study's data lie in {self._parts} while it runs, found them gone "
                f"({error.strerror}): run the same command again; everything finished is kept",
            )
            return
        self._try(task, partial(advance_anywhere, self._work, parts), worker)


class WorkerLost(Exception):
    """A worker went away with a task; the task took ``deaths`` workers down, as far as is known."""

    def __init__(self, reason: str, deaths: int) -> None:
        super().__init__(reason)
        self.deaths = deaths


MOST_DEATHS = 2
"""Workers that a candidate may take down before it has failed."""


def deaths(error: BaseException) -> int | None:
    """Count the workers that a task took down; None where it failed and its worker did not."""
    if isinstance(error, WorkerLost):
        return error.deaths
    return 1 if isinstance(error, ProcessExpired | BrokenExecutor) else None


def failure_of(error: BaseException, died: int = 0) -> str:
    """Say in a line why a candidate has no value."""
    if died:
        return f"its worker died {died} times"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@contextmanager
def open_engine(
    parts: Path,
    options: TrainingOptions,
    device: str,
    workers: int,
    reports: int = 1,
    memory_mb: float | None = None,
) -> Iterator[Engine]:
    """Start ``workers`` local processes, or use this process when there is one worker.

    ``parts`` is a file that holds the training and the validation part (see `stored`): all that
    workers are given. ``reports`` is how often an epoch is scored. ``memory_mb`` is what training
    may allocate; one worker is a process of its own too then.
    """
    if workers == 1 and memory_mb is None:
        workload = _read_workload(parts, options, device, reports)
        yield Engine(InProcess(), 1, partial(advance, workload))
        return
    pool = LocalProcesses(workers, _load, (parts, options, device, reports, memory_mb))
    try:
        yield Engine(pool, workers, _advance_loaded)
    finally:
        # nothing that still runs is wanted: finished segments are recorded as they come
        pool.shutdown(cancel_futures=True)


def default_workers(device: str) -> int:
    """One worker a core on the CPU; one on an accelerator."""
    if device != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_loaded: Workload | None = None
"""The workload of this worker process; sent once, when the process starts."""


def _load(
    parts: Path, options: TrainingOptions, device: str, reports: int, memory_mb: float | None
) -> None:
    global _loaded
    # Ctrl-C reaches the whole process group: the driver alone answers it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    _loaded = _read_workload(parts, options, device, reports)
    if memory_mb is not None:
        limit_memory(memory_mb)


def _read_workload(parts: Path, options: TrainingOptions, device: str, reports: int) -> Workload:
    train, validation = load(parts)
    return Workload(train, validation, options, device, reports)


def _advance_loaded(
    candidate: Candidate, checkpoint: bytes | None, epochs: int, seconds: float = math.inf
) -> Progress:
    assert _loaded is not None, "the worker was not initialised"
    return advance(_loaded, candidate, checkpoint, epochs, seconds)
