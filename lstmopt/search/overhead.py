"""What the strategy itself takes of a study's time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal


@dataclass
class Overhead:
    """Seconds that the strategy itself took: to propose, to judge, to learn what came of it."""

    ask: float = 0.0
    prune: float = 0.0
    tell: float = 0.0

    @contextmanager
    def timed(self, part: Literal["ask", "prune", "tell"]) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, part, getattr(self, part) + time.perf_counter() - start)
