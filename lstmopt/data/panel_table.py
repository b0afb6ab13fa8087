"""Tables of many series: what tells them apart, a column each, a file each."""

from __future__ import annotations

import glob
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from lstmopt.data.csv_reader import Table
from lstmopt.data.options import LONG, DataOptions
from lstmopt.data.time_columns import find_time_columns
from lstmopt.errors import LstmoptError


def files_of(pattern: str | Path) -> list[Path]:
    """Return the files that a pattern such as ``stores/*.csv`` names; none for a plain path."""
    text = str(pattern)
    if not glob.has_magic(text) or Path(text).exists():
        return []
    found = sorted(Path(name) for name in glob.glob(text, recursive=True) if Path(name).is_file())
    if not found:
        raise LstmoptError(f"data names files that are there, found none of {text}: mend it")
    return found


def together(tables: list[tuple[Path, Table]], options: DataOptions) -> Table:
    """Return the rows of several files, each a series by its file's name unless a column says it.

    Raises LstmoptError where files of one name would be one series.
    """
    first = tables[0][1]
    names = options.id or LONG[:1]
    if not all(name in table.frame.columns for _, table in tables for name in names):
        stems = [path.name.partition(".")[0] for path, _ in tables]
        if twice := [stem for stem in stems if stems.count(stem) > 1]:
            raise LstmoptError(
                f"each file is a series of its own name, found {twice[0]!r} twice: rename one, or "
                "name the column that tells series apart with --id"
            )
        for stem, (_, table) in zip(stems, tables, strict=True):
            table.frame[LONG[0]] = stem
    frame = pd.concat([table.frame for _, table in tables], ignore_index=True)
    return replace(first, frame=frame)


def as_long(table: Table, options: DataOptions, notices: list[str]) -> tuple[Table, DataOptions]:
    """Return a table in long format, and the options with what tells its series apart.

    Raises LstmoptError for columns that are not there.
    """
    frame = table.frame
    if options.wide:
        return _from_wide(table, options, notices)
    missing = [name for name in options.id if name not in frame.columns]
    if missing:
        raise LstmoptError(
            f"id names the columns that tell series apart, found no {missing[0]!r} among "
            f"{', '.join(map(str, frame.columns[:8]))}: change it"
        )
    others = {*options.drop, *options.known, *(options.features or ())}
    named = set(LONG) <= set(frame.columns) and not others & set(LONG)
    if options.id or options.series or not named or options.target not in ("", LONG[2]):
        return table, options
    found: dict[str, Any] = {"id": LONG[:1], "target": LONG[2]}
    if not options.time and not pd.api.types.is_integer_dtype(frame[LONG[1]]):
        found["time"] = LONG[1:2]
    series = frame[LONG[0]].nunique()
    notices.append(f"{series:,} series were found by the column {LONG[0]}")
    return table, msgspec.structs.replace(options, **found)


def _from_wide(table: Table, options: DataOptions, notices: list[str]) -> tuple[Table, DataOptions]:
    """Return a table with a column a series as one with a row a value."""
    frame = table.frame
    times = options.time or find_time_columns(frame.drop(columns=list(options.drop)))
    if not times:
        raise LstmoptError(
            "a wide table has a time and a column a series, found no time that can be told: name "
            "it with --time"
        )
    chosen = options.features or [
        name
        for name in frame.columns
        if name not in (*times, *options.drop) and pd.api.types.is_numeric_dtype(frame[name])
    ]
    if len(chosen) < 1:
        raise LstmoptError(
            "a wide table has a column of numbers for each series, found none: leave --wide out"
        )
    notices.append(f"{len(chosen):,} series were found, a column each")
    long = frame.melt(list(times), list(chosen), LONG[0], LONG[2])
    long = long.dropna(subset=[LONG[2]])
    read = {"id": LONG[:1], "time": tuple(times), "target": LONG[2], "features": ()}
    return replace(table, frame=long), msgspec.structs.replace(options, **read)


def without_nameless(table: Table, names: tuple[str, ...], notices: list[str]) -> Table:
    """Leave out rows that name no series."""
    cells = [table.frame[name] for name in names]
    empty = np.zeros(len(table.frame), bool)
    for column in cells:
        empty |= column.isna().to_numpy()
        if not pd.api.types.is_numeric_dtype(column):
            words = column.astype("category").cat
            blank = [not str(word).strip() for word in words.categories]
            empty |= np.isin(words.codes, np.flatnonzero(blank))
    if not empty.any():
        return table
    notices.append(f"{int(empty.sum()):,} rows name no series in {' and '.join(names)}: left out")
    return replace(table, frame=table.frame[~empty])


def ids_of(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    """Return what each row's series is called [rows]: its words with / between."""
    parts = [_words(frame[name]) for name in names]
    if len(parts) == 1:
        return parts[0]
    joined = parts[0].astype(str)
    for part in parts[1:]:
        joined = joined + "/" + part.astype(str)
    return joined


def _words(column: pd.Series) -> pd.Series:
    """Return a column as words without blanks around them, each once."""
    cells = column.astype("category").cat
    whole = pd.api.types.is_float_dtype(column)  # whole numbers beside blank cells
    said = [f"{word:g}" if whole else str(word).strip() for word in cells.categories]
    places, words = pd.factorize(pd.Index(said, dtype=object))
    found = pd.Categorical.from_codes(places[cells.codes.to_numpy()], categories=pd.Index(words))
    return pd.Series(found, column.index)
