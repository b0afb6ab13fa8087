"""Which columns of a table are inputs, and their cells as numbers."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import numpy as np
import pandas as pd

from lstmopt.data.cells import (
    MOST_CATEGORIES,
    categories_of,
    counts_rows,
    find_sentinels,
    one_hot,
    one_hot_names,
    read_numbers,
    to_floats,
    without_sentinels,
)
from lstmopt.data.csv_reader import Table
from lstmopt.data.options import DataOptions, Marks

_MOST_ROWS = 2_000
"""Rows on which it is seen whether columns give the target away."""

_UNEXPLAINED = 1e-9
"""The share of a target's variance that is left by columns which give it away."""

_FAR = 50
"""How far from the median an outlier lies, in interquartile ranges."""


class ColumnReader:
    """Reads the columns of one table, each once.

    ``categories`` and ``missing`` hold what was found and what was told.
    """

    def __init__(
        self, table: Table, options: DataOptions, fitted: bool, notices: list[str]
    ) -> None:
        self.frame, self.options, self.fitted = table.frame, options, fitted
        self.decimal = table.decimal or options.decimal
        self.notices = notices
        self.categories = dict(options.categories)
        self.missing: dict[str, Marks] = {}
        self._numbers: dict[str, pd.Series | None] = {}

    def choose(self, no_inputs: Collection[str]) -> tuple[list[str], list[str]]:
        """Return past columns, the target first, and those known in advance.

        Where no features are named, ``no_inputs``, text of many words and columns that only number
        the rows are left out.
        """
        options = self.options
        known = [n for n in options.known if n not in options.drop and n in self.frame]
        if options.features is not None:
            past = [n for n in options.features if n not in (*options.drop, *known)]
            self._find_categories([*past, *known])
            if self.fitted:  # a forecast can do without a cell that a study would have mended
                self._take_words_as_missing(past)
            return [options.target, *past], known
        left_out = {*options.drop, *no_inputs, *known, options.target}
        past = [n for n in map(str, self.frame.columns) if n not in left_out]
        self._find_categories([*past, *known])
        self._take_words_as_missing(past)
        text = [n for n in past if n not in self.categories and self.numbers(n) is None]
        if text:
            self.notices.append(
                f"columns of text with one value or more than {MOST_CATEGORIES} are no inputs, "
                f"left out: {', '.join(text)}"
            )
        counting = [n for n in past if n not in text and counts_rows(self.frame[n])]
        if counting:
            self.notices.append(
                f"columns that only number the rows were left out: {', '.join(counting)}"
            )
        return [options.target, *(n for n in past if n not in (*text, *counting))], known

    def _find_categories(self, names: list[str]) -> None:
        for name in () if self.fitted else names:
            numbers = self.numbers(name)
            if name in self.categories or (numbers is not None and numbers.dtype != object):
                continue
            if found := categories_of(self.frame[name]):
                self.categories[name] = found
                self.notices.append(
                    f"{name}: text of {len(found)} categories ({', '.join(found)[:60]}), each "
                    "becomes an input"
                )

    def _take_words_as_missing(self, names: list[str]) -> None:
        """Take the few words in columns of numbers as missing."""
        for name in names:
            numbers = self.numbers(name)
            if name in self.categories or numbers is None or numbers.dtype != object:
                continue
            found = pd.to_numeric(numbers, errors="coerce").astype(float)
            words = found.isna() & numbers.notna()
            if not words.any():
                continue
            self.notices.append(
                f"{name}: {int(words.sum())} cells are no numbers, the first "
                f"{str(numbers[words].iloc[0])!r}: taken as missing"
            )
            self._numbers[name] = found

    def read(self, names: list[str]) -> pd.DataFrame:
        """Return the numbers of columns [rows, columns]; of categories, 0 and 1."""
        return pd.concat([self._inputs(name) for name in names], axis=1)

    def _inputs(self, name: str) -> pd.Series | pd.DataFrame:
        if name in self.categories:
            return one_hot(self.frame[name], self.categories[name], self.notices)
        numbers = self.numbers(name)
        return to_floats(self.frame[name] if numbers is None else numbers)

    def numbers(self, name: str) -> pd.Series | None:
        """Return a column as numbers without sentinels, None where it is not one of numbers."""
        if name not in self._numbers:
            self._numbers[name] = self._read_numbers(name)
        return self._numbers[name]

    def _read_numbers(self, name: str) -> pd.Series | None:
        asked = self.options.missing
        told = asked.get(name) if isinstance(asked, dict) else asked
        cells = self.frame[name]
        found, decimal = read_numbers(cells, self.decimal, told or (), self.notices)
        if found is None:
            return None
        self.decimal = self.decimal or decimal
        # a model keeps what stood for none where it was found, and looks again elsewhere
        guessed = told is None
        marks = find_sentinels(found) if guessed else told or ()
        if marks:
            self.missing[name] = marks
        return without_sentinels(found, marks, self.notices, guessed)

    def made_of(self, name: str) -> list[str]:
        """Return the inputs that a column of the table becomes."""
        return one_hot_names(name, self.categories[name]) if name in self.categories else [name]

    def found(self) -> DataOptions:
        """Return the options with what was found of decimal mark, categories and missing marks."""
        return msgspec.structs.replace(
            self.options,
            decimal=self.decimal,
            categories=self.categories,
            missing=self.missing if self.options.missing is None else self.options.missing,
        )


def notes_on(numbers: pd.DataFrame) -> list[str]:
    """Say what of a table [rows, columns], the target first, may make a network useless.

    Columns from which the target follows row by row, and values far from all others.
    """
    target = str(numbers.columns[0])
    notes = []
    if found := gives_away(numbers[target], numbers.drop(columns=target)):
        notes.append(
            f"the target follows row by row from {', '.join(found)}: inputs only up to the last "
            "observed row (--drop leaves them out)"
        )
    low, middle, high = np.nanquantile(numbers[target], [0.25, 0.5, 0.75])
    far = (numbers[target] - middle).abs() > _FAR * (high - low)
    if high > low and 0 < far.sum() <= max(3, len(numbers) / 1000):
        where = far.idxmax()
        notes.append(
            f"target: {int(far.sum())} values lie far from all others, the first "
            f"{numbers[target][where]:g} at {where}: they widen the scale of all and may make a "
            "network useless (--missing takes such a value as none)"
        )
    return notes


def gives_away(target: pd.Series, inputs: pd.DataFrame) -> list[str]:
    """Return the columns from which the target [rows] follows exactly, as their weighted sum."""
    there = target.notna()
    for name in inputs:  # column by column, as a long series fills the memory
        there &= inputs[name].notna()
    if not len(inputs.columns) or there.sum() < 3 * len(inputs.columns) + 10:
        return []
    rows = np.flatnonzero(there)[:: -(-int(there.sum()) // _MOST_ROWS)]
    x, y = inputs.iloc[rows].to_numpy(), target.to_numpy()[rows]
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread, spread, 1)
    y = y - y.mean()
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    if not y.var() or (y - x @ weights).var() > _UNEXPLAINED * y.var():
        return []
    share = np.abs(weights) / y.std()
    return [str(name) for name, s in zip(inputs.columns, share, strict=True) if s > 1e-6]
