"""Records of studies that were never run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from lstmopt import Run, load
from lstmopt.epoch import Epoch
from lstmopt.results.document import (
    ArchitectureEntry,
    ObjectiveEntry,
    Param,
    RangeEntry,
    Reports,
    StudyAbout,
    StudyFacts,
    as_json,
    goals_of,
    make_results,
)
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.atomic_write import write_whole

OBJECTIVES = {
    "val_loss": ObjectiveEntry(name="val_loss", direction="minimize", kind="learned"),
    "latency_ms": ObjectiveEntry(
        name="latency_ms", direction="minimize", kind="static", unit="ms", scale="log"
    ),
    "val_r2": ObjectiveEntry(name="val_r2", direction="maximize", kind="learned"),
}
DRAWN_SPACE: dict[str, list[Param] | RangeEntry] = {
    "hidden_size": [8, 16, 32],
    "num_layers": RangeEntry(low=1, high=2, integer=True),
    "learning_rate": RangeEntry(low=1e-4, high=1e-1, log=True),
    "dropout": RangeEntry(low=0.1, high=0.5),
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
    loss = float(0.1 + 0.02 * (np.log10(rate) + 2.5) ** 2 + 0.2 / size)
    reports = {"complete": epochs, "infeasible": 0}.get(state, max(1, epochs // 3))
    curve = tuple(
        Epoch(n, loss * (1 + 1 / n), loss * (1 + 0.5 / n), 0.3, 1 - loss * (1 + 0.5 / n), 0.01)
        for n in range(1, reports + 1)
    )
    unknown = dict.fromkeys(("val_loss", "val_r2"))
    values: dict[str, float | None] = {**unknown, "latency_ms": size * layers / 100}
    if state in ("complete", "pruned"):
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
    about = StudyAbout(
        study=StudyFacts(
            name=name,
            sampler="random",
            pruner="median",
            seed=seed,
            device="cpu",
            target="load",
            versions={"lstmopt": "0"},
            space=DRAWN_SPACE,
            data="abc",
        ),
        objectives=tuple(OBJECTIVES[name] for name in objectives),
        architectures=tuple(
            ArchitectureEntry(
                hidden_size=size,
                num_layers=layers,
                latency_ms=size * layers / 100,
                latency_spread_ms=0.01,
                parameters=size * layers * 100,
                model_mb=size * layers / 2500,
            )
            for size in (8, 16, 32)
            for layers in (1, 2)
        ),
        budget=Reports(reports=epochs, reports_per_epoch=1),
    )
    results = make_results(about, records, goals_of(about.objectives), 12.0)
    run = Run(RunFolder(folder), results)
    write_whole(run.folder.results, as_json(results))
    return run


def with_averages(run: Run, *values: tuple[float, float], chosen: int | None = None) -> Run:
    """Give a run's record averages with such a loss and latency, the number ``chosen`` deployed.

    Each is of the front's first trial, once refitted and once as searched, and of a baseline.
    """
    trial = run.results.front[0]
    members = [{"count": 1, "trial": trial, "refit": 1}, {"count": 2, "trial": trial}]
    members.append({"count": 1, "baseline": "ridge"})
    costs = {"latency_spread_ms": 0.0, "parameters": 10, "model_mb": 0.1, "test_mse": 0.05}
    averages = [
        {
            "number": number,
            "made": "networks and baselines",
            "members": members,
            "validation": {"val_loss": loss, "latency_ms": latency},
            "latency_ms": latency,
            **costs,
        }
        for number, (loss, latency) in enumerate(values, 1)
    ]
    changes: dict[str, Any] = {"averages": averages}
    if chosen is not None:
        spread = {"mean": 0.05, "std": 0.0}
        errors = {"mse": spread, "mae": spread}
        changes["chosen"] = {
            "trial": None,
            "params": {},
            "validation": {},
            "test": {"scaled": errors, "own": errors, "r2": spread},
            "latency_ms": values[chosen - 1][1],
            "average": chosen,
            "members": members,
        }
    return rewritten(run, lambda document: document.update(changes))


def rewritten(run: Run, change: Callable[[dict[str, Any]], object]) -> Run:
    """Change a run's document as plain values, write it, and read the run back."""
    document = json.loads(run.folder.results.read_text())
    change(document)
    run.folder.results.write_text(json.dumps(document))
    return load(run.path)
