"""An engine on any executor, whose workers are sent their data when they ask for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import (
    Executor,
    Future,
    ThreadPoolExecutor,
)
from functools import partial
from pathlib import Path
from typing import Any

from lstmopt.errors import MachineError
from lstmopt.execution.engine import Engine, WorkerLost, failure_of
from lstmopt.execution.process_pool import PendingTask
from lstmopt.execution.remote_worker import NoData, WorkOrder, advance_anywhere
from lstmopt.training.trainer import Progress


class SharingEngine(Engine):
    """An engine on any executor: its workers share nothing with this process (see `remote_worker`).

    ``parts`` is the file whose bytes a worker is sent that asks for data.
    """

    def __init__(
        self, executor: Executor, workers: int | Callable[[], int], work: WorkOrder, parts: Path
    ) -> None:
        super().__init__(executor, workers, partial(advance_anywhere, work, None))
        self._work, self._parts = work, parts
        self._sender = ThreadPoolExecutor(1, "lstmopt-data")
        self._lock = threading.Lock()
        self._sending: dict[str, list[PendingTask]] = {}
        self._unasked = 0
        self.sent = 0
        """How often the data were sent."""

    def _begin(self, *arguments: Any) -> Future[Progress]:
        task = PendingTask(arguments)
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

    def _try(self, task: PendingTask, call: Callable[..., Any], worker: str = "") -> None:
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

    def _waited_for(self, worker: str) -> list[PendingTask]:
        """Take the tasks that wait until a worker has its data."""
        with self._lock:
            return self._sending.pop(worker, []) if worker else []

    def _refuse(self, tasks: Sequence[PendingTask], why: str) -> None:
        for task in tasks:
            task.answer.set_exception(MachineError(why))

    def _settle(self, task: PendingTask, worker: str, done: Future[Progress | NoData]) -> None:
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

    def _provide(self, task: PendingTask, worker: str) -> None:
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

    def _send(self, task: PendingTask, worker: str) -> None:
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
