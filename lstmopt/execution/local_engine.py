"""Processes of this machine, or this process alone, as an engine."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lstmopt.execution.engine import Engine, InProcess
from lstmopt.execution.process_pool import LocalProcesses
from lstmopt.search_space import Candidate
from lstmopt.system.malloc import keep_freed_memory
from lstmopt.system.memory_limit import limit_memory
from lstmopt.system.mmap_arrays import load
from lstmopt.system.pause import Pause
from lstmopt.training.folds import Advance, open_workload
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Progress


@contextmanager
def open_local_engine(
    parts: Path,
    options: TrainingOptions,
    device: str,
    workers: int,
    reports: int = 1,
    memory_mb: float | None = None,
) -> Iterator[Engine]:
    """Start ``workers`` local processes, or use this process when there is one worker.

    ``parts`` is a file that holds `TrainingParts` (see `mmap_arrays`): all that workers are given.
    ``reports`` is how often an epoch is scored. ``memory_mb`` is what training may allocate; one
    worker is a process of its own too then.
    """
    if workers == 1 and memory_mb is None:
        yield Engine(InProcess(), 1, open_workload(load(parts), options, device, reports))
        return
    pool = LocalProcesses(workers, _load, (parts, options, device, reports, memory_mb))
    try:
        yield Engine(pool, workers, _advance_loaded, _pause(parts).held)
    finally:
        # nothing that still runs is wanted: finished segments are recorded as they come
        pool.shutdown(cancel_futures=True)


def _pause(parts: Path) -> Pause:
    """Return what lets all workers of one study stand still."""
    return Pause(parts.with_name("pause"))


def default_workers(device: str) -> int:
    """One worker a core on the CPU; one on an accelerator."""
    if device != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_loaded: Advance | None = None
"""Trains on the workload of this worker process, which is sent once, when the process starts."""


def _load(
    parts: Path, options: TrainingOptions, device: str, reports: int, memory_mb: float | None
) -> None:
    global _loaded
    # Ctrl-C reaches the whole process group: the driver alone answers it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    _loaded = open_workload(load(parts), options, device, reports, _pause(parts).wait)
    if memory_mb is not None:
        limit_memory(memory_mb)


def _advance_loaded(
    candidate: Candidate, checkpoint: bytes | None, epochs: int, seconds: float = math.inf
) -> Progress:
    assert _loaded is not None, "the worker was not initialised"
    return _loaded(candidate, checkpoint, epochs, seconds)
