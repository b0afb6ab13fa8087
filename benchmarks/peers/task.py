"""The work that every peer does: the same series, split, scale, space, budget and score."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    import optuna

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """What a peer is asked to do.

    ``time`` names the column of the time, or those of the day and the hour.
    ``train`` and ``validation`` are fractions of the first ``rows``. ``n_jobs`` is how many trials
    run at once where the library can; ``threads`` is PyTorch's, set before the start (0: its
    default). The first ``startup`` trials are the same random draws for all.
    """

    data: str
    time: tuple[str, ...]
    target: str
    rows: int
    window: int
    horizon: int
    train: float
    validation: float
    space: dict[str, Any]
    trials: int
    startup: int
    epochs: int
    seed: int
    n_jobs: int
    threads: int
    targets_per_window: int
    folder: str
    started: float

    @classmethod
    def read(cls) -> Task:
        """Read the task file that the command line names."""
        content: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        return cls(**content)


@dataclass(frozen=True)
class Data:
    """A regular series: ``own`` [rows] in its own units, ``scaled`` [rows] in z units.

    ``train_end`` and ``validation_end`` are the rows at which those parts end.
    """

    times: pd.DatetimeIndex
    own: Floats
    mean: float
    std: float
    train_end: int
    validation_end: int

    @property
    def scaled(self) -> Floats:
        return self.scale(self.own)

    def scale(self, values: Floats) -> Floats:
        scaled: Floats = (values - self.mean) / self.std
        return scaled

    def windows(self, window: int, first: int, end: int) -> NDArray[np.float32]:
        """Return scaled inputs [end - first, window, 1] of the one-step forecasts of those rows."""
        rows = np.arange(first, end)[:, None] + np.arange(-window, 0)
        inputs: NDArray[np.float32] = self.scaled[rows][..., None].astype(np.float32)
        return inputs


def read_data(task: Task) -> Data:
    """Put the target on the hourly grid, fill missing hours forward, fit the scale on training."""
    table = pd.read_csv(task.data).head(task.rows)
    day, *hours = task.time
    times = pd.to_datetime(table[day])
    for hour in hours:
        times += pd.to_timedelta(table[hour], unit="h")
    series = table[task.target].astype(float).set_axis(pd.DatetimeIndex(times))
    return split_data(series.asfreq("h").ffill(), task.train, task.validation)


def split_data(series: pd.Series, train: float, validation: float) -> Data:
    """Split a regular series by time and fit the scale on the training part."""
    own = np.asarray(series, dtype=np.float64)
    train_end = int(len(own) * train)
    validation_end = train_end + int(len(own) * validation)
    mean, std = float(own[:train_end].mean()), float(own[:train_end].std())
    return Data(pd.DatetimeIndex(series.index), own, mean, std, train_end, validation_end)


def score_test(data: Data, forecasts: Floats) -> float:
    """Return the test MSE in z units of scaled ``forecasts`` [origins, horizon].

    There is one origin for every test row whose targets exist; the model is never fitted again.
    """
    forecasts = np.asarray(forecasts, dtype=float)
    test = data.scaled[data.validation_end :]
    truth = np.lib.stride_tricks.sliding_window_view(test, forecasts.shape[1])
    if forecasts.shape != truth.shape:
        raise ValueError(f"a forecast for every test origin: {forecasts.shape} != {truth.shape}")
    return float(np.mean((forecasts - truth) ** 2))


def suggest(trial: optuna.Trial, space: dict[str, Any]) -> dict[str, Any]:
    """Ask an Optuna trial for every hyperparameter: a list is a choice, a table a range."""
    return {
        name: trial.suggest_categorical(name, entry)
        if isinstance(entry, list)
        else trial.suggest_float(name, entry["low"], entry["high"], log=entry["log"])
        for name, entry in space.items()
    }


class Stopwatch:
    """Seconds of each phase since the process was started by the command."""

    def __init__(self, task: Task) -> None:
        self._last = task.started
        self.phases: dict[str, float] = {}

    def end(self, phase: str) -> None:
        # the clock of the day, because the start was read in another process
        now = time.time()
        self.phases[f"{phase}_seconds"] = now - self._last
        self._last = now


def write_result(
    task: Task,
    stopwatch: Stopwatch,
    packages: Sequence[str],
    *,
    trials_completed: int,
    epochs_search: float,
    epochs_refit: float,
    val_mse: float,
    test_mse: float,
    params: dict[str, Any],
) -> None:
    """Write what this process did to ``result.json`` in the task's folder."""
    if not (math.isfinite(val_mse) and math.isfinite(test_mse)):
        raise ValueError(f"a score is finite, found val {val_mse} and test {test_mse}")
    result = {
        **stopwatch.phases,
        "trials_completed": trials_completed,
        "epochs_search": epochs_search,
        "epochs": epochs_search + epochs_refit,
        "val_mse": val_mse,
        "test_mse": test_mse,
        "params": params,
        "python": ".".join(map(str, sys.version_info[:3])),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "cpus": len(os.sched_getaffinity(0)),
    }
    (Path(task.folder) / "result.json").write_text(json.dumps(result), encoding="utf-8")
