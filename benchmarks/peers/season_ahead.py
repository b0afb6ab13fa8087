"""lstmopt and NeuralForecast's AutoLSTM a season ahead, in the same wall-clock; one command.

python benchmarks/peers/season_ahead.py FOLDER --seconds 300

FOLDER holds the public files of ``series.py``, the shipped studies' by default. Each library is
started as a user starts it and has ``--seconds`` from then on, for search, refit and forecasts at
every origin of the test part, the last 15 % of rows; the first 70 % are trained on, the rest chosen
by. Who begins alternates. A line a run goes to ``--out``, the table beside it; the same command
goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import venvs
from measure import run_measured
from run import HERE, RUNS, append, describe, environment, is_done, latest_lines
from series import SERIES, prepare

Task = dict[str, Any]
Line = dict[str, Any]
Run = tuple[str, int, Task]
"""A library, the round's number and the task."""

OURS, THEIRS = "lstmopt", "neuralforecast"
NAMES = ("bike", "nyc_taxi", "etth1", "steel", "co2")
MOST_TRIALS = 100_000
"""More than there is time for."""


def main() -> None:
    asked = parse_arguments()
    python = str(venvs.ensure(THEIRS))
    schedule = plan(asked)
    for name, number, task in schedule:
        if is_done(asked.out, name, number, task):
            continue
        print(f"round {number + 1}, {task['series']}: {name}", file=sys.stderr)
        append(asked.out, run(name, number, task, asked.folder, python))
    page = render(latest_lines(asked.out, schedule))
    asked.out.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    studies = HERE.parents[1] / "studies"
    parser.add_argument("folder", nargs="?", type=Path, default=studies, help="Of the series.")
    parser.add_argument("--series", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--seconds", type=float, default=300, help="Of one run.")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="Of the first run; each has its own.")
    parser.add_argument("--out", type=Path, default=HERE / "season_ahead.jsonl")
    parser.add_argument(
        "--refit-on-validation",
        action="store_true",
        help="NeuralForecast refits on the validation part too, as it does by default.",
    )
    asked = parser.parse_args()
    asked.out = asked.out.resolve()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    return asked


def plan(asked: argparse.Namespace) -> list[Run]:
    """Return all runs in order."""
    runs: list[Run] = []
    for number in range(asked.rounds):
        for place, series in enumerate(asked.series):
            task = {
                "series": series,
                "horizon": SERIES[series].season,
                "step": SERIES[series].step,
                "train": 0.7,
                "validation": 0.15,
                "seconds": asked.seconds,
                "trials": MOST_TRIALS,
                "seed": asked.seed + number * len(NAMES) + NAMES.index(series),
                "threads": 0,
                "refit_on_validation": asked.refit_on_validation,
            }
            turn = [OURS, THEIRS] if (number + place) % 2 == 0 else [THEIRS, OURS]
            runs += [(name, number, task) for name in turn]
    return runs


def run(name: str, number: int, task: Task, source: Path, python: str) -> Line:
    """Run one library as one process and return its line."""
    folder = RUNS / f"season-ahead-{task['series']}-{number}-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = prepare(task["series"], source, folder)
    load = os.getloadavg()[0]
    command = our_command(task, data) if name == OURS else their_command(task, data, python)
    # nothing measured before is at hand, and no GPU
    surroundings = environment(task)
    surroundings |= {"LSTMOPT_CACHE_DIR": str(folder), "CUDA_VISIBLE_DEVICES": ""}
    cost = run_measured(command, folder, folder / "log", surroundings)
    line = describe(name, number, task) | {"load_before": load}
    if cost.returncode:
        last = (folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
        return line | {"error": "".join(last) or f"exit status {cost.returncode}"}
    return line | asdict(cost) | (our_result(folder) if name == OURS else their_result(folder))


def our_command(task: Task, data: Path) -> list[str]:
    command = [sys.executable, "-m", "lstmopt", "run", "--data", str(data), "--target", "value"]
    command += ["--horizon", str(task["horizon"]), "--seed", str(task["seed"])]
    command += ["--timeout", f"{task['seconds']:g}s", "--trials", str(task["trials"])]
    command += ["--warm-start-strategy", "none", "--no-report", "--json"]
    return [*command, "--out", str(data.with_name("run"))]


def their_command(task: Task, data: Path, python: str) -> list[str]:
    file = data.with_name("task.json")
    content = {**task, "data": str(data), "folder": str(data.parent), "started": time.time()}
    file.write_text(json.dumps(content), encoding="utf-8")
    return [python, str(HERE / "season_ahead_autolstm.py"), str(file)]


def our_result(folder: Path) -> Line:
    text = (folder / "run" / "optimization_results.json").read_text(encoding="utf-8")
    found = json.loads(text)
    chosen, states = found["chosen"], [trial["state"] for trial in found["trials"]]
    return {
        "test_mse": chosen["test"]["scaled"]["mse"]["mean"],
        "validation_mse": chosen["validation"]["val_loss"],
        "parts": found["study"]["parts"],
        "trials": len(states),
        "complete": states.count("complete"),
        "chosen": {key: chosen.get(key) for key in ("trial", "params", "members", "latency_ms")},
        "versions": {name: version(name) for name in ("lstmopt", "optuna", "torch")},
    }


def their_result(folder: Path) -> Line:
    line: Line = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return line


def render(lines: Sequence[Line]) -> str:
    """Return a Markdown table, a row a pair of runs, and the median of their ratios."""
    rows = [
        f"| series, rows ahead | seed | {OURS} | {THEIRS} | ratio | its trials | seconds |",
        "|" + " --- |" * 7,
    ]
    ratios = []
    pairs = {(line["task"]["series"], line["round"]): line["task"] for line in lines}
    for (series, number), task in pairs.items():
        both = {
            line["peer"]: line
            for line in lines
            if (line["task"]["series"], line["round"]) == (series, number)
        }
        head = f"| {series} {task['horizon']} | {task['seed']} |"
        if errors := [line["error"] for line in both.values() if "error" in line]:
            rows.append(f"{head} {errors[0]} |" + " |" * 4)
            continue
        if len(both) < 2:
            continue
        ours, theirs = both[OURS], both[THEIRS]
        check_same_rows(ours, theirs)
        ratios.append(ours["test_mse"] / theirs["test_mse"])
        rows.append(
            f"{head} {ours['test_mse']:.4g} | {theirs['test_mse']:.4g} | {ratios[-1]:.3f} | "
            f"{theirs['complete']} of {theirs['trials']} | "
            f"{ours['wall_seconds']:.0f}, {theirs['wall_seconds']:.0f} |"
        )
    if ratios:
        better = sum(ratio < 1 for ratio in ratios)
        rows.append("")
        rows.append(
            f"{OURS} / {THEIRS}: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} "
            f"to {max(ratios):.3f}; below 1 in {better} of {len(ratios)}."
        )
    return "\n".join(rows) + "\n"


def check_same_rows(ours: Line, theirs: Line) -> None:
    if list(ours["parts"]) != list(theirs["parts"]):
        raise SystemExit(
            f"both must have the same parts, found {ours['parts']} and {theirs['parts']} of "
            f"{ours['task']['series']}"
        )


if __name__ == "__main__":
    main()
