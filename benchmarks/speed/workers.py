"""What two workers save on a fixed list of candidates.

python benchmarks/speed/workers.py --rounds 3

Twenty-four random candidates, every one to its last epoch, by this process alone and by two worker
processes, alternating. Seconds from the first trial's begin to the last one's end.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from lstmopt import make_config, run
from lstmopt.execution.process_pool import LocalProcesses
from lstmopt.search.observer import Observer

STUDY = {
    "name": "workers",
    "data": {"target": "cnt", "features": [], "calendar": False},
    "task": {"window": 24},
    "training": {"epochs": 6, "patience": 6, "targets_per_window": 1},
    "space": {
        "hidden_size": [16, 32, 64],
        "num_layers": [1, 2, 3, 4],
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "batch_size": [32, 64, 128],
    },
    "sampler": {"name": "random"},
    "pruner": {"name": "none"},
    "budget": {"trials": 24},
}


class Watch(Observer):
    """Notes the begin of the first trial, and ends the run when the search is over."""

    def __init__(self) -> None:
        self.begin = self.end = 0.0

    def started(self, *_: Any) -> None:
        self.begin = self.begin or time.perf_counter()

    def refitting(self, *_: Any) -> None:
        self.end = time.perf_counter()
        raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=6_000)
    options = parser.parse_args()
    csv = Path(__file__).resolve().parents[2] / "studies" / "bike_sharing_hour.csv.gz"
    table = pd.read_csv(csv).head(options.rows)[["cnt"]]
    LocalProcesses(1, int, ()).shutdown()  # torch is imported where workers come from
    ratios = []
    for number in range(options.rounds):
        seconds = {n: search(table, STUDY, n) for n in ((1, 2) if number % 2 else (2, 1))}
        ratios.append(seconds[2] / seconds[1])
        print(f"1 worker {seconds[1]:.1f} s, 2 workers {seconds[2]:.1f} s: {ratios[-1]:.3f}")
    print(f"median {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")


def search(table: pd.DataFrame, study: dict[str, Any], workers: int) -> float:
    """Return the seconds that a study's search took."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(make_config(study | {"workers": workers}), Path(folder), table, watch)
        except KeyboardInterrupt:
            return watch.end - watch.begin
    raise SystemExit("the search ended without a front")


if __name__ == "__main__":
    main()
