"""What a run leaves on disk, and reading it back."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError, masked
from lstmopt.objectives import Goals
from lstmopt.pareto import front_mask
from lstmopt.search_space import Params
from lstmopt.storage.segments import curve_of, read_segments
from lstmopt.system.atomic_write import write_whole
from lstmopt.system.study_lock import hold_file

if TYPE_CHECKING:
    import optuna

SCHEMA = 1
FORMAT = 3
"""Of what a trial keeps in the storage; a run of another one cannot go on."""

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
RUNNING = "running"
INFEASIBLE = "infeasible"
"""A state of our own, and the attribute of such a trial: which limits it breaks."""

END = "end"
"""The attribute that says how a trial ended, and at which of the driver's events (``at``)."""

CANDIDATE = "warm_start"
"""The attribute of a trial that a warm start asked for: which of its candidates it is."""

TAKEN_OVER = "taken_over"
"""The attribute of a trial that an earlier run trained: which trial it was."""


@dataclass(frozen=True)
class TrialRecord:
    """A closed trial, or one that runs.

    ``values`` by objective name; a learned one is None unless the trial is complete. ``curve`` is
    what the pruner saw; ``epochs_trained`` may be a few more. ``by_pruner`` tells a trial that the
    pruner stopped from one whose study ran out of time. Where a study reports more often than once
    an epoch, all of these count reports.
    """

    number: int
    state: str
    params: Params
    values: dict[str, float | None]
    curve: tuple[Epoch, ...]
    epochs_trained: int
    seconds: float
    reason: str
    by_pruner: bool = False
    decisions: tuple[dict[str, Any], ...] = ()
    taken_over: bool = False
    """Whether it was trained by an earlier run."""
    began: str = ""
    ended: str = ""
    """When, in this machine's time (ISO 8601)."""
    peak_mib: float = 0.0
    """The most memory that a process had held when it had trained it."""

    def as_json(self) -> dict[str, Any]:
        content = asdict(self)
        content["epochs"] = len(self.curve)
        return content


def trial_record(trial: optuna.trial.FrozenTrial, goals: Goals) -> TrialRecord:
    """Turn a trial of the storage into a record."""
    attrs = trial.user_attrs
    end: dict[str, Any] = attrs.get(END, {})
    segments = read_segments(trial)
    curve = curve_of(segments)
    values: dict[str, float | None] = {o.name: None for o in goals.objectives}
    values |= attrs.get("static", {})
    if trial.values is not None and trial.state.name == "COMPLETE":
        values = dict(zip(goals.names, trial.values, strict=True))
    return TrialRecord(
        trial.number,
        INFEASIBLE if INFEASIBLE in attrs else STATES.get(trial.state.name, RUNNING),
        dict(trial.params),
        values,
        curve[: end.get("epochs", len(curve))],
        end.get("epochs_trained", 0),
        sum(epoch.seconds for epoch in curve),
        end.get("reason", ""),
        end.get("by_pruner", False),
        tuple(
            {"at": segment.at, "report": report, "action": decision.action, **decision.seen}
            for segment in segments
            for report, decision in segment.decisions
        ),
        TAKEN_OVER in attrs,
        _moment(trial.datetime_start),
        _moment(trial.datetime_complete),
        max((segment.peak_mib for segment in segments), default=0.0) or end.get("peak_mib", 0.0),
    )


def _moment(when: datetime | None) -> str:
    return when.isoformat(timespec="milliseconds") if when else ""


def closed_trials(study: optuna.Study, goals: Goals) -> list[TrialRecord]:
    """List the records of every closed trial, by number."""
    trials = study.get_trials(deepcopy=False)
    return [trial_record(t, goals) for t in trials if t.state.name in STATES]


def running_trials(study: optuna.Study, goals: Goals) -> list[TrialRecord]:
    """List the records of the trials that were begun and not closed yet, by number."""
    trials = study.get_trials(deepcopy=False)
    return [trial_record(t, goals) for t in trials if t.state.name == "RUNNING"]


def front_of(trials: Sequence[TrialRecord], goals: Goals) -> list[TrialRecord]:
    """List the complete trials on the front, best first objective first; equals count once."""
    complete = [t for t in trials if t.state == "complete"]
    points = [minimised(trial, goals) for trial in complete]
    best: dict[tuple[float, ...], TrialRecord] = {}
    for trial, point, kept in zip(complete, points, front_mask(points), strict=True):
        if kept:
            best.setdefault(tuple(point), trial)
    return [best[point] for point in sorted(best)]


def minimised(trial: TrialRecord, goals: Goals) -> list[float]:
    """Return a complete trial's values, each turned so that lower is better."""
    told = told_values(trial, goals)
    return [o.minimised(value) for o, value in zip(goals.objectives, told, strict=True)]


def told_values(trial: TrialRecord, goals: Goals) -> list[float]:
    """Return the values that a complete trial was told, in the goals' order."""
    values = [trial.values[name] for name in goals.names]
    return [value for value in values if value is not None]


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run and the names in it."""

    path: Path

    @property
    def study_file(self) -> Path:
        return self.path / "study.toml"

    @property
    def journal(self) -> Path:
        return self.path / "journal.log"

    @property
    def results(self) -> Path:
        return self.path / "optimization_results.json"

    @property
    def front_csv(self) -> Path:
        return self.path / "front.csv"

    @property
    def forecasts(self) -> Path:
        return self.path / "forecasts.csv"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def results_png(self) -> Path:
        return self.path / "optuna_optimization_results.png"

    @property
    def correlations_png(self) -> Path:
        return self.path / "parameter_correlations.png"

    @property
    def warm_start(self) -> Path:
        return self.path / "warm_start.json"

    @property
    def audit(self) -> Path:
        return self.path / "audit.json"

    @property
    def weights(self) -> Path:
        return self.path / "best_optimized_lstm_model.pth"

    @property
    def model(self) -> Path:
        return self.weights.with_suffix(".json")

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def _checkpoint(self, number: int, epochs: int) -> Path:
        # a folder a trial: one of them all is slow to list when many are paused
        return self.checkpoints / f"trial_{number}" / f"epoch_{epochs}.pt"

    def read_checkpoint(self, number: int, epochs: int) -> bytes | None:
        """Return the checkpoint of a trial after exactly ``epochs`` epochs, if it is there."""
        path = self._checkpoint(number, epochs)
        return path.read_bytes() if path.is_file() else None

    def write_checkpoint(self, number: int, epochs: int, checkpoint: bytes) -> None:
        self.write(self._checkpoint(number, epochs), checkpoint)

    def drop_checkpoints(self, number: int, keep: int | None = None) -> None:
        """Remove a trial's checkpoints but the one after ``keep`` epochs."""
        folder = self._checkpoint(number, 0).parent
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        for path in folder.glob("*"):
            if path != self._checkpoint(number, keep):
                path.unlink(missing_ok=True)

    def write(self, path: Path, content: str | bytes) -> None:
        """Write a whole file of the run or nothing.

        The run's own folder must be there: made anew, it would be another run.
        """
        self.path.stat()
        # what holds a password is nobody else's to read
        write_whole(path, content, isinstance(content, str) and masked(content) != content)

    @property
    def _holder(self) -> Path:
        return self.path / ".driver.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for one driver; a second is refused, with the name of the first."""
        self.path.mkdir(parents=True, exist_ok=True)
        with hold_file(self.path / ".lock", self._holder, str(self.path)):
            yield

    def is_driven(self) -> bool:
        """Say whether a driver runs the study now, as far as can be seen from this machine."""
        try:
            holder = json.loads(self._holder.read_text("utf-8"))
            if holder["host"] != socket.gethostname():
                return True
            os.kill(int(holder["process"]), 0)
        except PermissionError:
            return True
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return True

    def read_results(self) -> dict[str, Any]:
        """Return the result document of a finished run."""
        return read_document(self.results)


def read_document(path: Path) -> dict[str, Any]:
    """Read an ``optimization_results.json``. Raises LstmoptError for what is not one."""
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise LstmoptError(
            f"a finished run holds {path.name}, found none that can be read in "
            f"{path.parent}: run the study to its end, or name another folder"
        ) from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise LstmoptError(
            f"this version reads results of schema {SCHEMA}, found {found!r} "
            f"in {path}: run the study again"
        )
    if missing := [name for name in _PARTS if name not in content]:
        raise LstmoptError(
            f"results hold {', '.join(_PARTS)}, found {path} without {', '.join(missing)}: "
            "it is damaged; run the study again"
        )
    return content


_PARTS = (
    "study",
    "objectives",
    "architectures",
    "trials",
    "front",
    "chosen",
    "baselines",
    "budget",
)


def finite(value: Any) -> Any:
    """Replace what JSON cannot say (NaN, infinity) by None, all the way down."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    return [finite(v) for v in value] if isinstance(value, list | tuple) else value
