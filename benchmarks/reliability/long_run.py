"""What a study of many trials in one process holds in memory and leaves on disk.

python benchmarks/reliability/long_run.py --sampler random

The real driver, as in ``benchmarks/speed/engine_cost.py``, with the default pruner; a computed
curve stands in for training. Memory is resident memory, ten times on the way; the slope is a
straight line through the second half, in KiB a trial. At the end all trials are read, for the
record. What the same study takes where Optuna alone has read it, in a process of its own, is what a
driver would hold that held its study.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))

from engine_cost import make_driver

from lstmopt.plugin.registry import load_registry
from lstmopt.search.observer import Observer
from lstmopt.storage.run_folder import RunFolder

_ALONE = """
import pathlib, sys, psutil
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.study_store import open_storage
open_storage("sqlite://", None)  # what Optuna loads for a database
before = psutil.Process().memory_info().rss
storage = open_storage(sys.argv[1], RunFolder(pathlib.Path(sys.argv[2])))
count = len(storage.get_all_trials(storage.get_all_studies()[0]._study_id, deepcopy=False))
print((psutil.Process().memory_info().rss - before) / 2**10 / count)
"""


def resident() -> float:
    """Return the resident memory of this process in KiB."""
    return psutil.Process().memory_info().rss / 2**10


class Scale(Observer):
    """Weighs the process and its folder every so many trials."""

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every, self.begun_so_far = folder, every, 0
        self.begun = time.perf_counter()
        self.rows: list[tuple[int, float, float]] = []

    def started(self, *_: object) -> None:
        # trials that are paused are closed at the end: what is begun says how far it is
        self.begun_so_far += 1
        if self.begun_so_far % self.every == 0:
            held = resident()
            files = sum(p.stat().st_size for p in self.folder.rglob("*") if p.is_file()) / 2**10
            self.rows.append((self.begun_so_far, held, files))
            spent = time.perf_counter() - self.begun
            print(
                f"| {self.begun_so_far:,} | {held / 1024:.0f} | {files / 1024:.1f} | {spent:.0f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--storage", default="journal", choices=["journal", "sqlite"])
    options = parser.parse_args()
    registry = load_registry()
    print("| trials | memory, MiB | folder, MiB | seconds |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        run = RunFolder(Path(temporary))
        url = f"sqlite:///{temporary}/study.db" if options.storage == "sqlite" else ""
        scale = Scale(run.path, max(1, options.trials // 10))
        driver = make_driver(registry, run, url, options.sampler, "auto", options.trials, scale)
        records = driver.search()
        print(f"with all {len(records):,} trials read at the end: {resident() / 2**10:.0f} MiB")
        alone = [sys.executable, "-c", _ALONE, url, temporary]
        whole = float(subprocess.check_output(alone, text=True))
    later = np.array(scale.rows[len(scale.rows) // 2 :])
    for what, column in (("memory", 1), ("folder", 2)):
        slope = np.polyfit(later[:, 0], later[:, column], 1)[0]
        print(f"{what}: {slope:.2f} KiB a trial")
    print(f"the study in Optuna alone: {whole:.2f} KiB a trial")


if __name__ == "__main__":
    main()
