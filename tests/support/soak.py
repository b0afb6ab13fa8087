"""Kills a study's driver and workers at random instants and counts what that cost.

    PYTHONPATH=tests python -m support.soak --kills 200
    PYTHONPATH=tests python -m support.soak --kills 50 --workers 1 --grid --trials 48
    PYTHONPATH=tests python -m support.soak --kills 0 --workers 8 --grid --trials 2000

The study trains real networks; processes die by SIGKILL, also while they start. With ``--grid`` and
one worker the candidates are fixed, and every loss is compared with a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from lstmopt import LstmoptError, load
from lstmopt.pareto import dominates
from support.parts import wave
from support.processes import ended_with

MAIN = "from lstmopt.cli.main import main; main()"
STUDY = """
name = "soak"
seed = 1
workers = {workers}
objectives = ["val_loss", "latency_ms"]
[data]
path = "wave.csv"
target = "load"
[task]
window = 12
[training]
epochs = 12
patience = 12
targets_per_window = 4
[space]
hidden_size = [4, 8, 16]
num_layers = [1, 2]
learning_rate = {rates}
batch_size = [4, 8]
[sampler]
name = "{sampler}"
[pruner]
name = "{pruner}"
[warm_start]
name = "none"
[budget]
trials = {trials}
[finalists]
seeds = 1
"""


@dataclass
class Tally:
    """What a soak came to; ``lost`` and ``doubled`` must stay 0."""

    studies: int = 0
    kills: int = 0
    drivers: int = 0
    workers: int = 0
    restarts: int = 0
    budget: int = 0
    finished: int = 0
    failed: int = 0
    lost: int = 0
    changed: int = 0
    doubled: int = 0
    front_wrong: int = 0
    orphans: int = 0
    losses_compared: int = 0
    losses_different: int = 0
    seconds: float = 0.0
    slowest_notice: float = 0.0
    """Seconds from a worker's death to the one that took its place, at most."""
    known: dict[int, str] = field(default_factory=dict, repr=False)

    def table(self) -> dict[str, float]:
        return {name: value for name, value in asdict(self).items() if name != "known"}

    @property
    def clean(self) -> bool:
        wrong = (self.lost, self.changed, self.doubled, self.front_wrong, self.orphans)
        return not any((*wrong, self.losses_different)) and self.finished == self.budget


def soak(
    folder: Path, kills: int, trials: int, workers: int = 2, grid: bool = False, seed: int = 0
) -> Tally:
    """Run studies of ``trials`` until ``kills`` of their processes were killed; say what came."""
    rng, tally, start = random.Random(seed), Tally(), time.monotonic()
    while tally.studies == 0 or tally.kills < kills:
        study = folder / f"study{tally.studies}"
        study.mkdir(parents=True)
        wave(260, tally.studies).to_csv(study / "wave.csv", index=False)
        (study / "soak.toml").write_text(_study(trials, workers, grid))
        _run_disturbed(study, kills, rng, tally)
        tally.studies += 1
        tally.budget += trials
        judge(study / "run", tally)
        if grid:
            alone = (study / "soak.toml").read_text().replace(f"workers = {workers}", "workers = 1")
            (study / "soak.toml").write_text(alone)
            assert _start(study, "undisturbed").wait() == 0
            _compare(study, tally)
    tally.seconds = time.monotonic() - start
    return tally


def _run_disturbed(study: Path, kills: int, rng: random.Random, tally: Tally) -> None:
    """Run one study to its end, whatever it takes."""
    tally.known = {}
    for _ in range(kills + 10):
        driver = _start(study, "run")
        _disturb(driver, study / "run", kills, rng, tally)
        if driver.returncode == 0:
            return
        tally.restarts += 1
    raise RuntimeError((study / "output.txt").read_text()[-2000:])


def _study(trials: int, workers: int, grid: bool) -> str:
    points = max(1, -(-trials // 12))
    rates = f"{{ low = 0.001, high = 0.05, log = true, points = {points} }}"
    sampler, pruner = ("grid", "none") if grid else ("tpe", "median")
    return STUDY.format(trials=trials, workers=workers, rates=rates, sampler=sampler, pruner=pruner)


def _start(folder: Path, out: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", MAIN, "run", "soak.toml", "--out", out, "--no-report"]
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)


def _disturb(
    driver: subprocess.Popen[bytes], run: Path, kills: int, rng: random.Random, tally: Tally
) -> None:
    """Kill workers of a driver and then, sooner or later, the driver, as long as kills are left."""
    while driver.returncode is None:
        wanted = tally.kills < kills
        with contextlib.suppress(subprocess.TimeoutExpired):
            driver.wait(rng.choice([0.5, 2.0, 4.0]) * rng.random() * 2 if wanted else None)
        if driver.returncode is not None:
            break
        tally.kills += 1
        workers = _workers(driver.pid)
        if workers and rng.random() < 0.6:
            _kill_worker(driver.pid, rng.choice(workers), tally)
            continue
        children = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
        driver.wait()
        tally.drivers += 1
        for orphan in psutil.wait_procs(children, timeout=30)[1]:
            tally.orphans += 1
            print(f"lives on after its driver: {orphan}", orphan.cmdline(), file=sys.stderr)
    remember(run, tally)


def _workers(driver: int) -> list[psutil.Process]:
    """List the processes that train: those that the process they are forked from has forked."""
    with contextlib.suppress(psutil.Error):
        direct = psutil.Process(driver).children()
        return [worker for child in direct for worker in child.children()]
    return []


def _kill_worker(driver: int, worker: psutil.Process, tally: Tally) -> None:
    before = {process.pid for process in _workers(driver)}
    with contextlib.suppress(psutil.Error):
        worker.kill()
        tally.workers += 1
    died = time.monotonic()
    while time.monotonic() - died < 10 and psutil.pid_exists(driver):
        if {process.pid for process in _workers(driver)} - before:
            tally.slowest_notice = max(tally.slowest_notice, time.monotonic() - died)
            return
        time.sleep(0.02)


def remember(run: Path, tally: Tally) -> None:
    """Compare what is closed now with what was closed before: nothing may be gone or other."""
    now = closed(run)
    for number, content in tally.known.items():
        if number not in now:
            tally.lost += 1
        elif now[number] != content:
            tally.changed += 1
    tally.known |= now


def closed(run: Path) -> dict[int, str]:
    try:
        entries = load(run).document["trials"]
    except LstmoptError:  # killed before it had begun
        return {}
    return {entry["number"]: json.dumps(entry, sort_keys=True) for entry in entries}


def judge(run: Path, tally: Tally) -> None:
    remember(run, tally)
    loaded = load(run)
    entries = loaded.document["trials"]
    numbers = [entry["number"] for entry in entries]
    twins = [json.dumps(entry["params"], sort_keys=True) for entry in entries]
    trained = [t for t, e in zip(twins, entries, strict=True) if e["epochs_trained"]]
    tally.doubled += len(numbers) - len(set(numbers)) + len(trained) - len(set(trained))
    tally.finished += sum(entry["state"] in ("complete", "pruned", "failed") for entry in entries)
    tally.failed += sum(entry["state"] == "failed" for entry in entries)
    points = {
        entry["number"]: (entry["values"]["val_loss"], entry["values"]["latency_ms"])
        for entry in entries
        if entry["state"] == "complete"
    }
    best = {n for n, p in points.items() if not any(dominates(q, p) for q in points.values())}
    kept = set(loaded.document["front"])
    same = {points[n] for n in best} == {points[n] for n in kept}
    tally.front_wrong += int(not (kept <= best and same))


def _compare(folder: Path, tally: Tally) -> None:
    disturbed, undisturbed = load(folder / "run").curves, load(folder / "undisturbed").curves
    for name in ("train_loss", "val_loss", "val_r2"):
        one, other = disturbed[name].to_dict(), undisturbed[name].to_dict()
        tally.losses_compared += len(other)
        tally.losses_different += sum(one.get(key) != loss for key, loss in other.items())
        tally.losses_different += len(set(one) - set(other))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ended_with("soak"):
        done = soak(
            Path(temporary),
            options.kills,
            options.trials,
            options.workers,
            options.grid,
            options.seed,
        )
    print(json.dumps(done.table(), indent=2))
    sys.exit(not done.clean)
