"""What the columns of a network's input are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """The columns of a network's input, in their order, and the rows that it reads.

    Attributes:
        past: Columns known up to a row: the target, which comes first, and others.
        calendar: Cycles of the row after it.
        known: Columns known in advance, each once for every lead: those of the next row come first.
        annual: How many of the calendar's columns, its first ones, are of the year.
        window: Rows that the network reads.
        horizon: Rows that it forecasts.
    """

    past: int
    calendar: int
    known: int
    annual: int
    window: int
    horizon: int

    @property
    def features(self) -> int:
        """How many columns there are."""
        return self.past + self.calendar + self.known * self.horizon
