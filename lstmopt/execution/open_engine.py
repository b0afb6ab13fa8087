"""Which engine trains a study's candidates: processes of this machine, a cluster, or a user's own.

The driver is the same for all: it submits candidates with checkpoints and gets futures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lstmopt.config.study_file import Config, parse_duration
from lstmopt.errors import LstmoptError
from lstmopt.execution.engine import Engine, SharingEngine, default_workers, open_engine
from lstmopt.execution.remote_worker import Work
from lstmopt.system.host import versions
from lstmopt.training.trainer import Progress

if TYPE_CHECKING:
    from lstmopt.execution.dask_cluster import Cluster


class ClusterEngine(SharingEngine):
    """An engine whose cluster may go away and come back.

    ``stopped`` says whether nobody wants to wait for it any more.
    """

    executor: Cluster
    stopped: Callable[[], bool] = staticmethod(lambda: False)

    @property
    def away(self) -> bool:
        return self.executor.away

    def submit(self, *task: Any) -> Future[Progress]:
        """Train as any engine does. Raises MachineError where the cluster stays away."""
        self.executor.reach(self.stopped)
        return super().submit(*task)


@contextmanager
def engine_of(
    config: Config,
    parts: Path,
    device: str,
    reports: int,
    executor: Executor | None,
    say: Callable[[str], object],
) -> Iterator[Engine]:
    """Open the engine that ``config`` names, or one on a user's ``executor``.

    ``parts`` is a file that holds the training and the validation part: all that workers are given.
    ``reports`` is how often an epoch is scored. Raises LstmoptError for what cannot train.
    """
    options, workers = config.training, config.workers
    url = config.engine.url
    if executor is None and not url:
        memory = config.limits.max_memory_mb
        count = workers or default_workers(device)
        with open_engine(parts, options, device, count, reports, memory) as engine:
            yield engine
        return
    if config.limits.max_memory_mb is not None:
        say("max_memory_mb is predicted here; workers elsewhere are not held to it")
    key = hashlib.sha256(parts.read_bytes())
    key.update(msgspec.json.encode([options, device, reports]))
    work = Work(key.hexdigest(), options, device, reports, versions())
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
        engine = ClusterEngine(cluster, workers or (lambda: cluster.workers), work, parts)
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
