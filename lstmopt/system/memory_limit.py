"""What this process may allocate, held to by the system, and the most that it has held."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from lstmopt.errors import LstmoptError


def limit_memory(megabytes: float) -> None:
    """Let this process allocate so many megabytes more, and refuse it what goes beyond.

    An allocation that is refused is an error in Python, where a system without memory kills.
    Raises LstmoptError where the system has no such limit.
    """
    try:
        import resource

        status = Path("/proc/self/status").read_text()
        held = int(status.split("VmData:")[1].split()[0]) * 1024
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (held + int(megabytes * 1e6), most))
    except (ImportError, OSError, IndexError, ValueError) as error:
        raise LstmoptError(
            f"max_memory_mb is held to on Linux alone, found that it cannot be set here ({error}): "
            "leave it out"
        ) from error


def peak_mib() -> float:
    """Return the most memory that this process has held, in MiB; 0 where that is not known."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    # on Linux this would begin with what the parent held
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
