"""What trials are drawn by: every measure of each, with a place for those that have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.results.run import RunData

LEARNED = ("val_loss", "val_r2", "val_mae")
STATIC = ("latency_ms", "parameters", "model_mb")
_UNITS = {"latency_ms": "ms", "model_mb": "MB", "seconds": "s"}
_LOG = ("latency_ms", "parameters", "model_mb")
_WIDE = 5.0
"""The ratio of largest to smallest from which on a measure is read on its logarithm."""


@dataclass(frozen=True)
class Measure:
    """A figure of each trial [trials], in the order of the run's trials.

    ``values`` are missing where a trial has none; ``placed`` puts such a trial at the bad edge.
    """

    name: str
    label: str
    log: bool
    maximise: bool
    values: NDArray[np.float64]

    @property
    def placed(self) -> NDArray[np.float64]:
        known = self.values[np.isfinite(self.values)]
        if not len(known):
            return np.zeros_like(self.values)
        return np.where(np.isfinite(self.values), self.values, self._edge(known))

    def _edge(self, known: NDArray[np.float64]) -> float:
        low, high = float(known.min()), float(known.max())
        if self.log:
            share = (high / low) ** 0.08 if high > low else 1.1
            return low / share if self.maximise else high * share
        step = 0.08 * (high - low) or 0.1 * abs(high) or 0.1
        return low - step if self.maximise else high + step


def measures(run: RunData) -> dict[str, Measure]:
    """Return every measure of a run's trials by its name, the objectives first.

    A learned one of a trial that was stopped or runs is its best so far.
    """
    trials = run.trials
    columns: dict[str, Any] = {name: trials[name].to_numpy(float) for name in run.goals.names}
    best = _reports_that_count(run).reindex(trials.index)
    for name in learned_names(run):
        reached = best[name].to_numpy(float)
        told = columns.get(name)
        columns[name] = reached if told is None else np.where(np.isfinite(told), told, reached)
    for name, values in _costs(run).items():
        columns.setdefault(name, values)
    columns["seconds"] = trials["seconds"].to_numpy(float)
    counted = "epochs_trained" if run.goals.cumulative else "epochs"
    columns["epochs"] = trials[counted].to_numpy(float) / reports_per_epoch(run)
    columns["trial"] = trials.index.to_numpy(float)
    maximised = {o.name for o in run.goals.objectives if o.direction == "maximize"} | {"val_r2"}
    units = {o.name: o.unit for o in run.goals.objectives if o.unit} | _UNITS
    return {
        name: Measure(
            name, _label(name, units), _is_log(run, name, values), name in maximised, values
        )
        for name, values in columns.items()
        if np.isfinite(values).any() or name in (*run.goals.names, "trial")
    }


def learned_names(run: RunData) -> list[str]:
    """Name what every report of a trial holds of its validation forecasts."""
    return list(dict.fromkeys([*LEARNED, *(o.name for o in run.goals.forecast)]))


def default_axes(run: RunData, found: Mapping[str, Measure]) -> tuple[str, str]:
    """Return what the front is drawn by at first: two objectives, or one and what it costs."""
    names = run.goals.names
    learned = [o.name for o in run.goals.learned] or names
    others = [name for name in (*names, *STATIC, "trial") if name in found and name != learned[0]]
    return others[0], learned[0]


def _label(name: str, units: Mapping[str, str]) -> str:
    unit = units.get(name)
    return f"{name} ({unit})" if unit and not name.endswith(f"_{unit}") else name


def _is_log(run: RunData, name: str, values: NDArray[np.float64]) -> bool:
    known = values[np.isfinite(values)]
    if not len(known) or known.min() <= 0:
        return False
    return name in _LOG or (name in learned_names(run) and bool(known.max() / known.min() > _WIDE))


def _reports_that_count(run: RunData) -> pd.DataFrame:
    """Return the report of the lowest validation loss, or the last of folds, a row a trial."""
    curves = run.curves
    finite = curves[curves["val_loss"].notna()]
    if finite.empty:
        return pd.DataFrame(columns=learned_names(run), dtype=float)
    if run.goals.cumulative:
        return finite.groupby(level="trial").tail(1).droplevel("epoch")
    return finite.loc[finite.groupby(level="trial")["val_loss"].idxmin()].droplevel("epoch")


def _costs(run: RunData) -> dict[str, NDArray[np.float64]]:
    """Look up what the forecasts of each trial's architecture cost."""
    table = {entry.architecture: entry for entry in run.results.architectures}
    if not (table and run.results.study.space):
        return {}  # of a user's own objective only the user knows what its networks are
    found = [table.get(run.results.architecture(entry.params)) for entry in run.entries]
    return {name: np.array([getattr(row, name, np.nan) for row in found]) for name in STATIC}


def groups(run: RunData) -> NDArray[np.str_]:
    """Return the group of each trial [trials]: its state, or that it is on the front."""
    state, front = run.trials["state"], run.trials["front"].astype(bool)
    found = state.where(~front, np.where(state == "complete", "front", "front_stopped"))
    return found.to_numpy().astype(np.str_)


def staircase(across: Measure, chosen: NDArray[np.int_]) -> NDArray[np.int_]:
    """Order a front's trials so that horizontal-then-vertical steps bound what it dominates."""
    order = np.argsort(across.placed[chosen], kind="stable")
    return chosen[order[::-1] if across.maximise else order]


def curve_measure(run: RunData) -> str:
    """Return the learned objective that curves are recorded of, else the validation loss."""
    recorded = learned_names(run)
    return next((o.name for o in run.goals.learned if o.name in recorded), "val_loss")


def reports_per_epoch(run: RunData) -> int:
    """Return how many reports an epoch gives."""
    return run.results.budget.reports_per_epoch
