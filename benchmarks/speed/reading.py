"""How long a year of minutes takes to be read, for a study and for a forecast.

python benchmarks/speed/reading.py --rows 525600

Four columns in files as people write them. What a study reads is the whole file; what a model reads
is its end. The best of three, in one process that has everything imported.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.series_parts import ForModel

WINDOW, HORIZON = 48, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=525_600)
    options = parser.parse_args()
    print(f"{options.rows:,} rows, seconds\n\n| file | study | forecast |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, path in write_tables(Path(folder), options.rows).items():
            asked = DataOptions(target="load")
            series = read_series(path, asked)
            model = ForModel(series.step, WINDOW, HORIZON)
            study = best(lambda path=path, asked=asked: read_series(path, asked))
            forecast = best(
                lambda path=path, kept=series.reading, model=model: read_series(path, kept, model)
            )
            print(f"| {name} | {study:.2f} | {forecast:.2f} |")


def best(read: Callable[[], object], times: int = 3) -> float:
    """Return the shortest of some calls, in seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        read()
        taken.append(time.perf_counter() - start)
    return min(taken)


def write_tables(folder: Path, rows: int) -> dict[str, Path]:
    """Write one table in several ways, and return the files by what they are."""
    rng = np.random.default_rng(0)
    times = pd.date_range("2023-01-01", periods=rows, freq="min")
    table = pd.DataFrame(
        {
            "time": times,
            "load": rng.normal(100, 10, rows).round(2),
            "wind": rng.normal(5, 2, rows).round(2),
            "temp": rng.normal(15, 3, rows).round(1),
        }
    )
    written: dict[str, tuple[str, dict[str, str]]] = {
        "CSV, 2023-01-01 00:00:00": ("%Y-%m-%d %H:%M:%S", {}),
        "CSV, 2023-01-01T00:00:00Z": ("%Y-%m-%dT%H:%M:%SZ", {}),
        "CSV, 01/01/2023 12:00:00 AM": ("%m/%d/%Y %I:%M:%S %p", {}),
        "CSV, 01.01.2023 00:00 and decimal commas": (
            "%d.%m.%Y %H:%M",
            {"sep": ";", "decimal": ","},
        ),
    }
    found = {}
    for number, (name, (form, options)) in enumerate(written.items()):
        found[name] = folder / f"{number}.csv"
        table.assign(time=times.strftime(form)).to_csv(found[name], index=False, **options)
    holes = table.assign(load=table["load"].where(rng.random(rows) > 0.01))
    found["CSV, a hundredth of the targets missing"] = folder / "holes.csv"
    holes.to_csv(found["CSV, a hundredth of the targets missing"], index=False)
    found["Parquet"] = folder / "a.parquet"
    table.to_parquet(found["Parquet"])
    return found


if __name__ == "__main__":
    main()
