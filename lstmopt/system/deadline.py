"""When a call is to have ended."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Deadline:
    """A moment by which a call is to have ended, if there is one.

    Attributes:
        seconds: How long the call may take, infinity for any time.
        began: When it began, on the clock of ``time.monotonic``.
    """

    seconds: float = math.inf
    began: float = field(default_factory=lambda: time.monotonic())

    @property
    def is_set(self) -> bool:
        """Whether there is such a moment."""
        return math.isfinite(self.seconds)

    @property
    def left(self) -> float:
        """How many seconds are left; 0 or less when time is up."""
        return self.began + self.seconds - time.monotonic()

    @property
    def passed(self) -> float:
        """How many seconds have passed since the call began."""
        return time.monotonic() - self.began

    def keeping(self, seconds: float) -> Deadline:
        """Return the deadline of what has to leave so many seconds for what comes after it."""
        return Deadline(self.seconds - seconds, self.began)
