"""Where ``advance`` runs: an executor bound to one workload, and what becomes of lost workers.

All executors are a ``concurrent.futures.Executor``; the driver sees only futures. Workers hold the
shared workload and nothing that could not be lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    wait,
)
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from pebble import ProcessExpired

from lstmopt.errors import LstmoptError, MachineError
from lstmopt.objectives import ForecastCost
from lstmopt.search_space import Architecture, Candidate
from lstmopt.training.latency import Setting
from lstmopt.training.trainer import Progress

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
    ``call`` takes a candidate, a checkpoint, epochs and perhaps seconds, as `advance` does. Within
    a context of ``alone`` no worker of this machine trains, as far as that can be had.
    """

    def __init__(
        self,
        executor: Executor,
        workers: int | Callable[[], int],
        call: Callable[..., Any],
        alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.executor, self._workers, self._call = executor, workers, call
        self.alone = alone

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

    def forecast_costs(
        self, worker: str, architectures: Sequence[Architecture], setting: Setting
    ) -> dict[Architecture, ForecastCost]:
        """Return what forecasts cost on the ``worker`` of this name, where workers have names."""
        raise no_cluster(worker)

    def train_each(
        self,
        candidates: Iterable[tuple[Key, Candidate]],
        epochs: int,
        seconds: Callable[[], float] = lambda: math.inf,
    ) -> Iterator[tuple[Key, Progress]]:
        """Train candidates anew for up to ``epochs``; yield what became of each as it ends.

        The next one is taken when a worker is free for it, and trains no longer than ``seconds``
        says then. One whose worker went away begins again. Raises MachineError where nothing can
        be trained, whatever the candidate.
        """
        waiting = iter(candidates)
        open_ones: dict[Future[Progress], tuple[Key, Candidate, int]] = {}
        while True:
            while len(open_ones) < max(1, self.workers):
                taken = next(waiting, None)
                if taken is None:
                    break
                key, candidate = taken
                open_ones[self.submit(candidate, None, epochs, seconds())] = key, candidate, 0
            if not open_ones:
                return
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
                    again = self.submit(candidate, None, epochs, seconds())
                    open_ones[again] = key, candidate, died


def no_cluster(worker: str) -> LstmoptError:
    """Say that a worker was named where no worker has a name."""
    return LstmoptError(
        f"--latency-on names a worker of a cluster, found {worker!r} and no cluster: give "
        "--engine, or leave it out"
    )


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
