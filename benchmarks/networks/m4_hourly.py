"""How good is one network for the hourly series of the M4 competition, by its own protocol?

python benchmarks/networks/m4_hourly.py m4_hourly_long.parquet --minutes 30 --out runs/m4

The table has ``unique_id``, ``t`` (1, 2, …) and ``y``, all rows of all series. No dates come with
it: hours count from any Thursday. The last 48 hours of each series are forecast once, from the row
before; the table of the test part has sMAPE and MASE as the competition counts them. A seasonal
naive forecast must come to 13.91 and 1.193.

References:
    Makridakis, Spiliotis and Assimakopoulos, The M4 Competition, International Journal of
    Forecasting 36, 2020, https://doi.org/10.1016/j.ijforecast.2019.04.014
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from lstmopt import make_config, run
from lstmopt.cli.shared import make_console, print_results
from lstmopt.results.run import read_run

HORIZON = 48
SPACE = {
    "loss": ["absolute", "huber"],
    "window": [96, 168, 336],
    "hidden_size": [32, 64, 128],
    "decoder_hidden_size": [64, 256],
    "batch_size": [128],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/m4"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--series", type=int, help="so many of them, evenly spread")
    asked = parser.parse_args()
    study = make_config(
        {
            "name": "m4",
            "objectives": ["val_mase", "latency_ms"],
            "networks": ["segment", "linear"],
            "space": SPACE,
            "task": {"horizon": HORIZON},
            "split": {"validation_rows": 2 * HORIZON, "test_rows": HORIZON},
            "intervals": {"calibration": 0.0, "quantiles": []},
            "budget": {"trials": 10_000, "timeout": f"{60 * asked.minutes:g}s"},
        }
    )
    run(study, asked.out, hourly(asked.table, asked.series))
    print_results(read_run(asked.out).results, make_console(), asked.out, as_json=False)


def hourly(path: Path, count: int | None) -> pd.DataFrame:
    """Return the table as Nixtla's users hold it."""
    table = pd.read_parquet(path)
    if count is not None:
        names = table["unique_id"].unique()
        table = table[table["unique_id"].isin(names[:: max(1, len(names) // count)][:count])]
    hours = pd.to_timedelta(table["t"] - 1, unit="h")
    table = table.assign(ds=pd.Timestamp("2015-01-01") + hours)
    return table[["unique_id", "ds", "y"]].reset_index(drop=True)


if __name__ == "__main__":
    main()
