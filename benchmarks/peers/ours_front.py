"""lstmopt after the same two objectives, as a user runs it but for what the task changes.

Writes a line for each finished trial and ends when their front is worth as much as the goal. It
finds every architecture's latency in a cache that was measured for all contenders beforehand.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from ours import configure
from task import Task, read_data
from worth import Worth

from lstmopt import make_config, run
from lstmopt.search.observer import Observer
from lstmopt.storage.trial_record import TrialRecord

Point = tuple[float, float]


class Race(Observer):
    """Writes what is finished, and ends the process at the goal.

    ``latency`` says what a trial's forecast takes, ``reached`` whether points (loss, latency) do.
    """

    def __init__(
        self,
        task: Task,
        latency: Callable[[TrialRecord], float],
        reached: Callable[[Sequence[Point]], bool],
    ) -> None:
        self._task, self._latency, self._reached = task, latency, reached
        self._points: list[Point] = []
        self._lines = Path(task.folder) / "trials.jsonl"

    def told(self, record: TrialRecord) -> None:
        if record.state != "complete":
            return
        loss, latency = record.values["val_loss"], self._latency(record)
        assert loss is not None
        self._points.append((loss, latency))
        line = {"val_loss": loss, "latency_ms": latency}
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": time.time() - self._task.started} | line) + "\n")
        if self._reached(self._points):
            raise KeyboardInterrupt

    def refitting(self, *_: Any) -> None:
        raise KeyboardInterrupt


def main() -> None:
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    extra = {n: content.pop(n) for n in ("latency", "worth", "goal", "seconds", "options")}
    task = Task(**content)
    data = read_data(task)
    table = pd.DataFrame({"time": data.times, task.target: data.own})
    config = configure(task)
    config |= {"objectives": ["val_loss", "latency_ms"], "sampler": {"name": "tpe"}}
    config |= {"budget": {"trials": 5_000, "timeout": extra["seconds"]}}
    for name in ("plugins", "training", "pruner", "finalists"):
        del config[name]
    worth = Worth(*extra["worth"])

    def latency(record: TrialRecord) -> float:
        size = f"{record.params['hidden_size']} {record.params['num_layers']}"
        return float(extra["latency"][size])

    observer = Race(task, latency, lambda points: worth(points) >= extra["goal"])
    run(make_config(config | extra["options"]), Path(task.folder) / "run", table, observer)


if __name__ == "__main__":
    main()
