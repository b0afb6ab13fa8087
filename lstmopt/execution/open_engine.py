"""Which engine trains a study's candidates: processes of this machine, a cluster, or a user's own.

The driver is the same for all: it submits candidates with checkpoints and gets futures.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lstmopt.config.options import Config
from lstmopt.config.units import parse_duration
from lstmopt.errors import LstmoptError
from lstmopt.execution.engine import Engine
from lstmopt.execution.local_engine import default_workers, open_local_engine
from lstmopt.execution.remote_worker import WorkOrder
from lstmopt.execution.sharing_engine import SharingEngine
from lstmopt.objectives import ForecastCost
from lstmopt.search_space import Architecture, Candidate
from lstmopt.system.host import versions
from lstmopt.training.latency import Setting
from lstmopt.training.trainer import Progress

if TYPE_CHECKING:
    from lstmopt.execution.dask_cluster import Cluster


class ClusterEngine(SharingEngine):
    """An engine whose cluster may go away and come back.

    ``stopped`` says whether nobody wants to wait for it any more.
    """

    def __init__(
        self,
        cluster: Cluster,
        workers: int | Callable[[], int],
        work: WorkOrder,
        parts: Path,
        stopped: Callable[[], bool],
    ) -> None:
        super().__init__(cluster, workers, work, parts)
        self._cluster, self._stopped = cluster, stopped

    @property
    def away(self) -> bool:
        return self._cluster.away

    def submit(
        self,
        candidate: Candidate,
        checkpoint: bytes | None,
        epochs: int,
        seconds: float = math.inf,
    ) -> Future[Progress]:
        """Train as any engine does. Raises MachineError where the cluster stays away."""
        self._cluster.reach(self._stopped)
        return super().submit(candidate, checkpoint, epochs, seconds)

    def forecast_costs(
        self, worker: str, architectures: Sequence[Architecture], setting: Setting
    ) -> dict[Architecture, ForecastCost]:
        return self._cluster.measure(worker, architectures, setting)


@contextmanager
def open_engine(
    config: Config,
    parts: Path,
    device: str,
    reports: int,
    executor: Executor | None,
    say: Callable[[str], object],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Engine]:
    """Open the engine that ``config`` names, or one on a user's ``executor``.

    ``parts`` is a file that holds the folds of training and validation: all that workers are given.
    ``reports`` is how often an epoch is scored; ``stopped`` says whether nobody wants to wait for a
    cluster any more. Raises LstmoptError for what cannot train.
    """
    options, workers = config.training, config.workers
    url = config.engine.url
    if executor is None and not url:
        memory = config.limits.max_memory_mb
        count = workers or default_workers(device)
        with open_local_engine(parts, options, device, count, reports, memory) as engine:
            yield engine
        return
    if config.limits.max_memory_mb is not None:
        say("max_memory_mb is predicted here; workers elsewhere are not held to it")
    key = hashlib.sha256(parts.read_bytes())
    key.update(msgspec.json.encode([options, device, reports]))
    work = WorkOrder(key.hexdigest(), options, device, reports, versions())
    if executor is not None:
        engine = SharingEngine(executor, workers or capacity(executor), work, parts)
        try:
            yield engine
        finally:
            engine.close()
        return
    from lstmopt.execution.dask_cluster import LOCAL, open_cluster

    gpu = config.engine.gpus if device.startswith("cuda") else None
    count = workers or (default_workers(device) if url == LOCAL and gpu is None else 0)
    with open_cluster(url, count, gpu, parse_duration(config.engine.wait), say) as cluster:
        engine = ClusterEngine(cluster, workers or (lambda: cluster.workers), work, parts, stopped)
        try:
            yield engine
        finally:
            engine.close()


def capacity(executor: Executor) -> int:
    """Return how many tasks an executor runs at once, where it says so."""
    for name in ("num_workers", "_max_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    raise LstmoptError(
        f"an executor that does not say how many tasks it runs at once needs workers, found "
        f"{type(executor).__name__} and workers = 0: set workers in the study"
    )
