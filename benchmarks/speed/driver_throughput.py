"""How many segments of training a second the one driver can hand out and take back.

python benchmarks/speed/driver_throughput.py
python benchmarks/speed/driver_throughput.py --sizes 1000 --workers 8 --samplers random

The real driver with the default pruner; workers are simulated, and always done: a curve that is
computed at once stands in for training. So the driver is never waited for, and what it serves is
what it can serve. Studies are filled by random search, copied into each storage, and gone on with
by each sampler. At one second a segment, the figure is also how many workers one driver can feed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine_cost import make_driver, search

from lstmopt.plugin.registry import Registry, load_registry
from lstmopt.search.observer import Observer
from lstmopt.storage.copy_study import copy_study
from lstmopt.storage.run_folder import RunFolder

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
from support.real_postgresql import RealPostgreSQL, real_postgresql


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[8, 64, 256])
    parser.add_argument("--samplers", nargs="+", default=["random", "nsga2", "tpe"])
    parser.add_argument("--storages", nargs="+", default=["journal", "sqlite", "postgresql"])
    parser.add_argument("--seconds", type=float, default=6.0, help="measured for each figure")
    options = parser.parse_args()
    registry = load_registry()
    columns = [f"{n:,} trials, {w} workers" for n in options.sizes for w in options.workers]
    print("| sampler | storage | " + " | ".join(columns) + " |")
    print("| --- | --- |" + " --- |" * len(columns))
    with tempfile.TemporaryDirectory() as folder, real_postgresql() as server:
        filled = {
            size: Filled(registry, Path(folder) / str(size), size, options.storages, server)
            for size in options.sizes
        }
        for sampler in options.samplers:
            for storage in options.storages:
                cells = []
                for size in options.sizes:
                    for workers in options.workers:
                        with filled[size].copy(storage) as (run, url):
                            served = serve(registry, run, url, sampler, workers, options.seconds)
                        cells.append(f"{served:.0f}")
                print(f"| {sampler} | {storage} | {' | '.join(cells)} |", flush=True)


class Filled:
    """A study of so many closed trials in each storage, to be copied from."""

    def __init__(
        self,
        registry: Registry,
        folder: Path,
        size: int,
        storages: Sequence[str],
        server: RealPostgreSQL,
    ) -> None:
        self._folder, self._server, self._name = folder, server, f"filled_{size}"
        search(registry, folder / "run", "random", "none", size)
        if "sqlite" in storages:
            copy_study(str(folder / "run"), f"sqlite:///{folder}/study.db")
        if "postgresql" in storages:
            copy_study(str(folder / "run"), server.create(self._name))

    @contextmanager
    def copy(self, storage: str) -> Iterator[tuple[RunFolder, str]]:
        """Give a copy of the study's own."""
        with tempfile.TemporaryDirectory() as place:
            run, url = Path(place) / "run", ""
            if storage == "journal":
                shutil.copytree(self._folder / "run", run)
            elif storage == "sqlite":
                shutil.copyfile(self._folder / "study.db", Path(place) / "study.db")
                url = f"sqlite:///{place}/study.db"
            else:
                url = self._server.create(f"copy_{time.monotonic_ns()}", self._name)
            yield RunFolder(run), url


class Enough(Exception):
    """As much was measured as was wanted."""


class Served(Observer):
    """Counts segments after a first round of all workers, for a second round and ``seconds``."""

    def __init__(self, workers: int, seconds: float) -> None:
        self.workers, self.seconds = workers, seconds
        self.segments, self.begin = -workers, 0.0

    def advanced(self, *_: object) -> None:
        now = time.perf_counter()
        self.segments += 1
        if self.segments == 0:
            self.begin = now
        if self.segments >= self.workers and now - self.begin > self.seconds:
            self.seconds = now - self.begin
            raise Enough


def serve(
    registry: Registry, run: RunFolder, url: str, sampler: str, workers: int, seconds: float
) -> float:
    """Return the segments a second that the driver serves to so many workers."""
    served = Served(workers, seconds)
    driver = make_driver(registry, run, url, sampler, "auto", 1_000_000, served, workers)
    try:
        driver.search()
    except Enough:
        return served.segments / served.seconds
    raise SystemExit("the study ended before enough was measured")


if __name__ == "__main__":
    main()
