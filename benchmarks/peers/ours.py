"""The task with lstmopt, through its public interface.

Objective val_loss alone, as the peers have no second one; latency is measured all the same and
counted, and nothing is taken from an earlier run's cache. No pruner and no early stopping, so that
every trial trains all its epochs; one refit of the chosen trial. ``targets_per_window`` 1 is the
peers' work, 24 the same windows with a target at each of their last 24 steps. Unlike plain PyTorch
it clips gradients, starts forget gates at 1 and keeps the weights of the best epoch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
from task import Data, Stopwatch, Task, read_data, score_test, write_result

from lstmopt import Forecaster, make_config, run
from lstmopt.search.observer import Observer


class SearchEnd(Observer):
    """Hears when the search is over and the refit begins."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch

    def refitting(self, *_: Any) -> None:
        self._stopwatch.end("search")


def configure(task: Task) -> dict[str, Any]:
    """Say the task in the words of a study file."""
    return {
        "name": "peers",
        "seed": task.seed,
        "objectives": ["val_loss"],
        "workers": task.n_jobs,
        "device": "cpu",
        "plugins": [str(Path(__file__).with_name("ours_sampler.py"))],
        "data": {"target": task.target, "features": [], "calendar": False},
        "task": {"window": task.window, "horizon": task.horizon},
        "split": {"train": task.train, "validation": task.validation},
        "intervals": {"calibration": 0.0},  # all are judged on the same rows
        "training": {
            "epochs": task.epochs,
            "patience": task.epochs,
            "targets_per_window": task.targets_per_window,
        },
        "space": task.space,
        "sampler": {"name": "shared_start_tpe", "start_seed": task.seed, "startup": task.startup},
        "pruner": {"name": "none"},
        "budget": {"trials": task.trials},
        "finalists": {"seeds": 1, "pick": "best", "averages": False},
    }


def forecast_test(run_folder: Path, task: Task, data: Data) -> Any:
    """Forecast [origins, 1] in z units with the saved model."""
    inputs = data.windows(task.window, data.validation_end, len(data.own))
    return data.scale(Forecaster.load(run_folder).forecast(inputs))


def main() -> None:
    task = Task.read()
    stopwatch = Stopwatch(task)
    stopwatch.end("import")
    run_folder = Path(task.folder) / "run"
    os.environ["XDG_CACHE_HOME"] = task.folder
    data = read_data(task)
    table = pd.DataFrame({"time": data.times, task.target: data.own})
    document = run(make_config(configure(task)), run_folder, table, SearchEnd(stopwatch))
    test_mse = score_test(data, forecast_test(run_folder, task, data))
    stopwatch.end("finish")
    chosen = document["chosen"]
    complete = [trial for trial in document["trials"] if trial["state"] == "complete"]
    write_result(
        task,
        stopwatch,
        ("lstmopt", "optuna", "torch"),
        trials_completed=len(complete),
        epochs_search=document["budget"]["epochs_trained"],
        epochs_refit=task.epochs,
        val_mse=min(trial["values"]["val_loss"] for trial in complete),
        test_mse=test_mse,
        params=chosen["params"],
    )


if __name__ == "__main__":
    main()
