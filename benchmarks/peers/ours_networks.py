"""lstmopt's own space of networks after the two objectives: a study that names neither space nor
window, which times its own networks.

Writes a line for each finished trial and ends when their front is worth as much as the plain
script's and has, for each of its points, one that is as good in both objectives.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from ours_front import Point, Race
from task import Task, read_data
from worth import Worth, covers

from lstmopt import make_config, run
from lstmopt.storage.trial_record import TrialRecord


def latency(record: TrialRecord) -> float:
    found = record.values["latency_ms"]
    assert found is not None
    return found


def main() -> None:
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    worth, goal, front = Worth(*content.pop("worth")), content.pop("goal"), content.pop("front")
    seconds, options = content.pop("seconds"), content.pop("options")
    task = Task(**content)
    data = read_data(task)
    table = pd.DataFrame({"time": data.times, task.target: data.own})
    config = {
        "name": "networks",
        "seed": task.seed,
        "objectives": ["val_loss", "latency_ms"],
        "device": "cpu",
        "data": {"target": task.target},
        "task": {"horizon": task.horizon},
        "split": {"train": task.train, "validation": task.validation},
        "intervals": {"calibration": 0.0, "quantiles": []},  # points, from the same rows
        "budget": {"trials": 5_000, "timeout": seconds},
    }

    def reached(points: Sequence[Point]) -> bool:
        return worth(points) >= goal and covers(points, front)

    run(
        make_config(config | options),
        Path(task.folder) / "run",
        table,
        Race(task, latency, reached),
    )


if __name__ == "__main__":
    main()
