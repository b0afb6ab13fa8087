"""A file or a DataFrame -> a raw table with a name for every column, and the times of its rows."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from lstmopt.data.csv_reader import Table, refuse_repeated_names
from lstmopt.data.options import LONG, DataOptions
from lstmopt.data.panel_table import files_of, together
from lstmopt.data.table_files import read_table
from lstmopt.data.time_columns import find_counter, find_time_columns
from lstmopt.data.timestamps import parse_times
from lstmopt.errors import LstmoptError

Source = str | Path | pd.DataFrame

TIMES = pd.DatetimeIndex | pd.PeriodIndex
"""Indices that hold the times of a DataFrame's rows."""


def load_table(
    source: Source, options: DataOptions, notices: list[str], recent: int | None = None
) -> Table:
    """Return a raw table whose columns have names of text, each once."""
    if isinstance(source, pd.Series):  # of a MultiIndex, as groups are often kept
        source = source.to_frame(str(source.name or options.target or LONG[2]))
    if isinstance(source, pd.DataFrame):
        frame = source.copy(deep=False)
        if isinstance(frame.index, pd.MultiIndex) or frame.index.inferred_type == "string":
            frame = frame.reset_index()
        elif frame.index.inferred_type in ("date", "datetime"):
            frame.index = pd.to_datetime(frame.index)
        if isinstance(frame.columns, pd.MultiIndex):
            names = [" ".join(filter(None, map(str, levels))) for levels in frame.columns]
            frame.columns = pd.Index(names)
        table = Table(frame)
    elif files := files_of(source):
        tables = [(path, read_table(path, options, [])) for path in files]
        table = together(tables, options)
        notices.append(f"{len(files)} files were read, the first {files[0].name}")
    else:
        table = read_table(source, options, notices, recent)
    table.frame.columns = pd.Index([str(name) for name in table.frame.columns])
    refuse_repeated_names(list(table.frame.columns))
    return table


def times_of(
    frame: pd.DataFrame, options: DataOptions, in_python: bool, notices: list[str]
) -> tuple[pd.DatetimeIndex, DataOptions]:
    """Return the times of rows, and the columns and the format that they were read from."""
    named = [name for name in options.time if name in frame]
    if not named and isinstance(frame.index, TIMES):
        return _index_times(frame.index), options
    may_be = frame.drop(columns=[options.target, *options.drop], errors="ignore")
    columns = tuple(named) or find_time_columns(may_be)
    if columns:
        if not named:
            notices.append(f"the time was found in {' and '.join(columns)}")
        times, form = parse_times(frame, columns, options.day_first, notices, options.time_format)
        return times, msgspec.structs.replace(options, time=columns, time_format=form)
    if counter := find_counter(may_be):
        notices.append(f"no time column: the rows are taken in the order of {counter}, one a step")
        return _counted(frame[counter]), options
    text = [str(n) for n in may_be if not pd.api.types.is_numeric_dtype(frame[n])]
    may_be_time = [n for n in text if frame[n].nunique() > len(frame) / 2]
    if in_python or not may_be_time:
        notices.append(f"no time column: the {len(frame)} rows are taken in order, one a step")
        return pd.date_range("2000-01-01", periods=len(frame), freq="D"), options
    raise LstmoptError(
        f"a time is a column in a format that can be told, found none among "
        f"{', '.join(may_be_time)}: name it with --time, say how it is written with --time-format, "
        "or leave out with --drop what is no time"
    )


def _counted(column: pd.Series) -> pd.DatetimeIndex:
    """Return a day for each number of a column that counts steps."""
    days = pd.to_timedelta(column.to_numpy() - column.min(), unit="D")
    return pd.DatetimeIndex(pd.Timestamp("2000-01-01") + days)


def _index_times(index: pd.DatetimeIndex | pd.PeriodIndex) -> pd.DatetimeIndex:
    times = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    if times.hasnans:
        row = int(np.flatnonzero(times.isna())[0])
        raise LstmoptError(
            f"every row has a time, found none in row {row + 1} of the index "
            f"({int(np.sum(times.isna()))} such rows): mend or leave out these rows"
        )
    return times
