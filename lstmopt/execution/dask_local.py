"""A Dask cluster of this machine's own: which workers it has, and which GPU each of them sees."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from lstmopt.errors import LstmoptError

if TYPE_CHECKING:
    from distributed import SpecCluster


def start_local(workers: int, gpu: float | None) -> SpecCluster:
    """Start a scheduler in this process and its workers; see `worker_options`."""
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    # a candidate whose worker dies is the driver's to judge
    dask.config.set({"distributed.scheduler.allowed-failures": 0})
    options = worker_options(workers, gpu, visible_gpus())
    here = {"host": "127.0.0.1", "dashboard": False}
    return SpecCluster(
        workers={n: {"cls": Nanny, "options": o | here} for n, o in enumerate(options)},
        scheduler={"cls": Scheduler, "options": here | {"dashboard_address": "127.0.0.1:0"}},
        silence_logs=logging.CRITICAL,
    )


def worker_options(workers: int, gpu: float | None, visible: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each worker of a cluster on this machine is started with.

    On GPUs as many workers share one as its ``gpu`` share allows, and each sees that one alone;
    ``workers`` bounds them where it is not 0. Raises LstmoptError where there is none.
    """
    if gpu is None:
        return [{"nthreads": 1} for _ in range(workers)]
    if not visible:
        raise LstmoptError(
            "device cuda needs a GPU that torch can use, found none: use cpu or another engine"
        )
    options = [
        {"nthreads": 1, "resources": {"GPU": gpu}, "env": {"CUDA_VISIBLE_DEVICES": name}}
        for _ in range(max(1, int(1 / gpu)))
        for name in visible
    ]
    return options[: workers or None]


def visible_gpus() -> list[str]:
    """Name the GPUs of this machine as CUDA_VISIBLE_DEVICES does."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    return [str(n) for n in range(torch.cuda.device_count())]
