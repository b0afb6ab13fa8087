"""What a test starts ends with it, or one test that failed would make the next ones fail."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from lstmopt.execution.process_pool import LocalProcesses
from support import ROOT
from support.processes import TAG, ended_with, started
from support.real_cluster import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DETACH = (
    "import subprocess, sys\n"
    "quiet = subprocess.DEVNULL\n"
    "print(subprocess.Popen(sys.argv[1:], start_new_session=True, stdout=quiet).pid)"
)


def runs(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def start_detached():
    """Start a process whose parent has ended and whose session is its own."""
    command = [sys.executable, "-c", DETACH, *SLEEP]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return psutil.Process(int(said.stdout))


def test_a_detached_grandchild_is_ended_with_the_test_and_another_process_left_alone():
    before = os.environ[TAG]
    inside = []

    def fail():
        with ended_with("a test"):
            inside.append(start_detached())
            raise ValueError(f"the test fails while one runs: {runs(inside[0])}")

    with started(SLEEP) as outside:
        with pytest.raises(ValueError, match="one runs: True"):
            fail()
        assert not runs(inside[0])
        assert outside.poll() is None
    assert os.environ[TAG] == before


def test_another_run_of_the_same_test_is_left_alone():
    code = (
        "import subprocess, sys; from support.processes import ended_with\n"
        "with ended_with('a test'):\n"
        "    child = subprocess.Popen(sys.argv[1:])\n"
        "    print(child.pid, flush=True)\n"
        "    child.wait()"
    )
    command = [sys.executable, "-c", code, *SLEEP]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    with started(command, stdout=subprocess.PIPE, text=True, env=environment) as other:
        child = psutil.Process(int(other.stdout.readline()))
        with ended_with("a test"):
            pass
        assert runs(child)


def test_what_was_forked_for_the_test_is_ended_and_the_fork_server_goes_on():
    pool = LocalProcesses(1, int, ())
    try:
        pool.submit(abs, -1).result(timeout=50)
        with ended_with("a test"):
            other = LocalProcesses(1, int, ())
            worker = psutil.Process(other.submit(os.getpid).result(timeout=50))
        wait_until(lambda: not runs(worker))
        assert pool.submit(abs, -1).result(timeout=50) == 1
    finally:
        pool.shutdown(cancel_futures=True)
