"""What a whole process costs with everything that it starts (Linux)."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_EVERY_SECONDS = 0.25


@dataclass(frozen=True)
class Cost:
    """``peak_mib`` is the largest sum of proportional set sizes seen, sampled four times a second.

    A page that several processes share is counted once, so worker processes are not overcharged.
    """

    returncode: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


def run_measured(
    command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]
) -> Cost:
    """Run ``command`` in ``folder`` to its end, its output going to ``log``."""
    # a worker that outlives its parent comes to this process, or its CPU time would be lost
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, start, peak = _children_cpu(), time.perf_counter(), 0.0
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            peak = max(peak, sum(pss_mib(pid) for pid in tree(process.pid)))
            with suppress(subprocess.TimeoutExpired):
                process.wait(_EVERY_SECONDS)
        wall = time.perf_counter() - start
    _reap_orphans()
    return Cost(process.returncode, wall, _children_cpu() - before, peak)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _reap_orphans() -> None:
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def tree(root: int) -> list[int]:
    """List a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # the name in parentheses may hold spaces; the parent is the second field after it
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    tree = [root]
    for pid in tree:
        tree.extend(children.get(pid, ()))
    return tree


def pss_mib(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
