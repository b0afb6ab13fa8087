"""Where validation and test begin in each series: by shares, by counted rows, or by dates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from lstmopt.data.layout import Ints
from lstmopt.data.series import Series, observed_lengths
from lstmopt.errors import LstmoptError

Lengths = tuple[Ints, Ints]
"""How many rows of each series are trained on, and validated on [series]."""


@dataclass(frozen=True)
class Shares:
    """The shares of each series' rows that are trained and validated on; the rest is the test."""

    train: float
    validation: float

    fewest_tests = None

    def rows(self, series: Series) -> Lengths:
        """Return the rows of training and validation of each series."""
        rows = observed_lengths(series)
        train, validation = (
            (rows * share).astype(np.int64) for share in (self.train, self.validation)
        )
        return train, validation


@dataclass(frozen=True)
class LastRows:
    """How many rows of each series are validated on and, after these, tested on: its last ones."""

    validation: int
    test: int

    fewest_tests = 1

    def rows(self, series: Series) -> Lengths:
        """Return the rows of training and validation of each series."""
        rows = observed_lengths(series)
        train = np.maximum(rows - self.validation - self.test, 0)
        return train, np.minimum(self.validation, np.maximum(rows - self.test, 0) - train)


@dataclass(frozen=True)
class Dates:
    """The times from which on rows are validated on and tested on, the same in every series."""

    validation: str
    test: str

    fewest_tests = 1

    def rows(self, series: Series) -> Lengths:
        """Return the rows of training and validation of each series.

        Raises LstmoptError for what is no time, and for times that do not follow one another.
        """
        first, second = (self._time(text, series) for text in (self.validation, self.test))
        if first >= second:
            raise LstmoptError(
                f"split.validation_from lies before split.test_from, found {first} and {second}: "
                "change one"
            )
        rows, starts = observed_lengths(series), series.layout.starts
        found = np.array(
            [
                series.times[start:end].searchsorted([first, second])
                for start, end in pairwise(starts)
            ]
        )
        train, test = np.minimum(found, rows[:, None]).T
        return train, test - train

    @staticmethod
    def _time(text: str, series: Series) -> pd.Timestamp:
        time = pd.to_datetime(text, errors="coerce")
        if pd.isna(time):
            raise LstmoptError(
                f"a part begins at a time, found {text!r}: write for instance 2024-01-31"
            )
        zone = series.times.tz
        if zone is None:
            return time.tz_localize(None)
        return time.tz_localize(zone) if time.tz is None else time.tz_convert(zone)


Cut = Shares | LastRows | Dates
