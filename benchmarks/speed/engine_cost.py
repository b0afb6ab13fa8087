"""What the engine itself costs a trial in a study of many: ask, record, decide and tell.

python benchmarks/speed/engine_cost.py

The real driver on the default storage, a journal in the run's folder; a curve that is computed at
once stands in for training. Random search fills the study; then each sampler proposes some trials
more, with the default pruner and without one. Milliseconds a trial, all the driver's own.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lstmopt.epoch import Epoch
from lstmopt.execution.engine import Engine, InProcess
from lstmopt.objectives import ForecastCost, ForecastCosts, make_goals
from lstmopt.plugin.registry import Registry, load_registry
from lstmopt.pruning.pruners import make_pruner
from lstmopt.search.context import SearchContext
from lstmopt.search.driver import Driver
from lstmopt.search.observer import Observer
from lstmopt.search.search_plan import Plan
from lstmopt.search_space import CLASSIC, Architecture, Candidate, Space
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.study_store import open_study
from lstmopt.training.trainer import Progress

EPOCHS, CHECKPOINT = 27, bytes(100_000)
SPACE = Space(dict(CLASSIC))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--more", type=int, default=40, help="trials that are timed")
    options = parser.parse_args()
    registry = load_registry()
    print("| sampler | pruner | " + " | ".join(f"{n:,} trials" for n in options.sizes) + " |")
    print("| --- | --- |" + " --- |" * len(options.sizes))
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            search(registry, Path(folder) / str(size), "random", "none", size)
        for sampler in ("random", "nsga2", "tpe"):
            for pruner in ("none", "auto"):
                cells = []
                for size in options.sizes:
                    with copied(Path(folder) / str(size)) as copy:
                        times = search(registry, copy, sampler, pruner, size + options.more)
                    cells.append(f"{statistics.median(times) * 1000:.1f}")
                print(f"| {sampler} | {pruner} | " + " | ".join(cells) + " |", flush=True)


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        yield shutil.copytree(folder, Path(place) / "run")


def search(registry: Registry, folder: Path, sampler: str, pruner: str, trials: int) -> list[float]:
    """Go on to so many trials; return the seconds of each new one."""
    clock = Clock()
    make_driver(registry, RunFolder(folder), "", sampler, pruner, trials, clock).search()
    return np.diff(clock.times).tolist()


def make_driver(
    registry: Registry,
    run: RunFolder,
    url: str,
    sampler: str,
    pruner: str,
    trials: int,
    observer: Observer,
    workers: int = 1,
) -> Driver:
    """Open the study and make the driver that goes on with it, of workers that are always done."""
    goals = make_goals([registry.objective(name) for name in ("val_loss", "latency_ms")])
    stored = open_study("cost", url, run, goals, {"format": 1})
    strategy = registry.strategy("sampler", sampler)
    plan = Plan(0, SPACE, goals, strategy, {}, make_pruner(registry, pruner), trials)
    costs = ForecastCosts({a: cost(a) for a in SPACE.architectures()}, goals, plan.limits)
    context = SearchContext(stored, plan, costs, run, registry, observer)
    return Driver(context, Engine(InProcess(), workers, train))


class Clock(Observer):
    """Hears when each trial begins."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def started(self, *_: object) -> None:
        self.times.append(time.perf_counter())


def cost(size: Architecture) -> ForecastCost:
    work = size["hidden_size"] * size["num_layers"]
    return ForecastCost(size, work / 100, 0.0, work**2)


def train(candidate: Candidate, checkpoint: bytes | None, epochs: int) -> Progress:
    """Return the next epochs of a curve that falls to what the learning rate allows."""
    done = len(checkpoint) - len(CHECKPOINT) if checkpoint else 0
    rng = np.random.default_rng(candidate.seed)
    floor = abs(np.log10(candidate["learning_rate"]) + 3) / 4 + rng.uniform(0, 0.1)
    numbers = range(done + 1, min(done + epochs, EPOCHS) + 1)
    curve = tuple(Epoch(n, 1 / n, float(floor + 1 / n), 0.1, 0.5, 0.1) for n in numbers)
    return Progress(CHECKPOINT + bytes(numbers[-1]), curve, numbers[-1] == EPOCHS)


if __name__ == "__main__":
    main()
