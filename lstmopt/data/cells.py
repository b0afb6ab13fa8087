"""What the cells of a table say: numbers, marks of what is missing, text."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lstmopt.data.csv_reader import place
from lstmopt.errors import LstmoptError

MISSING = frozenset({"", "?", ".", "..", "-", "--", "---", "*", "na", "n/a", "nan", "n.a.", "null"})
"""Cells that say that there is no value, in small letters; pandas knows more when it reads CSV."""


def without_marks(column: pd.Series, notices: list[str]) -> pd.Series:
    """Take cells that mark a missing value as missing; only where numbers are the rule."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = column.astype("str").str.strip().str.lower()
    marked = text.isin(MISSING) & column.notna()
    if not marked.any() or not is_mostly_numbers(column[~marked]):
        return column
    marks = ", ".join(repr(mark) for mark in text[marked].unique()[:3])
    notices.append(f"{column.name}: {int(marked.sum())} cells hold {marks}: taken as missing")
    return column.mask(marked)


def is_mostly_numbers(column: pd.Series) -> bool:
    """Say whether more than half of the cells that are filled are numbers, or none is filled."""
    if pd.api.types.is_numeric_dtype(column):
        return True
    given = column.dropna()
    return len(given) == 0 or bool(pd.to_numeric(given, errors="coerce").notna().mean() > 0.5)


def counts_rows(column: pd.Series) -> bool:
    """Say whether a column only numbers the rows, from 0 or 1 on."""
    if not pd.api.types.is_integer_dtype(column) or len(column) < 2:
        return False
    numbers = column.to_numpy()
    return bool(numbers[0] in (0, 1) and (np.diff(numbers) == 1).all())


def to_numbers(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Turn columns to floats; a cell that is no number, or infinite, is an error that names it."""
    numbers = {}
    for name in columns:
        values = frame[name]
        if values.dtype != np.float64:
            values = pd.to_numeric(values, errors="coerce").astype(float)
        for wrong, what in (
            (values.isna() & frame[name].notna(), "numbers"),
            (np.isinf(values), "finite numbers"),
        ):
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                raise LstmoptError(
                    f"column {name!r} holds {what}, found {str(frame[name].iloc[row])!r} in "
                    f"{place(frame, row)} ({int(wrong.sum())} such cells): mend them or leave the "
                    "cells empty"
                )
        numbers[name] = values
    return pd.DataFrame(numbers, copy=False).reset_index(drop=True)
