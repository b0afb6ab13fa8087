"""Small real parts that many tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lstmopt_benchmarks.tables import StaticRule, Table

from lstmopt.options import TrainingOptions
from lstmopt.space import Choice, Range, Space
from lstmopt.stored import store
from lstmopt.training import Workload
from lstmopt.windows import Part, Shape


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep measured latencies out of the user's cache, one cache for the whole run."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("LSTMOPT_CACHE_DIR", str(folder))


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


@pytest.fixture
def table() -> pd.DataFrame:
    return wave()


@pytest.fixture
def csv(tmp_path, table):
    path = tmp_path / "wave.csv"
    table.to_csv(path, index=False)
    return path


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
    store((make_part(0, 160), make_part(160, 240)), folder / "parts")
    return folder / "parts"


@pytest.fixture
def workload() -> Workload:
    return make_workload()


SMALL = {
    "hidden_size": 8,
    "num_layers": 2,
    "learning_rate": 1e-2,
    "dropout": 0.2,
    "weight_decay": 1e-5,
    "batch_size": 16,
    "optimizer": "AdamW",
}


def make_recorded(rows: int = 80, epochs: int = 9, seed: int = 0, failing: int = 0) -> Table:
    """A table whose loss falls with the epochs and depends smoothly on two hyperparameters."""
    rng = np.random.default_rng(seed)
    space = Space({"hidden_size": Choice((8, 16, 32)), "learning_rate": Range(1e-4, 1e-1, True)})
    sizes = rng.choice([8, 16, 32], rows)
    rates = np.exp(rng.uniform(np.log(1e-4), np.log(1e-1), rows))
    final = 0.1 + 2.0 / sizes + 0.05 * (np.log10(rates) + 2.5) ** 2
    steps = np.arange(1, epochs + 1)
    losses = final[:, None] * (1 + 1 / steps)
    losses[:failing, epochs // 2 :] = np.nan
    return Table(
        "synthetic",
        losses,
        np.full((rows, epochs), 0.5),
        {"latency_ms": sizes / 100},
        space,
        tuple(
            {"hidden_size": int(size), "learning_rate": float(rate)}
            for size, rate in zip(sizes, rates, strict=True)
        ),
        {"latency_ms": StaticRule("lookup", ("hidden_size",))},
        "made for tests",
    )
