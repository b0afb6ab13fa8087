"""The same search by lstmopt and by other libraries, alternating; one command.

python benchmarks/peers/run.py --rounds 3 --out benchmarks/peers/results.jsonl
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import venvs
from measure import run_measured
from results_table import render

HERE = Path(__file__).resolve().parent
RUNS = HERE / ".runs"
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Task = dict[str, Any]
Run = tuple[str, int, Task]
"""A peer's name, the round's number and the task."""

TASK: Task = {
    "time": ["dteday", "hr"],
    "target": "cnt",
    "rows": 17_379,
    "window": 24,
    "horizon": 1,
    "train": 0.7,
    "validation": 0.15,
    "space": {
        "hidden_size": [16, 32, 64],
        "num_layers": [1, 2],
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "batch_size": [32, 64, 128],
    },
    "trials": 8,
    "startup": 10,
    "epochs": 5,
    "n_jobs": 1,
    "threads": 0,
    "targets_per_window": 1,
}
SAME: Task = {
    **TASK,
    "rows": 8_000,
    "trials": 24,
    "startup": 24,
    "epochs": 10,
    "space": {**TASK["space"], "num_layers": [1, 2, 3, 4]},
}
WORK = {"search": TASK, "same": SAME}
"""``search`` is a short one by TPE; ``same`` trains the same 24 random candidates, whoever asks."""


@dataclass(frozen=True)
class Peer:
    """A script, the environment that it runs in, and its own part of the task.

    ``epochs_factor`` is how many of its epochs are as much work as one of the others'.
    """

    script: str
    environment: str
    task: dict[str, Any] = field(default_factory=dict)
    epochs_factor: int = 1


PEERS = {
    "ours": Peer("ours.py", venvs.OURS, {"n_jobs": CPUS}),
    "ours-dense": Peer("ours.py", venvs.OURS, {"n_jobs": CPUS, "targets_per_window": 24}, 12),
    "plain-optuna": Peer("plain_optuna.py", "plain_optuna"),
    "plain-optuna-jobs": Peer("plain_optuna.py", "plain_optuna", {"n_jobs": CPUS}),
    "plain-optuna-tuned": Peer("plain_optuna.py", "plain_optuna", {"n_jobs": CPUS, "threads": 1}),
    "neuralforecast": Peer("neuralforecast_autolstm.py", "neuralforecast"),
    "neuralforecast-tuned": Peer("neuralforecast_autolstm.py", "neuralforecast", {"threads": 1}),
    "darts": Peer("darts_lstm.py", "darts"),
    "darts-tuned": Peer("darts_lstm.py", "darts", {"threads": 1}),
}
"""``tuned`` runs PyTorch on one thread, the better choice for networks of this size."""


def main() -> None:
    options = parse_arguments()
    if options.smoke:
        options.rounds = 1
        options.task |= {"trials": 2, "epochs": 1}
        RUNS.mkdir(exist_ok=True)
        options.out.unlink(missing_ok=True)
    names: list[str] = options.peers
    pythons, broken = make_environments(names)
    if os.getloadavg()[0] > CPUS / 4:
        print("other work runs here: default thread pools suffer most from it", file=sys.stderr)
    schedule = [run for number in range(options.rounds) for run in plan_round(options, number)]
    for name, number, task in schedule:
        if is_done(options.out, name, number, task):
            continue
        if name in broken:
            append(options.out, describe(name, number, task) | {"error": broken[name]})
            continue
        print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
        append(options.out, run_peer(name, number, task, pythons[name]))
    page = render(latest_lines(options.out, schedule), names)
    options.out.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", choices=WORK, default="search")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--out", type=Path, help="JSON lines; the page is written beside it")
    parser.add_argument("--smoke", action="store_true", help="one round of 2 trials of 1 epoch")
    options = parser.parse_args()
    default = RUNS / "smoke.jsonl" if options.smoke else HERE / "results.jsonl"
    options.out = (options.out or default).resolve()
    options.task = WORK[options.work]
    return options


def plan_round(options: argparse.Namespace, number: int) -> list[Run]:
    """Return a round's runs; each round begins with another peer."""
    turn = number % len(options.peers)
    runs = []
    for name in options.peers[turn:] + options.peers[:turn]:
        peer = PEERS[name]
        own = {
            "epochs": options.task["epochs"] * peer.epochs_factor,
            "seed": options.seed + number,
        }
        runs.append((name, number, {**options.task, **own, **peer.task}))
    return runs


def make_environments(names: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the Python of each peer, and pip's error of those that cannot be installed."""
    pythons, broken = {}, {}
    for name in names:
        try:
            pythons[name] = str(venvs.ensure(PEERS[name].environment))
        except venvs.InstallError as error:
            broken[name] = str(error)
    return pythons, broken


def run_peer(name: str, number: int, task: Task, python: str) -> dict[str, Any]:
    """Run one peer as one process and return its line of the results."""
    peer = PEERS[name]
    folder = RUNS / f"{name}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    load = os.getloadavg()[0]
    data = HERE.parents[1] / "studies" / "bike_sharing_hour.csv.gz"
    content = {**task, "data": str(data), "folder": str(folder)}
    task_file = folder / "task.json"
    task_file.write_text(json.dumps(content | {"started": time.time()}), encoding="utf-8")
    command = [python, str(HERE / peer.script), str(task_file)]
    cost = run_measured(command, folder, folder / "log", environment(task))
    line = describe(name, number, task)
    if cost.returncode:
        last = (folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
        return line | {"error": "".join(last) or f"exit status {cost.returncode}"}
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return line | asdict(cost) | {"load_before": load, **result}


def environment(task: Task) -> dict[str, str]:
    """Return the process's environment, with PyTorch's threads where the task sets them."""
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return kept | ({"OMP_NUM_THREADS": str(task["threads"])} if task["threads"] else {})


def describe(name: str, number: int, task: Task) -> dict[str, Any]:
    """Say which run a line of the results is about, and where it ran."""
    return {
        "peer": name,
        "round": number,
        "seed": task["seed"],
        "task": task,
        "commit": _commit(),
        "machine": {
            "cpus": CPUS,
            "processor": _processor(),
            "system": platform.system(),
        },
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _commit() -> str:
    """Name the commit of the checkout, with a plus sign where it has changes."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def read_lines(out: Path) -> list[dict[str, Any]]:
    if not out.is_file():
        return []
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def append(out: Path, line: Mapping[str, Any]) -> None:
    if "error" in line:
        print(f"{line['peer']}: {line['error']}", file=sys.stderr)
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def is_done(out: Path, name: str, number: int, task: Task) -> bool:
    """Say whether the file holds this run of this very task, ended well."""
    return any(
        (line["peer"], line["round"], line["task"]) == (name, number, task)
        for line in read_lines(out)
        if "error" not in line
    )


def latest_lines(out: Path, schedule: Sequence[Run]) -> list[dict[str, Any]]:
    """Return each scheduled run's last line; earlier failures of it stay in the file."""
    lines = read_lines(out)
    found = []
    for run in schedule:
        mine = [line for line in lines if (line["peer"], line["round"], line["task"]) == run]
        found.extend(mine[-1:])
    return found


if __name__ == "__main__":
    main()
