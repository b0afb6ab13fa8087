"""What a Dask cluster costs beside local processes: the same candidates on as many workers.

python benchmarks/speed/cluster.py --rounds 3

Sixty given candidates, every one to its last epoch, by three processes of this machine and by three
Dask workers with a scheduler of their own on loopback, alternating. Seconds from the first trial's
begin to the last one's end; efficiency is local seconds over the cluster's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import pandas as pd
from workers import STUDY, search

from lstmopt.execution.process_pool import LocalProcesses

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
from support.real_cluster import real_cluster

TRIALS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=3)
    options = parser.parse_args()
    csv = Path(__file__).resolve().parents[2] / "studies" / "bike_sharing_hour.csv.gz"
    table = pd.read_csv(csv).head(options.rows)[["cnt"]]
    study = STUDY | {"budget": {"trials": TRIALS}}
    LocalProcesses(1, int, ()).shutdown()  # torch is imported where workers come from
    ratios = []
    with (
        tempfile.TemporaryDirectory() as folder,
        real_cluster(Path(folder), options.workers) as cluster,
    ):
        engines = {"local": {}, "cluster": {"url": cluster.url}}
        search(table, study | {"engine": engines["cluster"], "budget": {"trials": 6}}, 0)
        for number in range(options.rounds):
            order = list(engines) if number % 2 else list(reversed(engines))
            seconds = {
                name: search(table, study | {"engine": engines[name]}, options.workers)
                for name in order
            }
            ratios.append(seconds["local"] / seconds["cluster"])
            words = f"local {seconds['local']:.1f} s, cluster {seconds['cluster']:.1f} s"
            print(f"{words}: {ratios[-1]:.3f}", flush=True)
    print(f"median {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")


if __name__ == "__main__":
    main()
