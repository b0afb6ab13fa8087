"""The peak memory of training on a long series, in multiples of the series' own size.

python benchmarks/speed/memory.py --workers 2

A table of normal numbers, float64, is read, split and searched by the engine as a study does it:
two trials of a share of an epoch. The peak is that of all processes together, a page that several
share counted once, less what the same takes on 1,000 rows. Reading has a peak of its own: the
caller's table is still there then. Linux.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.execution.local_engine import open_local_engine
from lstmopt.search_space import Candidate
from lstmopt.system.mmap_arrays import store
from lstmopt.training.folds import TrainingParts
from lstmopt.training.options import TrainingOptions

sys.path.append(str(Path(__file__).resolve().parents[1] / "peers"))
from measure import pss_mib, tree

PARAMS = {
    "hidden_size": 16,
    "num_layers": 1,
    "learning_rate": 1e-3,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "batch_size": 128,
    "optimizer": "Adam",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--targets", type=int, default=6, help="a window")
    options = parser.parse_args()
    own = options.rows * options.columns * 8 / 2**20
    print(
        f"{options.rows:,} rows x {options.columns} columns, {own:.0f} MiB, "
        f"{options.workers} workers; peaks in multiples of that\n"
    )
    print("| targets a window | reading | training |\n| --- | --- | --- |")
    rest = options.columns, options.workers, options.targets
    idle = stages(1_000, *rest, reports=1)
    peaks = stages(options.rows, *rest, reports=400)
    cells = (f"{(peak - base) / own:.2f}" for peak, base in zip(peaks, idle, strict=True))
    print(f"| {options.targets} | " + " | ".join(cells) + " |", flush=True)


def stages(
    rows: int, columns: int, workers: int, targets: int, reports: int
) -> tuple[float, float]:
    """Return the peaks of reading and of training, MiB."""
    names = [f"c{n}" for n in range(columns)]
    values = np.random.default_rng(0).standard_normal((rows, columns))
    times = pd.date_range("2000-01-01", periods=rows, freq="min")
    tables = [pd.DataFrame(values, times, names)]
    del values
    options = DataOptions(target="c0", calendar=False)
    series, reading = watched(lambda: read_series(tables[0], options))
    tables.clear()
    gc.collect()

    def search() -> None:
        training = TrainingOptions(targets_per_window=targets)
        with tempfile.TemporaryDirectory() as folder:
            parts = prepare(Path(folder))
            with open_local_engine(parts, training, "cpu", workers, reports) as engine:
                futures = [engine.submit(Candidate(PARAMS, n), None, 1) for n in range(2)]
                assert all(future.result().failure is None for future in futures)

    def prepare(folder: Path) -> Path:
        nonlocal series
        split = split_series(series, Shape(24, 1))
        store(TrainingParts(split.folds), folder / "parts")
        series = store(series, folder / "series")
        return folder / "parts"

    return reading, watched(search)[1]


def watched(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work`` gives and the peak of this process and its children in MiB."""
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, sum(map(pss_mib, tree(os.getpid()))))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        result = work()
    finally:
        done.set()
        thread.join()
    return result, peak


if __name__ == "__main__":
    main()
