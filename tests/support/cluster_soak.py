"""A study on a real cluster with its record in a real PostgreSQL, while processes are killed.

    PYTHONPATH=tests python -m support.cluster_soak
    PYTHONPATH=tests python -m support.cluster_soak --trials 20

A scheduler and three workers, each a process on loopback; two workers and the driver are killed by
SIGKILL at random instants, and the same command is given again. Then the same study by three local
processes: a fixed list of candidates, so every loss is compared.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from lstmopt import load
from support.parts import wave
from support.processes import ended_with
from support.real_cluster import RealCluster, real_cluster, wait_until
from support.real_postgresql import real_postgresql
from support.soak import MAIN, Tally, judge, remember

STUDY = """
name = "soak"
seed = 1
workers = {workers}
storage = "{storage}"
[engine]
url = "{engine}"
[data]
path = "wave.csv"
target = "load"
[task]
window = 24
[training]
epochs = {epochs}
patience = {epochs}
targets_per_window = 1
[space]
hidden_size = [8, 16]
num_layers = [1, 2]
learning_rate = {{ low = 0.001, high = 0.05, log = true, points = {points} }}
[sampler]
name = "grid"
[pruner]
name = "none"
[warm_start]
name = "none"
[budget]
trials = {trials}
[finalists]
seeds = 1
"""


def soak(folder: Path, trials: int = 60, epochs: int = 20, seed: int = 0) -> Tally:
    """Run the study with two workers and the driver killed; compare it with one on this machine."""
    rng, tally, start = random.Random(seed), Tally(studies=1, budget=trials), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    wave(1_000).to_csv(folder / "wave.csv", index=False)
    with real_postgresql() as server, real_cluster(folder / "cluster", 3) as cluster:
        options = {"trials": trials, "epochs": epochs, "points": -(-trials // 4)}
        _write(folder, storage=server.create("soak"), engine=cluster.url, workers=0, **options)
        _run_with_kills(folder, cluster, rng, tally)
        judge(folder / "run", tally)
    tally.seconds = time.monotonic() - start
    _write(folder, storage="", engine="", workers=3, **options)
    assert _start(folder, "local").wait() == 0
    one, other = load(folder / "run").curves["val_loss"], load(folder / "local").curves["val_loss"]
    tally.losses_compared = len(other)
    tally.losses_different = int((one.to_numpy() != other.to_numpy()).sum())
    return tally


def _run_with_kills(folder: Path, cluster: RealCluster, rng: random.Random, tally: Tally) -> None:
    """Kill a worker, the driver and another worker, each after some more trials are closed."""
    trials, run = tally.budget, folder / "run"
    moments = sorted(rng.sample(range(2, trials - 5), 3))
    driver = _start(folder, "run")
    for what, moment in zip(("worker", "driver", "worker"), moments, strict=True):
        wait_until(partial(_has_closed, run, moment, driver), 600)
        assert driver.poll() is None, (folder / "output.txt").read_text()
        tally.kills += 1
        if what == "worker":
            cluster.workers[tally.workers].kill()
            cluster.workers[tally.workers].wait()
            tally.workers += 1
            cluster.start_worker()
        else:
            driver.kill()
            driver.wait()
            tally.drivers += 1
            remember(run, tally)
            driver = _start(folder, "run")
            tally.restarts += 1
    assert driver.wait() == 0, (folder / "output.txt").read_text()


def _has_closed(run: Path, trials: int, driver: subprocess.Popen[bytes]) -> bool:
    """Say whether the driver has said of so many trials that they are closed, or has ended."""
    output = (run.parent / "output.txt").read_text()
    closed = sum(line.startswith("trial ") for line in output.splitlines())
    return closed >= trials or driver.poll() is not None


def _write(folder: Path, **options: object) -> None:
    (folder / "soak.toml").write_text(STUDY.format(**options))


def _start(folder: Path, out: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", MAIN, "run", "soak.toml", "--out", out, "--no-report"]
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ended_with("soak"):
        done = soak(Path(temporary), options.trials, options.epochs, options.seed)
    print(json.dumps(done.table(), indent=2))
    sys.exit(not done.clean)
