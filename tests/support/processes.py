"""Ends what a test has started, whatever became of the test."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

TAG = "LSTMOPT_TEST"
"""The variable by which a process, and all that it starts in turn, is known as a test's own."""


@contextmanager
def ended_with(test: str) -> Iterator[None]:
    """Kill, on leaving, every process that was started inside and still runs.

    Also those that left their parent or its session. Python's own fork server and resource tracker
    stay: they serve the tests that follow, and end with this process.
    """
    before, forked_before = os.environ.get(TAG), _forked()
    name = os.environ[TAG] = f"{os.getpid()} {test}"  # others may run the same test meanwhile
    try:
        yield
    finally:
        if before is None:
            del os.environ[TAG]
        else:
            os.environ[TAG] = before
        deadline = time.monotonic() + 10
        while (left := _left(name, forked_before)) and time.monotonic() < deadline:
            for process in left:
                with contextlib.suppress(psutil.Error):  # it ended meanwhile
                    process.kill()
            psutil.wait_procs(left, timeout=10)


@contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a process; on leaving, kill it where it still runs, and wait for it."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def _left(name: str, forked_before: set[psutil.Process]) -> list[psutil.Process]:
    """List what runs with a name, and what was forked meanwhile, which has its forker's."""
    named = [process for process in psutil.process_iter() if _is_of(process, name)]
    forked = [process for process in _forked() - forked_before if _runs(process)]
    return named + forked


def _is_of(process: psutil.Process, name: str) -> bool:
    with contextlib.suppress(psutil.Error):  # it ended meanwhile, or is another user's
        return process.environ().get(TAG) == name and not _serves_us(process)
    return False


def _serves_us(process: psutil.Process) -> bool:
    words = " ".join(process.cmdline())
    server = "multiprocessing.forkserver" in words or "multiprocessing.resource_tracker" in words
    return server and process.ppid() == os.getpid()


def _forked() -> set[psutil.Process]:
    """List what the fork server of this process has forked."""
    found: set[psutil.Process] = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "multiprocessing.forkserver" in " ".join(child.cmdline()):
                found.update(child.children())
    return found


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
