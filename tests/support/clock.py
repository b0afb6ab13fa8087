"""A clock that stands still until a test moves it."""

from __future__ import annotations


class Clock:
    """Stands in for ``time`` where deadlines are kept."""

    def __init__(self, monkeypatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("lstmopt.system.deadline.time", self)

    def monotonic(self) -> float:
        return self.now
