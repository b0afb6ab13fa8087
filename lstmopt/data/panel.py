"""Many series in one table -> Series whose rows lie one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.csv_reader import Table
from lstmopt.data.known_ahead import HOLIDAYS, given_ahead, holiday_columns
from lstmopt.data.options import DataOptions
from lstmopt.data.panel_rows import PanelRows, fill_panel_gaps, regular_panel
from lstmopt.data.panel_table import as_long
from lstmopt.data.raw_table import Source, load_table
from lstmopt.data.series import Series
from lstmopt.data.series_parts import ForModel, calendar_of, fingerprint
from lstmopt.data.steps import season_lengths
from lstmopt.errors import LstmoptError


def panel_series(
    ids: pd.Series,
    numbers: pd.DataFrame,
    inputs: Mapping[str, list[str]],
    reading: DataOptions,
    model: ForModel | None,
    timed: bool,
    notices: list[str],
) -> Series:
    """Return many series, one after the other.

    Args:
        ids: Which series each row is of [rows].
        numbers: Columns by time [rows, columns], the target first.
        inputs: What a column of the table became.
        reading: How the table was read.
        model: What a model says of a table that is read for its forecasts.
        timed: Whether the times are those of the table, and not a count of its rows.
        notices: Takes a line for what was found and done.

    Returns:
        The series; a row of a step that had none is missing, short gaps are filled forward.

    Raises:
        LstmoptError: Where no series is left, and where the target never varies.
    """
    if reading.resample or reading.resample_with != "mean":
        raise LstmoptError(
            "resample brings rows of one series together, found it with several: bring them "
            "together before, or choose one with --series"
        )
    if model is None:
        numbers = _varying(numbers, reading.target, notices)
    step, to_come = (model.step, model.horizon) if model else ("", 0)
    times = pd.DatetimeIndex(numbers.index)
    table = numbers.to_numpy(np.float64)
    rows = regular_panel(ids, times, table, notices, step, to_come)
    names = list(map(str, numbers.columns))
    known = [name for column in reading.known for name in inputs[column] if name in names]
    values, known_values = _columns(rows, names, known, reading, notices)
    if model and isinstance(model.future, Mapping):
        _put_ahead(known_values, known, rows, given_ahead(model.future, reading, notices))
    if reading.holidays:
        found = holiday_columns(rows.times, reading.holidays)
        known, known_values = [*known, *HOLIDAYS], np.column_stack([known_values, found])
    past = [name for name in names if name not in known]
    return Series(
        reading.target,
        tuple(past),
        tuple(known),
        calendar_of(rows.times.sort_values(), rows.step) if reading.calendar and timed else (),
        values,
        known_values,
        np.isfinite(rows.numbers[:, 0]),
        rows.times,
        rows.step,
        season_lengths(rows.step) if timed else (),
        tuple(notices),
        _fingerprint(rows, names),
        _kept(reading, inputs, [*past, *known]),
        rows.layout,
    )


def with_future(
    table: Table, future: Source | Mapping[str, float | str], options: DataOptions
) -> Table:
    """Return a table with the rows of another that says what is known of rows to come."""
    if isinstance(future, Mapping):
        return table
    ahead, _ = as_long(load_table(future, options, []), options, [])
    missing = [name for name in (*options.id, *options.time) if name not in ahead.frame]
    if missing:
        raise LstmoptError(
            f"a table of the future says when and of which series, found no {missing[0]}: add it"
        )
    there = [name for name in ahead.frame if name in table.frame.columns and name != options.target]
    return replace(table, frame=pd.concat([table.frame, ahead.frame[there]], ignore_index=True))


def _varying(numbers: pd.DataFrame, target: str, notices: list[str]) -> pd.DataFrame:
    """Leave out columns that never vary. Raises LstmoptError where the target is one."""
    if not numbers[target].notna().any():
        raise LstmoptError(f"a target has values, found none in {target!r}: choose another column")
    constant = [n for n in numbers.columns if not numbers[n].min() < numbers[n].max()]
    if target in constant:
        raise LstmoptError(
            f"a target varies, found {target!r} the same in all series: choose another column"
        )
    if constant:
        notices.append(f"constant columns were left out: {', '.join(constant)}")
    return numbers.drop(columns=constant)


def _columns(
    rows: PanelRows, names: list[str], known: list[str], reading: DataOptions, notices: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return past and known columns [rows, columns], short gaps filled forward."""
    filled, between = fill_panel_gaps(rows.numbers, rows.layout, reading.max_gap)
    if between:
        notices.append(
            f"target: {between:,} values missing within series: filled forward in gaps of at most "
            f"{reading.max_gap} rows, never scored"
        )
    ahead = [names.index(name) for name in known]
    past = [place for place in range(len(names)) if place not in ahead]
    # what is known of rows to come is there, or it is not known
    return (filled[:, past] if known else filled), rows.numbers[:, ahead]


def _put_ahead(
    known_values: NDArray[np.float64],
    known: list[str],
    rows: PanelRows,
    given: Mapping[str, float | pd.Series],
) -> None:
    """Put values into the empty cells of rows to come."""
    last = rows.layout.last_where(np.isfinite(rows.numbers[:, 0]))
    inside = np.arange(len(rows.times)) - np.repeat(rows.layout.starts[:-1], rows.layout.lengths)
    to_come = inside >= np.repeat(last, rows.layout.lengths)
    for name, value in given.items():
        column = known_values[:, known.index(name)]
        column[to_come & np.isnan(column)] = value


def _kept(reading: DataOptions, inputs: Mapping[str, list[str]], names: list[str]) -> DataOptions:
    """Return the options by which a later table gives the same inputs."""
    kept = {name for name, made in inputs.items() if set(made) & set(names)}
    return msgspec.structs.replace(
        reading,
        drop=(),
        features=tuple(n for n in reading.features or () if n in kept and n not in reading.known),
        known=(*(n for n in reading.known if n in kept), *(n for n in HOLIDAYS if n in names)),
        categories={n: found for n, found in reading.categories.items() if n in kept},
    )


def _fingerprint(rows: PanelRows, names: list[str]) -> str:
    """Return what tells a panel from another: its ids, and the fingerprint of its rows."""
    plain = fingerprint(pd.DataFrame(rows.numbers, rows.times, names))
    digest = hashlib.sha256("\0".join([plain, *rows.layout.ids]).encode())
    digest.update(rows.layout.starts.tobytes())
    return digest.hexdigest()
