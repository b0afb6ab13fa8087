"""A table's file or DataFrame -> Series: checked, ordered, regular."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from lstmopt.data.columns import ColumnReader, notes_on
from lstmopt.data.csv_reader import Table
from lstmopt.data.known_ahead import (
    HOLIDAYS,
    fill_known,
    given_ahead,
    with_holidays,
    with_rows_to_come,
)
from lstmopt.data.options import DataOptions
from lstmopt.data.panel import panel_series, with_future
from lstmopt.data.panel_table import as_long, ids_of, without_nameless
from lstmopt.data.raw_table import TIMES, Source, load_table, times_of
from lstmopt.data.rows import fill_gaps, in_order, on_grid, resampled
from lstmopt.data.series import Floats, Series, last_observed
from lstmopt.data.series_parts import ForModel, calendar_of, fingerprint
from lstmopt.data.several_series import choose_rows, refuse, refuse_several
from lstmopt.data.steps import season_lengths
from lstmopt.data.time_zones import in_zone
from lstmopt.errors import LstmoptError, near_miss

_FEWEST_ROWS = 20

_ROWS_TO_SPARE = 2_000
"""Rows of a long file that are read for a forecast beyond those that it needs."""


@dataclass(frozen=True)
class _Rows:
    """The rows of a table in their order, and how they were read.

    ``numbers`` [rows, columns] by time, the target first; ``inputs`` are the names that a column of
    the table has there: its own, or one a category. ``ids`` says which series each row of a panel
    is of, None of a single series.
    """

    numbers: pd.DataFrame
    inputs: dict[str, list[str]]
    reading: DataOptions
    timed: bool
    ids: pd.Series | None = None


def read_series(source: Source, options: DataOptions, model: ForModel | None = None) -> Series:
    """Read a table and check it; for a ``model``, of a long file only the last rows.

    Raises LstmoptError in one sentence for what cannot be mended.
    """
    ends = model is not None and not model.whole and not (options.series or options.id)
    if model and ends and isinstance(source, str | Path):
        needed = model.window + options.max_gap
        recent = 2 * (needed + model.horizon) + _ROWS_TO_SPARE
        with contextlib.suppress(LstmoptError):  # which all the rows say better
            series = _read(source, options, model, recent)
            if last_observed(series) >= needed:
                return series
    return _read(source, options, model)


def _read(
    source: Source, options: DataOptions, model: ForModel | None, recent: int | None = None
) -> Series:
    notices: list[str] = []
    rows = _read_rows(source, options, model, notices, recent)
    if rows.ids is not None:
        return panel_series(
            rows.ids, rows.numbers, rows.inputs, rows.reading, model, rows.timed, notices
        )
    numbers = in_order(rows.numbers, options, notices)
    known = [made for name in rows.reading.known for made in rows.inputs[name]]
    if options.resample_with != "mean" and not options.resample:
        raise LstmoptError(
            f"resample_with says how rows are brought together, found {options.resample_with!r} "
            "and no resample: name the step"
        )
    if options.resample:
        numbers = resampled(numbers, options, notices)
    if len(numbers) < 3:
        raise LstmoptError(f"a series needs at least 3 rows, found {len(numbers)}: give more rows")
    numbers, step = on_grid(numbers, model.step if model else "", notices)
    if model:
        numbers = with_rows_to_come(numbers, step, options.target, model.horizon)
        numbers = fill_known(numbers, given_ahead(model.future, rows.reading, notices))
    if options.holidays:
        if not rows.timed:
            raise LstmoptError(
                "holidays need times, found rows without any: name the column that holds them "
                "with --time, or leave holidays out"
            )
        numbers, known = with_holidays(numbers, known, options.holidays, notices)
    if not model:
        numbers = _without_constant(numbers, rows.reading, notices)
        known = [name for name in known if name in numbers]
        notices += notes_on(numbers)
    elif not numbers[options.target].notna().any():
        raise LstmoptError(
            f"a forecast begins after an observed target, found none of {options.target!r} in "
            f"{len(numbers)} rows: give a table that holds some"
        )
    reading = _kept(rows, numbers, known)
    return _series(numbers, known, step, reading, rows.timed, notices)


def _read_rows(
    source: Source,
    options: DataOptions,
    model: ForModel | None,
    notices: list[str],
    recent: int | None = None,
) -> _Rows:
    fitted = model is not None
    table, options = as_long(load_table(source, options, notices, recent), options, notices)
    if options.id and model and model.future is not None:
        table = with_future(table, model.future, options)
    if options.id:
        table = without_nameless(table, options.id, notices)
    _check_names(table.frame, options)
    times, reading = times_of(table.frame, options, isinstance(source, pd.DataFrame), notices)
    if recent:  # rows from all over the file were there to see that it ascends
        _require_ascending(times)
        table, times = replace(table, frame=table.frame[-recent:]), times[-recent:]
    if options.id:
        told_apart, ids = options.id, ids_of(table.frame, options.id)
    else:
        (table, times, told_apart), ids = _one_series(table, times, reading), None
    times = in_zone(times, options.timezone, notices)
    columns = ColumnReader(table, options, fitted, notices)
    past, known = columns.choose((*reading.time, *told_apart))
    numbers = columns.read([*past, *known])
    reading = msgspec.structs.replace(
        columns.found(),
        path="",
        time=reading.time,
        time_format=reading.time_format,
        timezone=str(times.tz or ""),
        separator=table.separator,
        features=tuple(past[1:]),
        known=tuple(known),
    )
    inputs = {name: columns.made_of(name) for name in (*past, *known)}
    timed = bool(reading.time) or isinstance(table.frame.index, TIMES)
    return _Rows(numbers.set_axis(times), inputs, reading, timed, ids)


def _check_names(frame: pd.DataFrame, options: DataOptions) -> None:
    names = list(frame.columns)
    if not options.target:
        numeric = [n for n in names if pd.api.types.is_numeric_dtype(frame[n])]
        raise LstmoptError(
            f"a study forecasts one column, found no target: give --target with one of "
            f"{', '.join(numeric) or 'the columns'}"
        )
    derived = HOLIDAYS if options.holidays else ()
    asked = {"target": (options.target,), "features": options.features or ()}
    asked |= {"known": tuple(n for n in options.known if n not in derived)}
    asked |= {"drop": options.drop, "time": options.time}
    for what, columns in asked.items():
        if what == "time" and isinstance(frame.index, TIMES):
            continue
        for name in columns:
            if name not in names:
                raise LstmoptError(
                    f"{what} names columns of the table, found {name!r}: {near_miss(name, names)}"
                )
    for what, columns in asked.items():
        if twice := [name for name in columns if columns.count(name) > 1]:
            raise LstmoptError(
                f"{what} names a column once, found {twice[0]!r} twice: name it once"
            )
    for what in ("features", "known", "drop", "time"):
        if options.target in asked[what]:
            raise LstmoptError(
                f"the target is no other kind of column, found {options.target!r} in {what} too: "
                "name it once"
            )


def _require_ascending(times: pd.DatetimeIndex) -> None:
    if not times.is_monotonic_increasing:
        raise LstmoptError("times ascend, found rows that step back: read all of them")


def _one_series(
    table: Table, times: pd.DatetimeIndex, reading: DataOptions
) -> tuple[Table, pd.DatetimeIndex, tuple[str, ...]]:
    """Return the rows of the series that was chosen, and the columns that tell it apart."""
    no_names = (*reading.time, reading.target, *reading.drop)
    may_tell = [name for name in table.frame.columns if name not in no_names]
    kept, told_apart = choose_rows(table.frame, reading.series, may_tell)
    if not kept.all():
        table, times = replace(table, frame=table.frame[kept]), times[kept]
    others = [name for name in may_tell if name not in told_apart]
    refuse_several(times, table.frame, others)
    if not reading.time and not isinstance(table.frame.index, TIMES):
        _refuse_blocks(table.frame, others)
    return table, times, told_apart


def _without_constant(
    numbers: pd.DataFrame, reading: DataOptions, notices: list[str]
) -> pd.DataFrame:
    target = reading.target
    count = int(numbers[target].notna().sum())
    if count < _FEWEST_ROWS:
        raise LstmoptError(
            f"a target needs at least {_FEWEST_ROWS} observed rows, found {count} in {target!r}: "
            "the series is too short"
        )
    constant = [n for n in numbers.columns if not numbers[n].min() < numbers[n].max()]
    if target in constant:
        raise LstmoptError(
            f"a target varies, found {target!r} always {numbers[target].dropna().iloc[0]:g}: "
            "choose another column"
        )
    if constant:
        notices.append(f"constant columns were left out: {', '.join(constant)}")
    return numbers.drop(columns=constant)


def _refuse_blocks(frame: pd.DataFrame, names: list[str]) -> None:
    """Refuse rows without times in which each word of a column stands in one block."""
    for name in names:
        if pd.api.types.is_numeric_dtype(frame[name]):
            continue
        words = frame[name].astype("str")
        blocks = words.ne(words.shift()).cumsum().value_counts()
        if 1 < len(blocks) == words.nunique() and blocks.min() >= _FEWEST_ROWS:
            refuse(frame, (name,))


def _kept(rows: _Rows, numbers: pd.DataFrame, known: list[str]) -> DataOptions:
    """Return the options by which a later table gives the same inputs."""
    reading = rows.reading
    kept = {name for name, inputs in rows.inputs.items() if set(inputs) & set(numbers)}
    ahead = [*(n for n in reading.known if n in kept), *(n for n in HOLIDAYS if n in known)]
    return msgspec.structs.replace(
        reading,
        drop=(),
        features=tuple(n for n in reading.features or () if n in kept and n not in ahead),
        known=tuple(dict.fromkeys(ahead)),
        categories={n: found for n, found in reading.categories.items() if n in kept},
    )


def _series(
    numbers: pd.DataFrame,
    known: list[str],
    step: str,
    reading: DataOptions,
    timed: bool,
    notices: list[str],
) -> Series:
    target = reading.target
    past = [str(name) for name in numbers if name not in known]
    if list(numbers) != [*past, *known]:  # a copy less of a long series
        numbers = numbers[[*past, *known]]
    times = pd.DatetimeIndex(numbers.index)
    observed = numbers[target].notna().to_numpy()
    until = int(np.flatnonzero(observed)[-1]) + 1 if observed.any() else len(numbers)
    filled = fill_gaps(numbers, reading.max_gap, until, notices)
    if known:  # what is known of rows to come is there, or it is not known
        to_come = times[until:]
        filled.loc[to_come, known] = numbers.loc[to_come, known]
    return Series(
        target,
        tuple(past),
        tuple(known),
        calendar_of(times, step) if reading.calendar and timed else (),
        _table(filled, past),
        _table(filled, known),
        observed,
        times,
        step,
        season_lengths(step) if timed else (),
        tuple(notices),
        fingerprint(numbers),
        reading,
    )


def _table(numbers: pd.DataFrame, names: list[str]) -> Floats:
    """Return columns as one array [rows, columns]; pandas would hold two copies on the way."""
    table = np.empty((len(numbers), len(names)))
    for column, name in enumerate(names):
        table[:, column] = numbers[name]
    return table
