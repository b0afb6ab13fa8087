"""lstmopt after the same two objectives, as a user runs it but for what the task changes.

Writes a line for each finished trial and ends when their front is worth ``target``. It finds every
architecture's latency in a cache that was measured for all contenders beforehand.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from ours import configure
from task import Task, read_data
from worth import Worth

from lstmopt import make_config, run
from lstmopt.search.observer import Observer
from lstmopt.storage.trial_record import TrialRecord


class Race(Observer):
    """Writes what is finished, and ends the process at the goal."""

    def __init__(self, task: Task, latency: dict[str, float], worth: Worth, target: float) -> None:
        self._task, self._latency, self._worth, self._target = task, latency, worth, target
        self._points: list[tuple[float, float]] = []
        self._lines = Path(task.folder) / "trials.jsonl"

    def told(self, record: TrialRecord) -> None:
        if record.state != "complete":
            return
        size = f"{record.params['hidden_size']} {record.params['num_layers']}"
        loss = record.values["val_loss"]
        assert loss is not None
        self._points.append((loss, self._latency[size]))
        line = {"val_loss": loss, "latency_ms": self._latency[size]}
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": time.time() - self._task.started} | line) + "\n")
        if self._worth(self._points) >= self._target:
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
    observer = Race(task, extra["latency"], Worth(*extra["worth"]), extra["goal"])
    run(make_config(config | extra["options"]), Path(task.folder) / "run", table, observer)


if __name__ == "__main__":
    main()
