"""Ends what a test has started, whatever became of the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

TAG = "LSTMOPT_TEST"
"""The variable by which a process, and all that it starts in turn, is known as a test's own."""


@contextmanager
def ended_with(test: str) -> Iterator[None]:
    """Kill, on leaving, every process that was started inside and still runs.

    Also those that left their parent or its session. Python's own fork server and resource tracker
    stay: they serve the tests that follow, and end with this process.
    """
    before = os.environ.get(TAG)
    os.environ[TAG] = test
    try:
        yield
    finally:
        if before is None:
            del os.environ[TAG]
        else:
            os.environ[TAG] = before
        left = [process for process in psutil.process_iter() if _is_of(process, test)]
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)


def _is_of(process: psutil.Process, test: str) -> bool:
    try:
        if process.environ().get(TAG) != test:
            return False
        serves_us = process.ppid() == os.getpid() and "multiprocessing" in " ".join(
            process.cmdline()
        )
        return not serves_us
    except psutil.Error:  # it ended meanwhile, or is another user's
        return False
