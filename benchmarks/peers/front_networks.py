"""Wall-clock of lstmopt's own networks to the front of a plain script's LSTMs; one command.

python benchmarks/peers/front_networks.py FOLDER --rounds 2

FOLDER holds the public files of ``series.py``, the shipped studies' by default; no shipped
portfolio was chosen from the columns that are forecast. In each round the plain script trains 30
LSTMs x 12 epochs (TPE, a job a core). Then lstmopt searches the space of a study that names none,
until its front is worth as much and covers the script's, for as long as the script took at most. A
loss is the squared error of the scaled target at every row of the same validation part; a latency
is the median of single forecasts of one thread, by ``training.latency.time_calls`` for both: the
script's are timed beforehand, lstmopt's in its own time. The same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from front import PLAIN, SPACE, WORK, point, race, ratio, spread, time_to
from plain_optuna import Network
from run import HERE, RUNS, append, describe, is_done, latest_lines
from series import SERIES, TIME, VALUE, prepare
from worth import Worth, covers

from lstmopt.pareto import front_mask
from lstmopt.training.latency import time_calls

Line = dict[str, Any]
Task = dict[str, Any]
Run = tuple[str, int, Task]
"""A contender, the round's number and the task."""
Trials = list[dict[str, float]]

FEWEST_SECONDS = 30
"""What lstmopt is given where the script takes less, which is in a smoke alone."""
NAMES = ("etth1_hufl", "bike_casual")
OURS: dict[str, dict[str, Any]] = {
    "lstmopt": {},
    "without the calendar": {"data": {"target": VALUE, "calendar": False}},
    "without linear networks": {"networks": ["segment"]},
}
"""Contenders and what their studies say: the script's LSTMs see no calendar, and none is linear."""


def main() -> None:
    asked = parse_arguments()
    cache = tempfile.TemporaryDirectory()
    os.environ["LSTMOPT_CACHE_DIR"] = cache.name
    schedule = plan(asked)
    plain: Line = {}
    for name, number, task in schedule:
        if not is_done(asked.out, name, number, task):
            print(f"round {number + 1}, {task['series']}: {name}", file=sys.stderr)
            if name == PLAIN:
                line = run_plain(number, task, asked.folder)
            else:
                line = run_ours(name, number, task, asked.folder, plain)
            append(asked.out, line)
        if name == PLAIN:
            plain = latest_lines(asked.out, [(name, number, task)])[0]
    page = render(latest_lines(asked.out, schedule))
    asked.out.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    studies = HERE.parents[1] / "studies"
    parser.add_argument("folder", nargs="?", type=Path, default=studies, help="Of the series.")
    parser.add_argument("--series", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--contenders", nargs="+", choices=OURS, default=list(OURS))
    parser.add_argument("--out", type=Path, default=HERE / "front_networks.jsonl")
    parser.add_argument("--smoke", action="store_true", help="3 trials of 1 epoch, 2,000 rows")
    asked = parser.parse_args()
    asked.out = asked.out.resolve()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    return asked


def plan(asked: argparse.Namespace) -> list[Run]:
    """Return every run in order, in each round the plain script's first."""
    small = {"trials": 3, "epochs": 1, "rows": 2_000} if asked.smoke else {}
    runs: list[Run] = []
    for series in asked.series:
        for number in range(asked.rounds):
            own = {"series": series, "time": [TIME], "target": VALUE, "seed": 1 + number}
            task = {**WORK, **small, **own, "data": SERIES[series].file}
            runs += [(name, number, task) for name in (PLAIN, *asked.contenders)]
    return runs


def run_plain(number: int, task: Task, folder: Path) -> Line:
    """Run the plain script; its line holds its trials and what its front is worth."""
    latency = measure_latency(task["window"])
    given = own_task(task, folder)
    trials = race("plain_front.py", f"{task['series']} plain", number, given | {"latency": latency})
    losses = [trial["val_loss"] for trial in trials]
    bounds = (min(losses), statistics.median(losses), min(latency.values()), max(latency.values()))
    points = [point(trial) for trial in trials]
    front = [points[n] for n in front_mask(points).nonzero()[0]]
    return describe(PLAIN, number, task) | {
        "all": trials[-1]["at"],
        "worth": bounds,
        "goal": Worth(*bounds)(points),
        "front": front,
        "trials": trials,
    }


def run_ours(name: str, number: int, task: Task, folder: Path, plain: Line) -> Line:
    """Run lstmopt for as long as the script took, or until it is there."""
    given = {key: plain[key] for key in ("worth", "goal", "front")}
    given |= {"seconds": max(plain["all"], FEWEST_SECONDS), "options": OURS[name]}
    place = f"{task['series']} {name}"
    trials = race("ours_networks.py", place, number, own_task(task, folder) | given)
    worth = Worth(*plain["worth"])
    return describe(name, number, task) | {
        "share": worth([point(trial) for trial in trials]) / plain["goal"],
        "seconds": time_to(trials, worth, plain["goal"]),
        "covered": time_to_cover(trials, plain["front"]),
        "trials": trials,
    }


def own_task(task: Task, folder: Path) -> Task:
    """Return the task as the contenders read it, its series prepared."""
    RUNS.mkdir(exist_ok=True)
    data = prepare(task["series"], folder, RUNS)
    return {key: value for key, value in task.items() if key != "series"} | {"data": str(data)}


def measure_latency(window: int) -> dict[str, float]:
    """Time the script's network of every size, by hidden size and layers."""
    found = {}
    for hidden, layers in itertools.product(SPACE["hidden_size"], SPACE["num_layers"]):
        network, inputs = Network(hidden, layers).eval(), torch.zeros(1, window, 1)
        timed = time_calls(partial(network, inputs), "cpu")
        found[f"{hidden} {layers}"] = timed.median_ms
    return found


def time_to_cover(trials: Trials, front: Sequence[tuple[float, float]]) -> float | None:
    """Return the seconds after which ``front`` was covered, None for never."""
    points = []
    for trial in trials:
        points.append(point(trial))
        if covers(points, front):
            return trial["at"]
    return None


def render(lines: Sequence[Line]) -> str:
    """Return a Markdown table, a row a run of lstmopt, and the medians."""
    rows = [
        "| series | seed | contender | script, s | same hypervolume, s | of its time | "
        "front covered, s | of its time | hypervolume in the end |",
        "|" + " --- |" * 9,
    ]
    shares: dict[str, list[float]] = {}
    for plain in (line for line in lines if line["peer"] == PLAIN):
        series, whole = plain["task"]["series"], plain["all"]
        for line in lines:
            same = (line["task"]["series"], line["round"]) == (series, plain["round"])
            if line["peer"] == PLAIN or not same:
                continue
            shares.setdefault(line["peer"], []).append(ratio(line["seconds"], whole))
            cells = [f"| {series} | {line['seed']} | {line['peer']} | {whole:.0f}"]
            for seconds in (line["seconds"], line["covered"]):
                cells += [
                    "never" if seconds is None else f"{seconds:.0f}",
                    f"{ratio(seconds, whole):.3f}",
                ]
            rows.append(" | ".join([*cells, f"{line['share']:.2f} |"]))
    rows.append("")
    for name, found in shares.items():
        rows.append(f"{name}: of the script's time {spread(found)}.")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
