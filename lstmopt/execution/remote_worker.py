"""What a worker does that may be anywhere: it asks for a study's data, once, and trains on them.

Nothing here knows an executor. A task names its study by a key; a worker process that has not seen
the study answers that it lacks the data, and is given them with the task: so data travel once a
worker, also to one that joins late, and nothing is lost with a worker, a scheduler or a cluster.
"""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import joblib
import torch

from lstmopt.errors import MachineError
from lstmopt.search_space import Candidate
from lstmopt.system.host import host, versions
from lstmopt.system.malloc import keep_freed_memory
from lstmopt.training.folds import Advance, TrainingParts, open_workload
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Progress


class Unfit(MachineError):
    """A worker that cannot train a study, whatever the candidate: the study must not go on."""


@dataclass(frozen=True)
class WorkOrder:
    """What a worker is told of a study beside its data.

    ``key`` names the data and everything else here. ``versions`` are those of the libraries on
    which losses depend, as the driver has them.
    """

    key: str
    options: TrainingOptions
    device: str
    reports: int
    versions: Mapping[str, str]


@dataclass(frozen=True)
class NoData:
    """The answer of a worker that was asked to train and has not been given the data.

    ``worker`` is its address where its executor can send a task to one worker.
    """

    worker: str = ""


def advance_anywhere(
    work: WorkOrder,
    parts: bytes | None,
    candidate: Candidate,
    checkpoint: bytes | None,
    epochs: int,
    seconds: float = math.inf,
) -> Progress | NoData:
    """Train as `advance` does, on data that this process knows or that come as ``parts``.

    ``parts`` are the bytes of a file of `mmap_arrays`. One candidate at a time, for torch's random
    state is the process's: threads of one process take turns. Raises Unfit where nothing can be
    trained.
    """
    with _turn:
        if work.key not in _known:
            check_versions(work.versions, versions(), host())
            if parts is None:
                return NoData(_address())
            _know(work, parts)
        return _known[work.key](candidate, checkpoint, epochs, seconds)


@dataclass(frozen=True)
class TaskResult:
    """What became of a task; its error is a value too, without the frames that led to it."""

    result: Any = None
    error: Exception | None = None


def result_of(task: Callable[..., Any], *arguments: Any) -> TaskResult:
    """Run a task in a worker so that its error can always be sent back."""
    try:
        return TaskResult(task(*arguments))
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return TaskResult(error=RuntimeError(f"{type(error).__name__}: {error}"))
        return TaskResult(error=error.with_traceback(None))


_turn = threading.Lock()
_known: OrderedDict[str, Advance] = OrderedDict()
_MOST_KNOWN = 2
"""Studies whose data a worker keeps: one that serves many must not keep all."""


def _address() -> str:
    """Return this worker's address in its Dask cluster; nothing where it is in none."""
    if distributed := sys.modules.get("distributed"):
        with contextlib.suppress(ValueError):  # its word for a process that is no worker
            return str(distributed.get_worker().address)
    return ""


def _know(work: WorkOrder, parts: bytes) -> None:
    if work.device.startswith("cuda") and not torch.cuda.is_available():
        raise Unfit(
            f"device {work.device} needs workers with a GPU that torch can use, found none on "
            f"{host()}: start workers there that have one, or use --device cpu"
        )
    keep_freed_memory()
    known: TrainingParts = joblib.load(io.BytesIO(parts))
    while len(_known) >= _MOST_KNOWN:
        _known.popitem(last=False)
    _known[work.key] = open_workload(known, work.options, work.device, work.reports)


MATTER = {"lstmopt", "torch"}
"""The libraries of which a driver and its workers must have the same."""


def check_versions(wanted: Mapping[str, str], found: Mapping[str, str], where: str) -> None:
    """Raise Unfit where a worker has other libraries than a study's driver ``wanted``.

    What is not ``found`` out is not judged.
    """
    for name in found.keys() & MATTER:
        if _release(wanted[name]) != _release(found[name]):
            raise Unfit(
                f"workers have the driver's versions, found {name} {found[name]} on {where} where "
                f"the driver has {wanted[name]}: install the same on both"
            )


def _release(version: str) -> str:
    """Leave out how a version was built: CPU and CUDA builds are of one release."""
    return version.partition("+")[0]
