"""ETTh1's OT alone at the horizons that papers report: what a study deploys beside NLinear.

python benchmarks/networks/etth1_horizons.py --out runs/etth1.jsonl

The first 14,400 rows of the shipped file are split 0.6/0.2/0.2 and windows have 336 rows, as in
Zeng et al., Are transformers effective for time series forecasting? (AAAI 2023). Errors are
squared, of the scaled target, over all leads and windows of the test part, which the study opens
once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from lstmopt.config.study_file import make_config, write_config

PUBLISHED = {96: 0.053, 192: 0.069, 336: 0.081, 720: 0.080}
"""NLinear's, by horizon."""
ROWS, WINDOW = 14_400, 336
SOURCE = Path(__file__).parents[2] / "studies" / "ETTh1.csv.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--horizons", type=int, nargs="+", default=list(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    rows = asked.out.read_text().splitlines() if asked.out.exists() else []
    lines = [json.loads(row) for row in rows]
    known = {(line["horizon"], line["seed"], line["seconds"]) for line in lines}
    for seed in range(asked.seeds):
        for horizon in asked.horizons:
            if (horizon, seed, asked.seconds) not in known:
                lines.append(run(horizon, seed, asked.seconds))
                with asked.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
    print(table(lines))


def run(horizon: int, seed: int, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        data, study = folder / "etth1.csv", folder / "study.toml"
        pd.read_csv(SOURCE, usecols=["date", "OT"], nrows=ROWS).to_csv(data, index=False)
        content = {
            "name": f"etth1_{horizon}",
            "seed": seed,
            "data": {"path": str(data), "target": "OT"},
            "task": {"window": WINDOW, "horizon": horizon},
            "split": {"train": 0.6, "validation": 0.2},
            "budget": {"timeout": seconds},
        }
        study.write_text(write_config(make_config(content)), encoding="utf-8")
        command = [sys.executable, "-m", "lstmopt", "run", str(study), "--out", f"{folder}/run"]
        command += ["--no-report", "--warm-start-strategy", "none", "--json"]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    chosen = found["chosen"]
    errors = {name: e and e["scaled"]["mse"]["mean"] for name, e in found["baselines"].items()}
    return {
        "horizon": horizon,
        "seed": seed,
        "seconds": seconds,
        "deployed": chosen["test"]["scaled"]["mse"]["mean"],
        "of": chosen.get("members") or chosen["params"],
        "baselines": errors,
        "trials": found["budget"]["trials"],
    }


def table(lines: list[dict[str, Any]]) -> str:
    """Return a Markdown table, a row a run."""
    rows = ["| horizon | seed | deployed | trials | its error | NLinear here | published |"]
    rows.append("|" + " --- |" * 7)
    for line in lines:
        members = line["of"] if isinstance(line["of"], list) else []
        what = f"mean of {len(members)}" if members else line["of"].get("network", "lstm")
        nlinear = line["baselines"].get("nlinear")
        rows.append(
            f"| {line['horizon']} | {line['seed']} | {what} | {line['trials']} | "
            f"{line['deployed']:.4f} | {'' if nlinear is None else f'{nlinear:.4f}'} | "
            f"{PUBLISHED[line['horizon']]:.3f} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
