"""Small real parts that many tests share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from lstmopt_benchmarks.tables import StaticRule, Table

from lstmopt.data.windows import Part, Shape
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.results.document import goals_of, make_document
from lstmopt.results.run import Run
from lstmopt.search_space import Choice, Range, Space
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.atomic_write import write_whole
from lstmopt.system.mmap_arrays import store
from lstmopt.training.options import TrainingOptions
from lstmopt.training.trainer import Workload

settings.register_profile("long", max_examples=2000, deadline=None)


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


OBJECTIVES = {
    "val_loss": {"direction": "minimize", "kind": "learned", "unit": "", "scale": "linear"},
    "latency_ms": {"direction": "minimize", "kind": "static", "unit": "ms", "scale": "log"},
    "val_r2": {"direction": "maximize", "kind": "learned", "unit": "", "scale": "linear"},
}
DRAWN_SPACE = {
    "hidden_size": [8, 16, 32],
    "num_layers": {"low": 1, "high": 2, "log": False, "integer": True},
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True, "integer": False},
    "dropout": {"low": 0.1, "high": 0.5, "log": False, "integer": False},
    "optimizer": ["Adam", "AdamW"],
}


def drawn_trial(number: int, state: str, rng: np.random.Generator, epochs: int) -> TrialRecord:
    """A made-up trial whose loss depends on its learning rate and whose latency on its size."""
    size, layers = int(rng.choice([8, 16, 32])), int(rng.integers(1, 3))
    rate = float(10 ** rng.uniform(-4, -1))
    params = {"hidden_size": size, "num_layers": layers, "learning_rate": rate}
    if layers > 1:
        params["dropout"] = float(rng.uniform(0.1, 0.5))
    params["optimizer"] = str(rng.choice(["Adam", "AdamW"]))
    loss = 0.1 + 0.02 * (np.log10(rate) + 2.5) ** 2 + 0.2 / size
    reports = {"complete": epochs, "infeasible": 0}.get(state, max(1, epochs // 3))
    curve = tuple(
        Epoch(n, loss * (1 + 1 / n), loss * (1 + 0.5 / n), 0.3, 1 - loss * (1 + 0.5 / n), 0.01)
        for n in range(1, reports + 1)
    )
    values: dict[str, float | None] = {"val_loss": None, "latency_ms": size * layers / 100}
    if state == "complete":
        values |= {"val_loss": curve[-1].val_loss, "val_r2": curve[-1].val_r2}
    began = datetime(2026, 1, 1) + timedelta(seconds=number)
    return TrialRecord(
        number,
        state,
        params,
        values,
        curve,
        reports,
        0.01 * reports,
        "" if state == "complete" else f"made {state}",
        state == "pruned",
        began=began.isoformat(timespec="milliseconds"),
        ended=(began + timedelta(seconds=2)).isoformat(timespec="milliseconds"),
    )


def make_run(
    folder: Path,
    states: Sequence[str],
    objectives: Sequence[str] = ("val_loss", "latency_ms"),
    seed: int = 0,
    epochs: int = 6,
    name: str = "made",
) -> Run:
    """Write the record of a study that was never run, with a trial of each given state."""
    rng = np.random.default_rng(seed)
    records = [drawn_trial(n, state, rng, epochs) for n, state in enumerate(states)]
    for record in records:
        for known in set(record.values) - set(objectives):
            del record.values[known]
    about = {
        "study": {
            "name": name,
            "sampler": "random",
            "pruner": "median",
            "seed": seed,
            "device": "cpu",
            "target": "load",
            "versions": {"lstmopt": "0"},
            "space": DRAWN_SPACE,
            "data": "abc",
        },
        "objectives": [{"name": name, **OBJECTIVES[name]} for name in objectives],
        "architectures": [
            {
                "hidden_size": size,
                "num_layers": layers,
                "latency_ms": size * layers / 100,
                "latency_spread_ms": 0.01,
                "parameters": size * layers * 100,
                "model_mb": size * layers / 2500,
            }
            for size in (8, 16, 32)
            for layers in (1, 2)
        ],
        "budget": {"reports": epochs, "reports_per_epoch": 1},
        "warnings": [],
    }
    document = make_document(about, records, goals_of(about), 12.0)
    run = Run(RunFolder(folder), document)
    write_whole(run.folder.results, json.dumps(document))
    return run


@contextmanager
def study_in_another_process(folder: Path, trials: int = 500) -> Iterator[subprocess.Popen[bytes]]:
    """Run a study on `wave` in ``folder / "run"`` from another process, which is killed at the end.

    Leave only when it is alive: what is asserted of a running study would be about a dead one.
    """
    wave().to_csv(folder / "wave.csv", index=False)
    command = (
        "from test_run import config_of; from lstmopt import run; from pathlib import Path;"
        f"run(config_of('wave.csv', budget={{'trials': {trials}}}), Path('run'))"
    )
    path = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", command], cwd=folder, env=os.environ | {"PYTHONPATH": path}
    )
    try:
        yield process
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def or_one_sentence(call: Callable[[], object]) -> None:
    """Call something that may refuse its input, in one sentence and in no other way."""
    said = ""
    try:
        call()
    except LstmoptError as error:
        said = str(error) or "nothing\n"
    assert "\n" not in said
    assert "Traceback" not in said
