"""Where ``advance`` runs: this process, or N local processes.

Both are a ``concurrent.futures.Executor``; the driver sees only futures. Workers hold the shared
workload and nothing that could not be lost.
"""

from __future__ import annotations

import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from lstmopt.allocator import keep_freed_memory
from lstmopt.memory import limit_memory
from lstmopt.options import TrainingOptions
from lstmopt.preload import MODULES
from lstmopt.space import Candidate
from lstmopt.stored import load
from lstmopt.training import Progress, Workload, advance

T = TypeVar("T")


class InProcess(Executor):
    """Runs every task at once in the calling process."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _WorkerProcess(ForkServerProcess):
    """Starts without the caller's script, which a plain start would run again in each worker.

    So a script needs no ``if __name__ == "__main__"``; workers run this package's functions only.
    """

    @staticmethod
    def _Popen(process: Any) -> Any:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return ForkServerProcess._Popen(process)
        finally:
            sys.modules["__main__"] = script


class _WorkerContext(ForkServerContext):
    Process = _WorkerProcess


class LocalProcesses(Executor):
    """Runs tasks in processes that live on; one that dies takes only its own task with it."""

    def __init__(
        self, workers: int, initializer: Callable[..., None], initargs: tuple[Any, ...]
    ) -> None:
        context = _WorkerContext()
        context.set_forkserver_preload(MODULES)
        self._start = partial(
            ProcessPool, workers, initializer=initializer, initargs=initargs, context=context
        )
        self._pool = self._start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        schedule = partial(self._schedule, fn, args, kwargs)
        try:
            return schedule()
        except (RuntimeError, BrokenExecutor):
            # pebble gives its pool up when a worker dies while none is known to be busy
            self.shutdown(cancel_futures=True)
            self._pool = self._start()
            return schedule()

    def _schedule(
        self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future[T]:
        future: Future[T] = self._pool.schedule(fn, args=list(args), kwargs=kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            self._pool.stop()  # type: ignore[no-untyped-call]
        else:
            self._pool.close()  # type: ignore[no-untyped-call]
        if wait:
            self._pool.join()


@dataclass(frozen=True)
class Engine:
    """An executor bound to one workload."""

    executor: Executor
    workers: int
    call: Callable[..., Progress]

    def submit(
        self,
        candidate: Candidate,
        checkpoint: bytes | None,
        epochs: int,
        seconds: float = math.inf,
    ) -> Future[Progress]:
        """Train for up to ``epochs``, and no longer than ``seconds`` where that is not endless."""
        limit = () if math.isinf(seconds) else (seconds,)
        return self.executor.submit(self.call, candidate, checkpoint, epochs, *limit)


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


def worker_died(error: BaseException | None) -> bool:
    """Say whether a future failed because its worker went away."""
    return isinstance(error, ProcessExpired | BrokenExecutor)


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
