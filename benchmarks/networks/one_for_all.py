"""One network for all series of a panel, or one for each in the same time?

python benchmarks/networks/one_for_all.py m4_hourly_long.parquet --series 50 --minutes 10

takes the table of ``m4_hourly.py``: one study on so many of its series, then a study for each by
itself, all of them in as much time as the one. Both deploy what they would deploy.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from m4_hourly import HORIZON, hourly

from lstmopt import make_config, run
from lstmopt.errors import LstmoptError
from lstmopt.results.run import read_run


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--series", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10)
    asked = parser.parse_args()
    table, seconds = hourly(asked.table, asked.series), 60 * asked.minutes
    names = table["unique_id"].unique()
    one = errors(table, seconds, {})
    each = []
    for name in names:
        alone = table[table["unique_id"] == name].drop(columns="unique_id")
        each.append(errors(alone, seconds / len(names), {"data": {"target": "y"}}))
        print(name, each[-1], file=sys.stderr)
    print(f"| {len(names)} series, {asked.minutes:g} minutes | MASE | sMAPE |\n|---|---|---|")
    print(f"| one network for all | {one[0]:.3f} | {one[1]:.2f} |")
    mase, smape = (statistics.fmean(found) for found in zip(*each, strict=True))
    print(f"| one for each | {mase:.3f} | {smape:.2f} |")


def errors(table: pd.DataFrame, seconds: float, more: dict[str, Any]) -> tuple[float, float]:
    """Return MASE and sMAPE of what a study deploys, on the last rows of each series."""
    study = make_config(
        {
            "name": "m4",
            "objectives": ["val_mase", "latency_ms"],
            "networks": ["segment", "linear"],
            "space": {"loss": ["absolute"]},
            "task": {"horizon": HORIZON},
            "split": {"validation_rows": 2 * HORIZON, "test_rows": HORIZON},
            "intervals": {"levels": []},
            "budget": {"trials": 10_000, "timeout": f"{seconds:g}s"},
            "baselines": ["repeat", "seasonal_naive", "ridge", "nlinear", "boosting"],
            **more,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        run(study, Path(folder) / "run", table)
        chosen = read_run(Path(folder) / "run").results.chosen
    if chosen is None or chosen.test.metrics is None:
        raise LstmoptError("a study deploys something, found nothing: give it more time")
    mase, smape = chosen.test.metrics.mase.mean, chosen.test.metrics.smape.mean
    assert mase is not None
    assert smape is not None
    return mase, smape


if __name__ == "__main__":
    main()
