"""Processes of one machine that stand still while one of them measures."""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SETTLE = 0.03
"""Seconds after which all who look between two steps have seen the flag."""
_LONGEST = 10.0
"""Seconds after which it is taken to be forgotten: who raised it may be dead."""


class Pause:
    """A flag in a file.

    Args:
        file: The same for all of them; it is made where there is none.
    """

    def __init__(self, file: Path) -> None:
        file.touch()
        if not file.stat().st_size:
            file.write_bytes(b"\0")
        with file.open("r+b") as opened:
            self._flag = mmap.mmap(opened.fileno(), 1)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raise the flag; within the context the others stand still."""
        self._flag[0] = 1
        try:
            time.sleep(_SETTLE)
            yield
        finally:
            self._flag[0] = 0

    def wait(self) -> None:
        """Return at once where the flag is not raised, else when it is lowered."""
        if not self._flag[0]:
            return
        until = time.monotonic() + _LONGEST
        while self._flag[0] and time.monotonic() < until:
            time.sleep(0.002)
