"""Processes of this machine as an executor."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from lstmopt.execution.forkserver import MODULES

T = TypeVar("T")


@dataclass(frozen=True)
class PendingTask:
    """What a worker is asked, and the future that will hold its answer."""

    arguments: tuple[Any, ...]
    answer: Future[Any] = field(default_factory=Future)


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
    """Runs tasks in processes that live on; one that dies takes only its own task with it.

    Each process has a pool to itself. In one for all of them they would share a pipe and its lock:
    who is killed while it holds that, or in the middle of an answer, would keep the others waiting
    for minutes, and take their tasks with it.
    """

    def __init__(
        self, workers: int, initializer: Callable[..., None], initargs: tuple[Any, ...]
    ) -> None:
        context = _WorkerContext()
        context.set_forkserver_preload(MODULES)
        self._start = partial(
            ProcessPool, 1, initializer=initializer, initargs=initargs, context=context
        )
        self._idle = [self._start() for _ in range(workers)]
        self._busy: dict[ProcessPool, PendingTask] = {}
        self._waiting: deque[PendingTask] = deque()
        self._lock = threading.RLock()
        self._open = True

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        task = PendingTask((fn, args, kwargs))
        with self._lock:
            if not self._open:
                raise RuntimeError("an executor that was shut down takes no tasks")
            self._waiting.append(task)
            self._hand_out()
        return task.answer

    def _hand_out(self) -> None:
        with self._lock:
            while self._open and self._idle and self._waiting:
                task = self._waiting.popleft()
                if task.answer.set_running_or_notify_cancel():
                    self._begin(task, self._idle.pop())

    def _begin(self, task: PendingTask, pool: ProcessPool, again: bool = False) -> None:
        fn, args, kwargs = task.arguments
        try:
            future = pool.schedule(fn, args=list(args), kwargs=kwargs)
        except (RuntimeError, BrokenExecutor) as error:
            self._forget(pool)
            if again:  # nor can another be started
                self._idle.append(self._start())
                task.answer.set_exception(error)
            else:  # its process died while it was idle
                self._begin(task, self._start(), again=True)
            return
        self._busy[pool] = task
        future.add_done_callback(partial(self._settle, task, pool, again))

    def _settle(self, task: PendingTask, pool: ProcessPool, again: bool, done: Future[Any]) -> None:
        error = CancelledError() if done.cancelled() else done.exception()
        with self._lock:
            del self._busy[pool]
            if isinstance(error, ProcessExpired | BrokenExecutor):
                self._forget(pool)
                pool = self._start()
            if isinstance(error, BrokenExecutor) and self._open and not again:
                self._begin(task, pool, again=True)  # its process had died before it took the task
                return
            self._idle.append(pool)
        if error is None:
            task.answer.set_result(done.result())
        else:
            task.answer.set_exception(error)
        self._hand_out()

    def _forget(self, pool: ProcessPool) -> None:
        """Give up a pool whose process died; this may be a thread of it, which it waits for."""
        pool.stop()  # type: ignore[no-untyped-call]
        threading.Thread(target=pool.join, daemon=True).start()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all processes: at once where futures are cancelled, else when every task has ended.

        What runs when futures are cancelled has no answer.
        """
        with self._lock:
            tasks = [*self._busy.values(), *self._waiting]
        if not cancel_futures:
            wait_for([task.answer for task in tasks])
        with self._lock:
            self._open = False
            for task in self._waiting:
                task.answer.cancel()
            pools = [*self._idle, *self._busy]
        for pool in pools:
            pool.stop()  # type: ignore[no-untyped-call]
        if wait:
            for pool in pools:
                pool.join()
