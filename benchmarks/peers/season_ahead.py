"""A season ahead on five series: lstmopt beside NeuralForecast's AutoLSTM, in the same time.

python benchmarks/peers/season_ahead.py FOLDER --out runs/season.jsonl

FOLDER holds the series that ``SERIES`` names. Both are given a table of times and the target alone,
read and put on its grid by lstmopt. AutoLSTM goes first, with its own space and defaults: it ends
no trial early, so it takes what it takes, and lstmopt is given as long. Errors are squared, in
standard deviations of the training part, over every origin of the last 15 % of the rows.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from venvs import ensure

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series

SERIES = {
    "bike_sharing_hour.csv": (DataOptions(target="cnt", time=("dteday", "hr"), features=()), 24),
    "nyc_taxi.csv": (DataOptions(target="value"), 48),
    "ETTh1.csv.gz": (DataOptions(target="OT", features=()), 24),
    "steel_industry.csv.gz": (
        DataOptions(target="Usage_kWh", features=(), order="midnight_ends_day"),
        96,
    ),
    "co2_weekly.csv": (DataOptions(target="co2"), 52),
}
"""How each file is read, and rows of a season."""
_LONGEST = 6
"""A peer that takes so many times its time is stopped."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--series", nargs="+", default=list(SERIES))
    asked = parser.parse_args()
    rows = asked.out.read_text().splitlines() if asked.out.exists() else []
    lines = [json.loads(row) for row in rows]
    known = {(line["series"], line["seed"]) for line in lines}
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.seeds):
        for name in asked.series:
            if (name, seed) not in known:
                lines.append(race(asked.folder, name, seed, asked.seconds))
                with asked.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
    print(table_of(lines))


def race(folder: Path, name: str, seed: int, seconds: float) -> dict[str, Any]:
    options, season = SERIES[name]
    with tempfile.TemporaryDirectory() as made:
        table = Path(made) / "series.csv"
        series = read_series(str(folder / name), options)
        target = pd.Series(series.values[:, 0], name="y").ffill()
        target.to_frame().assign(ds=series.times).to_csv(table, index=False)
        theirs = neuralforecast(table, season, seconds, seed)
        ours = lstmopt(table, season, theirs.get("seconds", _LONGEST * seconds), seed)
    line = {"series": name, "ahead": season, "seed": seed, "ours": ours, "theirs": theirs}
    print(f"{name} {season}: {ours.get('mse')} beside {theirs.get('mse')}", file=sys.stderr)
    return line


def neuralforecast(table: Path, horizon: int, seconds: float, seed: int) -> dict[str, Any]:
    script = Path(__file__).with_name("season_neuralforecast.py")
    words = [str(ensure("neuralforecast")), str(script), str(table), str(horizon)]
    words += [str(seconds), str(seed)]
    try:
        ended = subprocess.run(
            words, capture_output=True, text=True, timeout=_LONGEST * seconds, cwd=table.parent
        )
    except subprocess.TimeoutExpired:
        return {"error": "no answer in time"}
    if ended.returncode:
        return {"error": ended.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return found


def lstmopt(table: Path, horizon: int, seconds: float, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "lstmopt", "run", "--data", str(table), "--target", "y"]
        words += ["--horizon", str(horizon), "--seed", str(seed), "--out", f"{folder}/run"]
        words += ["--timeout", f"{seconds:g}s", "--warm-start-strategy", "none"]
        ended = subprocess.run([*words, "--json"], capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    return {
        "mse": found["chosen"]["test"]["scaled"]["mse"]["mean"],
        "trials": found["budget"]["trials"],
        "members": found["chosen"].get("members"),
        "params": found["chosen"]["params"],
    }


def table_of(lines: list[dict[str, Any]]) -> str:
    """Return a Markdown table, a row a race, and the median ratio."""
    rows = ["| series, ahead | seed | seconds | trials: ours, theirs | ours | AutoLSTM | ratio |"]
    rows.append("|" + " --- |" * 7)
    ratios = []
    for line in lines:
        ours, theirs = line["ours"], line["theirs"]
        named = f"| {line['series'].partition('.')[0]} {line['ahead']} | {line['seed']} "
        if "mse" not in theirs:
            rows.append(f"{named}| | {ours['trials']}, | {ours['mse']:.4f} | {theirs['error']} | |")
            continue
        ratios.append(ours["mse"] / theirs["mse"] if theirs["mse"] else math.inf)
        rows.append(
            f"{named}| {theirs['seconds']:.0f} | {ours['trials']}, {theirs['trials']} | "
            f"{ours['mse']:.4f} | {theirs['mse']:.4f} | {ratios[-1]:.2f} |"
        )
    if ratios:
        rows += ["", f"Median ratio {statistics.median(ratios):.2f}, largest {max(ratios):.2f}."]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
