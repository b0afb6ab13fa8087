"""Wall-clock to the same front, against plain Optuna and PyTorch with a job a core; one command.

python benchmarks/peers/front.py --rounds 3 --out benchmarks/peers/front.jsonl

In each round the plain script trains 30 trials x 12 epochs. Then lstmopt, and lstmopt without one
part of it at a time, search until their front is worth as much, for as long as the script took at
most. Needs lstmopt installed; the contenders run one after another, each as a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from run import CPUS, HERE, RUNS, TASK, environment
from worth import Worth

from lstmopt.data.input_columns import Columns
from lstmopt.search_space import Architecture
from lstmopt.training.latency import Setting, forecast_costs

SPACE: dict[str, Any] = {
    "hidden_size": [16, 32, 64, 128],
    "num_layers": [1, 2, 3],
    "learning_rate": {"low": 1e-4, "high": 3e-2, "log": True},
    "batch_size": [16, 32, 64, 128],
}
WORK = {
    **TASK,
    "data": str(HERE.parents[1] / "studies" / "bike_sharing_hour.csv.gz"),
    "rows": 12_000,
    "space": SPACE,
    "trials": 30,
    "epochs": 12,
    "n_jobs": CPUS,
}
ONE_EACH = {"targets_per_window": 1, "epochs": 12, "patience": 12}
OURS: dict[str, dict[str, Any]] = {
    "lstmopt": {},
    "without several targets a window": {"training": ONE_EACH},
    "without pruning": {"pruner": {"name": "none"}},
    "without either": {"training": ONE_EACH, "pruner": {"name": "none"}},
}
PLAIN = "plain Optuna and PyTorch, n_jobs of the cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "front.jsonl")
    parser.add_argument("--contenders", nargs="+", choices=OURS, default=list(OURS))
    parser.add_argument("--first", type=int, default=0, help="the first round's number")
    parser.add_argument("--smoke", action="store_true", help="one round of 3 trials of 1 epoch")
    options = parser.parse_args()
    cache = tempfile.TemporaryDirectory()
    os.environ["LSTMOPT_CACHE_DIR"] = cache.name
    latency = measure_latency()
    with options.out.open("a", encoding="utf-8") as file:
        rounds = range(options.first, options.first + (1 if options.smoke else options.rounds))
        for number in rounds:
            small = {"trials": 3, "epochs": 1} if options.smoke else {}
            for line in run_round(number, {**WORK, **small}, latency, options.contenders):
                file.write(json.dumps(line) + "\n")
                file.flush()
    lines = [json.loads(text) for text in options.out.read_text(encoding="utf-8").splitlines()]
    page = render(lines)
    options.out.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def measure_latency() -> dict[str, float]:
    """Measure every architecture of the space, by hidden size and layers."""
    sizes = itertools.product(SPACE["hidden_size"], SPACE["num_layers"])
    columns = Columns(1, 0, 0, 0, WORK["window"], WORK["horizon"])
    setting = Setting(columns, "cpu")
    wanted = [Architecture.of({"hidden_size": h, "num_layers": n}) for h, n in sizes]
    costs = forecast_costs(wanted, setting)
    return {f"{a['hidden_size']} {a['num_layers']}": c.latency_ms for a, c in costs.items()}


def run_round(
    number: int, work: dict[str, Any], latency: dict[str, float], contenders: Sequence[str]
) -> list[dict[str, Any]]:
    """Run all contenders once; each line says how long one took to the plain script's front."""
    seed = {"seed": 1 + number}
    plain = race("plain_front.py", PLAIN, number, {**work, **seed, "latency": latency})
    losses = [trial["val_loss"] for trial in plain]
    bounds = (min(losses), statistics.median(losses), min(latency.values()), max(latency.values()))
    worth = Worth(*bounds)
    target = worth([point(trial) for trial in plain])
    reached = time_to(plain, worth, target)
    lines = [{"round": number, "contender": PLAIN, "seconds": reached, "all": plain[-1]["at"]}]
    for name in contenders:
        own = OURS[name]
        extra = {
            "latency": latency,
            "worth": bounds,
            "goal": target,
            "seconds": plain[-1]["at"],
            "options": own,
        }
        trials = race("ours_front.py", name, number, {**work, **seed, **extra})
        seconds = time_to(trials, worth, target)
        share = worth([point(trial) for trial in trials]) / target
        lines.append({"round": number, "contender": name, "seconds": seconds, "share": share})
        print(lines[-1], file=sys.stderr)
    return lines


def race(script: str, name: str, number: int, task: dict[str, Any]) -> list[dict[str, float]]:
    """Run a contender to its end and return its finished trials in order."""
    folder = RUNS / f"front-{number}-{name.replace(' ', '-')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    content = {**task, "folder": str(folder)}
    file = folder / "task.json"
    file.write_text(json.dumps(content | {"started": time.time()}), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [sys.executable, str(HERE / script), str(file)],
            env=environment({"threads": 0}) | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    lines = folder / "trials.jsonl"
    if not lines.is_file():
        raise SystemExit(f"{name} finished no trial: see {folder / 'log'}")
    return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]


def point(trial: Mapping[str, float]) -> tuple[float, float]:
    return trial["val_loss"], trial["latency_ms"]


def time_to(trials: list[dict[str, float]], worth: Worth, target: float) -> float | None:
    """Return the seconds after which the trials' front was worth ``target``, None for never."""
    points = []
    for trial in trials:
        points.append(point(trial))
        if worth(points) >= target:
            return trial["at"]
    return None


def render(lines: list[dict[str, Any]]) -> str:
    """Tabulate each contender's seconds and their ratio to the plain script's, by round."""
    plain = {line["round"]: line for line in lines if line["contender"] == PLAIN}
    rows = ["| contender | seconds | of the script's time | of its time to its last gain |"]
    rows.append("| --- | --- | --- | --- |")
    for name in (PLAIN, *OURS):
        if not (mine := [line for line in lines if line["contender"] == name]):
            continue
        seconds = [line.get("all", line["seconds"]) for line in mine]
        of_all = [ratio(line["seconds"], plain[line["round"]]["all"]) for line in mine]
        of_gain = [ratio(line["seconds"], plain[line["round"]]["seconds"]) for line in mine]
        cells = (", ".join("never" if s is None else f"{s:.0f}" for s in seconds),)
        rows.append(f"| {name} | {cells[0]} | {spread(of_all)} | {spread(of_gain)} |")
    return "\n".join(rows) + "\n"


def ratio(seconds: float | None, whole: float) -> float:
    return float("inf") if seconds is None else seconds / whole


def spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]"


if __name__ == "__main__":
    main()
