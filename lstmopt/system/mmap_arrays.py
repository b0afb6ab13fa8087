"""Arrays in files: processes share them, and memory holds only what is touched."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, TypeVar

import joblib

T = TypeVar("T")


class Scratch:
    """A folder for such files that is removed when nothing refers to it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="lstmopt-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def store(value: T, file: Path) -> T:
    """Write a value with its arrays to ``file``; return it as `load` does."""
    joblib.dump(value, file)
    stored: T = load(file)
    return stored


def load(file: Path) -> Any:
    """Read what `store` wrote; its arrays lie in the file, and what is written to them does not.

    Only for files of this very run: reading one may run code that it holds.
    """
    return joblib.load(file, mmap_mode="c")
