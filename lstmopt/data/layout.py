"""Which rows are of which series, where several lie one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layout:
    """Series that lie one after the other.

    Attributes:
        ids: Their names [series].
        starts: The first row of each, and the row after the last one's end [series + 1].
    """

    ids: tuple[str, ...]
    starts: Ints

    @classmethod
    def one(cls, rows: int) -> Layout:
        """Return the layout of one series without a name."""
        return cls(("",), np.array([0, rows]))

    @classmethod
    def of_lengths(cls, ids: tuple[str, ...], lengths: Ints) -> Layout:
        """Return the layout of series of so many rows each [series]."""
        return cls(ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    @property
    def count(self) -> int:
        """How many series there are."""
        return len(self.ids)

    @property
    def lengths(self) -> Ints:
        """How many rows each has [series]."""
        return np.diff(self.starts)

    def of_rows(self, rows: Ints) -> Ints:
        """Return which series each of some rows is of, of any shape."""
        found: Ints = np.searchsorted(self.starts, rows, "right") - 1
        return found

    def per_row(self) -> Ints:
        """Return which series every row is of [rows]."""
        return np.repeat(np.arange(self.count), self.lengths)

    def last_where(self, there: NDArray[np.bool_]) -> Ints:
        """Return how many rows each series has up to its last one where something is true.

        Args:
            there: Whether it is [rows].

        Returns:
            Rows [series], 0 where it never is.
        """
        rows = np.flatnonzero(there)
        places = np.searchsorted(rows, self.starts[1:]) - 1
        last = rows[np.maximum(places, 0)] if len(rows) else np.zeros(self.count, np.int64)
        inside = (places >= 0) & (last >= self.starts[:-1])
        found: Ints = np.where(inside, last + 1 - self.starts[:-1], 0)
        return found


@dataclass(frozen=True, eq=False)
class Spans:
    """Rows of each series in which the targets of a part's windows lie.

    Attributes:
        starts: The first row of each series [series].
        first: The first row of the part [series].
        end: The row after its last [series].
    """

    starts: Ints
    first: Ints
    end: Ints

    @classmethod
    def one(cls, rows: tuple[int, int]) -> Spans:
        """Return those of one series."""
        return cls(np.zeros(1, np.int64), np.array(rows[:1]), np.array(rows[1:]))

    @property
    def length(self) -> int:
        """How many rows a series has up to the part's end, at the median."""
        return int(np.median(self.end - self.starts))

    @property
    def before(self) -> int:
        """How many rows a series has before the part, at the median."""
        return int(np.median(self.first - self.starts))

    def rows(self) -> Ints:
        """Return every row of the part, ascending."""
        return ranges(self.first, self.end)

    def origins(self, context: int, horizon: int) -> Ints:
        """Return the last input row of every window, ascending.

        Args:
            context: How many input rows it needs, all of its own series.
            horizon: How many targets it has, all within the part.
        """
        return ranges(np.maximum(self.first - 1, self.starts + context - 1), self.end - horizon)


def ranges(first: Ints, end: Ints) -> Ints:
    """Return the numbers from each of ``first`` to before the ``end`` beside it [series]."""
    counts = np.maximum(end - first, 0)
    begun = np.cumsum(counts) - counts
    found: Ints = np.repeat(first - begun, counts) + np.arange(counts.sum())
    return found
