"""Series, windows and workloads that many tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lstmopt.data.windows import Fold, Part, Shape
from lstmopt.system.mmap_arrays import store
from lstmopt.training.folds import TrainingParts
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Workload


def wave(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """A noisy daily cycle, hourly."""
    rng = np.random.default_rng(seed)
    hours = np.arange(rows)
    load = 10 + 3 * np.sin(2 * np.pi * hours / 24) + 0.3 * rng.standard_normal(rows)
    return pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "load": load,
            "wind": rng.standard_normal(rows),
        }
    )


def make_part(first: int, end: int, window: int = 6, horizon: int = 2, rows: int = 240) -> Part:
    hours = np.arange(rows)
    rng = np.random.default_rng(0)
    target = np.sin(2 * np.pi * hours / 24) + 0.1 * rng.standard_normal(rows)
    inputs = np.stack([target, np.cos(2 * np.pi * hours / 24)], 1).astype(np.float32)
    everything = np.ones(rows, bool)
    shape = Shape(window, horizon)
    return Part(inputs, everything, target.astype(np.float32), everything, shape, (first, end))


def make_workload(reports: int = 1, **options) -> Workload:
    chosen = TrainingOptions(**{"epochs": 10, "patience": 10} | options)
    return Workload(make_part(0, 160), make_part(160, 240), chosen, "cpu", reports)


def stored_parts(folder) -> Path:
    """Write the parts of `make_workload` to a file that workers read."""
    folder.mkdir(parents=True, exist_ok=True)
    fold = Fold(make_part(0, 160), make_part(160, 240))
    store(TrainingParts((fold,)), folder / "parts")
    return folder / "parts"


SMALL = {
    "hidden_size": 8,
    "num_layers": 2,
    "learning_rate": 1e-2,
    "dropout": 0.2,
    "weight_decay": 1e-5,
    "batch_size": 16,
    "optimizer": "AdamW",
}
