"""How long a user waits before anything happens.

python benchmarks/speed/start_up.py

CPU seconds of commands that only look, the median of five; and of `lstmopt run` on the shipped
study with its latencies known: seconds to its first line, and to the begin of its first trial
beside what `import torch` takes in a process of its own.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-c", "from lstmopt.cli.main import main; main()"]
TRIAL = """
import sys, time
from lstmopt.execution.forkserver import start_forkserver
start_forkserver()
from pathlib import Path
from lstmopt.config.study_file import read_config, shipped_study
from lstmopt.workflow.run_study import run
from lstmopt.search.observer import Observer
class First(Observer):
    def started(self, *_):
        print(time.time(), flush=True)
        raise KeyboardInterrupt
run(read_config(shipped_study()), Path(sys.argv[1]), observer=First())
"""
SMALL = ["--trials", "2", "--epochs", "1", "--workers", "1"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder) / "run")
        subprocess.run([*COMMAND, "run", *SMALL, "--out", run], check=True, capture_output=True)
        for arguments in (["--help"], ["plugins"], ["pareto", run]):
            cpu = statistics.median(cpu_seconds([*COMMAND, *arguments]) for _ in range(5))
            print(f"lstmopt {arguments[0]}: {cpu:.2f} s of CPU")
        torch, lines, trials = [], [], []
        for number in range(5):
            start = time.time()
            subprocess.run([sys.executable, "-c", "import torch"], check=True)
            torch.append(time.time() - start)
            lines.append(first_line([*COMMAND, "run", "--out", f"{folder}/line{number}"]))
            start = time.time()
            command = [sys.executable, "-c", TRIAL, f"{folder}/trial{number}"]
            done = subprocess.run(command, capture_output=True, text=True)
            trials.append(float(done.stdout.split()[0]) - start)
    print(f"import torch: {statistics.median(torch):.2f} s")
    print(f"lstmopt run, its first line: {statistics.median(lines):.2f} s")
    print(f"lstmopt run, its first trial begins: {statistics.median(trials):.2f} s")


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def first_line(command: list[str]) -> float:
    start = time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    seconds = time.time() - start
    process.kill()
    process.wait()
    return seconds


if __name__ == "__main__":
    main()
