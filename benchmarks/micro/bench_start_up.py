"""How long a user waits before anything happens."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = (
    "import sys; sys.argv = sys.argv[:1] + {arguments}; from lstmopt.cli.main import main; main()"
)


@pytest.mark.parametrize("module", ["lstmopt", "lstmopt.search.driver"])
def bench_import(benchmark, module):
    command = [sys.executable, "-c", f"import {module}"]
    benchmark.pedantic(subprocess.run, (command,), {"check": True}, rounds=5, warmup_rounds=1)


def bench_help(benchmark):
    command = [sys.executable, "-c", CODE.format(arguments=["--help"])]
    options = {"check": True, "stdout": subprocess.DEVNULL}
    benchmark.pedantic(subprocess.run, (command,), options, rounds=5, warmup_rounds=1)
