"""Several series in one table: found, named, and one of them chosen."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.errors import LstmoptError

_FEWEST_REPEATS = 0.01
"""The share of rows whose time stands twice from which a table may hold several series."""

_MOST_NUMBERS = 50
"""Numbers in a column that may name series; with more of them most times must repeat."""

_MOST_COLUMNS = 3
"""Columns that may tell series apart together."""


def choose_rows(
    frame: pd.DataFrame, wanted: Sequence[str], may_tell: Iterable[str]
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return which rows [rows] belong to the series that is wanted, and the columns that say so.

    Each of ``wanted`` is ``COLUMN=VALUE``, or the value alone, which is looked for in the columns
    that ``may_tell``. Raises LstmoptError where there are no such rows.
    """
    kept, columns = np.ones(len(frame), bool), []
    for text in wanted:
        name, equals, value = text.partition("=")
        searched = [name] if equals and name in frame else list(may_tell)
        value = value if equals and name in frame else text
        found = next((n for n in searched if (_names(frame[n]) == value).any()), None)
        if found is None:
            known = f"known are {_list(_names(frame[searched[0]]).unique())}" if equals else ""
            raise LstmoptError(
                "series names a value of a column that tells series apart, found none that holds "
                f"{value!r}: {known or 'write COLUMN=VALUE'}"
            )
        columns.append(found)
        kept &= (_names(frame[found]) == value).to_numpy()
    if not kept.any():
        raise LstmoptError(
            f"series names rows of the table, found none that are {' and '.join(wanted)}: change it"
        )
    return kept, tuple(columns)


def refuse_several(times: pd.DatetimeIndex, frame: pd.DataFrame, may_tell: Iterable[str]) -> None:
    """Refuse a table in which times repeat and a column tells the rows of one time apart."""
    repeated = times.duplicated()
    if repeated.mean() <= _FEWEST_REPEATS:
        return
    candidates = [name for name in may_tell if _may_tell(frame[name], repeated.sum())]
    candidates.sort(key=lambda name: pd.api.types.is_float_dtype(frame[name]))
    for count in range(1, _MOST_COLUMNS + 1):
        for names in combinations(candidates, count):
            keys = frame[list(names)].astype("str").assign(**{"": times.to_numpy()})
            if not keys.duplicated().any():
                refuse(frame, names)


def refuse(frame: pd.DataFrame, names: tuple[str, ...]) -> None:
    """Refuse a table whose series are told apart by these columns; the sentence chooses one."""
    rows = frame[list(names)].drop_duplicates()
    first = [str(_names(rows[name]).iloc[0]) for name in names]
    if len(names) == 1:
        which, choice = f"column {names[0]!r}", f"--series {shlex.quote(first[0])}"
        shown = _list(_names(rows[names[0]]).unique())
    else:
        which = f"columns {' and '.join(map(repr, names))}"
        pairs = [f"{name}={value}" for name, value in zip(names, first, strict=True)]
        choice, shown = (
            " ".join(f"--series {shlex.quote(pair)}" for pair in pairs),
            ", ".join(pairs),
        )
    every = " ".join(f"--id {shlex.quote(name)}" for name in names)
    raise LstmoptError(
        f"a study is of one series, found {len(rows)} in the table, told apart by {which} "
        f"({shown}): choose one with {choice}, forecast all with {every}, or leave it out with "
        "--drop"
    )


def _may_tell(column: pd.Series, repeats: int) -> bool:
    """Say whether a column can name series: text or whole numbers that come again and again."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return False
    distinct = column.nunique(dropna=False)
    names = not pd.api.types.is_numeric_dtype(column)
    return 2 <= distinct <= max(len(column) // 3, 2) and (
        names or distinct <= _MOST_NUMBERS or distinct * repeats >= len(column) / 3
    )


def _names(column: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(column):  # whole numbers beside blank cells
        column = column.map("{:g}".format, na_action="ignore")
    return column.astype("str").str.strip().fillna("")


def _list(names: Iterable[object]) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:4]) + (", …" if len(shown) > 4 else "")
