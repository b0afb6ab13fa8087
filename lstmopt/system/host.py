"""What figures depend on beside the code: the machine and the versions of the libraries."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import socket
from pathlib import Path

_LIBRARIES = ("lstmopt", "torch", "optuna", "numpy", "pandas")


def host() -> str:
    """Name the machine as a person who looks for it would."""
    return socket.gethostname()


def processor() -> str:
    """Name the processor as the machine does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine() -> str:
    """Name the machine as far as figures depend on it."""
    name = processor().rpartition(": ")[2] or platform.machine()
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def versions() -> dict[str, str]:
    """Return the versions of the libraries that results depend on."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}
