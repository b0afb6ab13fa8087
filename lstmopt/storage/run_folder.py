"""The folder of a run: the names of its files, its lock and its checkpoints."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lstmopt.errors import masked
from lstmopt.forecasting.model_files import WEIGHTS, description_of
from lstmopt.system.atomic_write import write_whole
from lstmopt.system.study_lock import hold_file

if TYPE_CHECKING:
    pass


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
    def series_errors(self) -> Path:
        return self.path / "series_errors.csv"

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
        return self.path / WEIGHTS

    @property
    def model(self) -> Path:
        return description_of(self.weights)

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

    def last_checkpoint(self, number: int) -> bytes | None:
        """Return a trial's checkpoint, if it is there."""
        folder = self._checkpoint(number, 0).parent
        found = max(folder.glob("epoch_*.pt"), key=lambda path: path.stat().st_mtime, default=None)
        return found.read_bytes() if found else None

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
