"""A Dask cluster as an executor that says when it has gone, and goes on when it is back.

Dask gives a task whose worker dies to another worker, and training is pure, so nothing more is
needed for that. What Dask leaves open is what a driver does when the scheduler is restarted or the
network stops between them: it would wait. Here the scheduler is asked every `BEAT` seconds; after
`SILENCE` seconds without an answer every task is given back, and the driver goes on from its own
checkpoints as soon as the cluster answers again.

Source: the documentation of dask.distributed (futures, resources, resilience).
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from lstmopt.errors import LstmoptError, MachineError, near_miss
from lstmopt.execution.dask_local import start_local
from lstmopt.execution.engine import WorkerLost
from lstmopt.execution.remote_worker import MATTER, TaskResult, Unfit, check_versions, result_of
from lstmopt.objectives import ForecastCost
from lstmopt.search_space import Architecture
from lstmopt.system.host import versions
from lstmopt.training.latency import Setting, forecast_costs

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as DaskFuture

T = TypeVar("T")

LOCAL = "dask"
"""The engine that is a cluster of this machine's own, for trying."""
BEAT, SILENCE = 2.0, 8.0
"""Seconds between two questions to the scheduler, and for how long an answer may be missing."""
_CONNECT = 10.0


class Cluster(Executor):
    """Runs tasks on the workers of a scheduler, one at a time in each worker process.

    ``gpu`` is the share of the resource GPU that a task asks for, None for none. ``wait`` is how
    many seconds a cluster may be away, or without workers; ``say`` is told when it is.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        address: str,
        gpu: float | None,
        wait: float,
        say: Callable[[str], object],
    ) -> None:
        self.address, self._connect_client, self._wait, self._say = address, connect, wait, say
        self._ask = {} if gpu is None else {"GPU": gpu}
        self._lock = threading.Lock()
        self._open: dict[Future[Any], DaskFuture[Any]] = {}
        self._client: Client | None = None
        self._line: Any = None
        self._known: frozenset[str] = frozenset()
        self._fit: list[str] = []
        self._idle_since: float | None = None
        self._ended = threading.Event()
        try:
            self._connect()
        except (OSError, ValueError, TypeError, ImportError) as error:  # also of TLS and the like
            raise LstmoptError(
                f"--engine names a Dask scheduler that answers, found {address} silent "
                f"({_words(error)}): start it with `dask scheduler`, or mend the address"
            ) from error
        try:
            self._check_workers()
        except BaseException:
            self.shutdown()
            raise
        threading.Thread(target=self._watch, name="lstmopt-cluster", daemon=True).start()

    @property
    def workers(self) -> int:
        """How many workers there are that offer what a task asks for; 1 where there are none."""
        return max(1, len(self._fit))

    @property
    def away(self) -> bool:
        """Whether nothing can run: the cluster does not answer, or has no worker that fits."""
        return self._client is None or not self._fit

    def submit(self, fn: Callable[..., T], /, *args: Any, **options: Any) -> Future[T]:
        """Run a task, on one of ``workers`` where they are named.

        It fails with WorkerLost when the cluster goes.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._client is None:
                future.set_exception(WorkerLost("the cluster is away", 0))
                return future
            options = {"pure": False, "resources": self._ask or None} | options
            try:
                task = self._client.submit(result_of, fn, *args, **options)
            except _closed_client() as error:
                future.set_exception(WorkerLost(_words(error), 0))
                return future
            self._open[future] = task
            loop = self._client.loop
        loop.add_callback(self._relay, future, task)
        return future

    def reach(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Return when the cluster answers.

        Raises MachineError when it stays away, KeyboardInterrupt when the wait is ``stopped``.
        """
        if self._client is not None:
            return
        until = time.monotonic() + self._wait
        while True:
            if stopped():
                raise KeyboardInterrupt
            with contextlib.suppress(OSError):
                self._connect()
                self._say(f"the cluster at {self.address} answers again")
                return
            if time.monotonic() > until:
                raise MachineError(
                    f"a cluster may be away for {self._wait:g} s, found {self.address} silent for "
                    "longer: start it again; everything finished is kept, the same command goes on"
                )
            time.sleep(1)

    def measure(
        self, worker: str, architectures: Sequence[Architecture], setting: Setting
    ) -> dict[Architecture, ForecastCost]:
        """Return what forecasts cost on one worker, named by its name or its address."""
        named = {str(about["name"]): address for address, about in self._workers().items()}
        address = worker if worker in named.values() else named.get(worker)
        if address is None:
            raise LstmoptError(
                f"--latency-on names a worker of the cluster, found {worker!r}: "
                f"{near_miss(worker, sorted(named))}"
            )
        asked = self.submit(
            forecast_costs, list(architectures), setting, workers=[address], resources=None
        )
        try:
            while not wait([asked], BEAT).done:
                if address not in self._workers():
                    raise WorkerLost("it has left the cluster", 0)
            return asked.result()
        except (WorkerLost, OSError) as error:
            raise MachineError(
                f"forecasts are timed on one worker to the end, found {worker} gone "
                f"({_words(error)}): start it again and run the same command"
            ) from error

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; what still runs there is given up."""
        self._ended.set()
        with self._lock:
            client, self._client = self._client, None
            self._open = {}
        if client is not None:
            _close(client, _CONNECT)

    def _connect(self) -> None:
        client = _in_time(self._connect_client, 2 * _CONNECT, _close)
        with self._lock:
            self._client, self._line = client, client.scheduler_comm
            self._known, self._idle_since = frozenset(), None
        try:
            self._look()
        except OSError:
            self._leave(client)
            raise

    def _workers(self) -> dict[str, Any]:
        """Ask what every worker offers. Raises OSError where the scheduler does not answer."""
        client = self._client
        if client is None:
            raise ConnectionError("the cluster is away")
        scheduler: Any = client.scheduler
        about: dict[str, Any] = client.sync(
            scheduler.identity, n_workers=-1, callback_timeout=SILENCE
        )
        workers: dict[str, Any] = about["workers"]
        return workers

    def _look(self) -> None:
        """Ask the scheduler who is there. Raises OSError where it does not answer in time."""
        client = self._client
        if client is None:
            return
        scheduler: Any = client.scheduler
        known = frozenset(client.sync(scheduler.ncores, callback_timeout=SILENCE))
        if client.scheduler_comm is not self._line:
            # Dask connects again by itself, and what was sent meanwhile may be lost
            raise ConnectionError("the connection broke")
        if known != self._known:  # what all of them offer is a long answer
            self._fit = [a for a, about in self._workers().items() if self._offers(about)]
            self._known = known
        if self._fit or not self._open:  # a cluster that scales has none while nothing is asked
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = time.monotonic()

    def _offers(self, about: Mapping[str, Any]) -> bool:
        return all(about["resources"].get(name, 0) >= share for name, share in self._ask.items())

    def _check_workers(self) -> None:
        """Refuse, before anything is begun, workers that could not train or would never start."""
        workers = self._workers()
        if workers and not any(self._offers(about) for about in workers.values()):
            offered = {name for about in workers.values() for name in about["resources"]}
            raise LstmoptError(
                f"a candidate asks for GPU: {self._ask['GPU']:g}, found that no worker of "
                f"{self.address} offers it ({', '.join(sorted(offered)) or 'no resources'}): start "
                "workers with --resources GPU=1, or use --device cpu"
            )
        if not workers:
            self._say(f"the cluster at {self.address} has no workers yet; waiting for one")
        self._await_worker()
        self._check_versions()
        if any(about["nthreads"] > 1 for about in self._workers().values()):
            self._say(
                "a worker trains one candidate at a time, found one with several threads: start as "
                "many workers as cores, each with --nthreads 1"
            )

    def _await_worker(self) -> None:
        """Let any worker do what a candidate asks for, so that a cluster that scales begins to."""
        from distributed import TimeoutError as NoAnswer

        assert self._client is not None
        asked = self._client.submit(os.getpid, pure=False, resources=self._ask or None)
        try:
            asked.result(self._wait)
        except (NoAnswer, TimeoutError):
            raise MachineError(
                f"a study needs workers, found none free at {self.address} within "
                f"{self._wait:g} s: start one with `dask worker {self.address} --nthreads 1`"
            ) from None
        self._look()

    def _check_versions(self) -> None:
        """Refuse workers that train with other libraries.

        Asked with what every Python has: a worker that lacks what a task needs leaves its cluster.
        """
        client, mine = self._client, versions()
        assert client is not None
        found: dict[str, dict[str, str]] = {}
        for name in MATTER:
            told = _in_time(partial(_versions_of, client, name), 4 * SILENCE)
            for place, version in told.items():
                if isinstance(version, importlib.metadata.PackageNotFoundError):
                    found.setdefault(place, {})[name] = "missing"
                elif isinstance(version, str):  # else it did not answer, and says so with a task
                    found.setdefault(place, {})[name] = version
        for place, theirs in found.items():
            check_versions(mine, theirs, place)

    def _watch(self) -> None:
        while not self._ended.wait(BEAT):
            try:
                self._look()
            except Exception as error:  # whatever a dying connection makes Dask say
                self._lose(_words(error))
                continue
            idle = self._idle_since
            if idle is not None and time.monotonic() - idle > self._wait:
                self._give_back(
                    MachineError(
                        f"a study needs workers, found none at {self.address} for "
                        f"{self._wait:g} s: start some; everything finished is kept, the same "
                        "command goes on"
                    )
                )

    def _lose(self, why: str) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is None or self._ended.is_set():
            return
        self._leave(client)
        self._give_back(WorkerLost("the cluster went away", 0))
        self._say(
            f"the cluster at {self.address} does not answer ({why}); the study goes on when it is "
            f"back within {self._wait:g} s"
        )

    def _leave(self, client: Client) -> None:
        """Close a client that may hang, aside."""
        with self._lock:
            if self._client is client:
                self._client = None
        threading.Thread(target=_close, args=(client,), daemon=True).start()

    def _give_back(self, error: Exception) -> None:
        with self._lock:
            lost, self._open = self._open, {}
        for future in lost:
            future.set_exception(error)

    async def _relay(self, future: Future[Any], task: DaskFuture[Any]) -> None:
        """Hand a task's outcome on, unless it was given back meanwhile."""
        try:
            result = await task._result(raiseit=False)
        except Exception as error:  # else nobody would ever hear of the task again
            result = TaskResult(error=WorkerLost(f"its answer was lost ({_words(error)})", 1))
        with self._lock:
            if self._open.pop(future, None) is None:
                return
        if isinstance(result, TaskResult) and result.error is not None:
            future.set_exception(result.error)
        elif isinstance(result, TaskResult):
            future.set_result(result.result)
        elif task.status == "error":
            future.set_exception(_ours(result[1]))
        else:  # cancelled or lost: by the scheduler, for the driver never does
            future.set_exception(WorkerLost(f"the task is {task.status}", 0))


def _ours(error: Exception) -> Exception:
    """Return the error of a task; as WorkerLost where it took its workers down."""
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    if isinstance(error, KilledWorker):
        return WorkerLost(str(error), error.allowed_failures + 1)
    if isinstance(error, CommClosedError):
        return WorkerLost(str(error), 0)
    if isinstance(error, RuntimeError) and "deserializ" in str(error):
        return Unfit(
            f"a cluster has the driver's lstmopt in its scheduler and its workers, found one that "
            f"cannot read a task ({_words(error)}): install it there"
        )
    return error


def _closed_client() -> type[Exception]:
    from distributed.client import ClosedClientError

    error: type[Exception] = ClosedClientError
    return error


def _versions_of(client: Client, name: str) -> dict[str, Any]:
    """Ask workers and scheduler for a library's version; an exception stands for no answer."""
    told: dict[str, Any] = client.run(importlib.metadata.version, name, on_error="return")
    try:
        told["the scheduler"] = client.run_on_scheduler(importlib.metadata.version, name)
    except Exception as error:
        told["the scheduler"] = error
    return told


def _in_time(
    call: Callable[[], T], seconds: float, too_late: Callable[[T], object] = lambda _: None
) -> T:
    """Return what a call gives that may hang. Raises TimeoutError where it takes longer.

    What it gives afterwards is handed to ``too_late``.
    """
    answer: Future[T] = Future()

    def make() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    def dispose(late: Future[T]) -> None:
        if late.exception() is None:
            too_late(late.result())

    threading.Thread(target=make, daemon=True).start()
    if not wait([answer], seconds).done:
        answer.add_done_callback(dispose)
        raise TimeoutError(f"no answer within {seconds:g} s")
    return answer.result()


def _close(client: Client, seconds: float = 1.0) -> None:
    with contextlib.suppress(Exception):  # whatever a dying connection makes Dask say
        client.close(timeout=seconds)


def _listening(url: str, connect: Callable[[], Client]) -> Client:
    """Connect where something listens: a client that finds nobody leaves threads and sockets."""
    place = urllib.parse.urlsplit(url)
    with socket.create_connection((place.hostname, place.port), _CONNECT):
        pass
    return connect()


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def open_cluster(
    url: str, workers: int, gpu: float | None, wait: float, say: Callable[[str], object]
) -> Iterator[Cluster]:
    """Connect to the scheduler at ``url``, or start a cluster of ``workers`` on this machine.

    Raises LstmoptError where it does not answer or its workers cannot train.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise LstmoptError(
            "--engine needs dask.distributed, found it missing: pip install 'lstmopt[dask]'"
        ) from error
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # said here, in one line each
    # data go to a worker with the task that asks for them
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})
    with contextlib.ExitStack() as stack:
        place: Any = url
        if url == LOCAL:
            place = stack.enter_context(start_local(workers, gpu))
        connect = partial(Client, place, timeout=_CONNECT, set_as_default=False, name="lstmopt")
        if url != LOCAL:
            connect = partial(_listening, url, connect)
        cluster = Cluster(connect, url, gpu, wait, say)
        stack.callback(cluster.shutdown)
        yield cluster
