"""What is known of rows to come: holidays, values that are given, tables of the future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd

from lstmopt.data.columns import ColumnReader
from lstmopt.data.csv_reader import Table
from lstmopt.data.options import DataOptions
from lstmopt.data.raw_table import TIMES, Source, load_table, times_of
from lstmopt.data.several_series import choose_rows
from lstmopt.data.steps import following
from lstmopt.data.time_zones import in_zone
from lstmopt.errors import LstmoptError, near_miss

HOLIDAYS = ("holiday", "workingday")
"""Columns that a country's holidays give: 1 on its holidays, 1 from Monday to Friday on others."""


def holiday_columns(times: pd.DatetimeIndex, country: str) -> pd.DataFrame:
    """Return whether times [rows] fall on a holiday and on a working day, by the clock on the wall.

    The holidays are those of the package ``holidays`` (https://holidays.readthedocs.io); a country
    may have a part, such as US-DC or DE-BY. Raises LstmoptError for one that it does not know.
    """
    import holidays

    dates = times.tz_localize(None).normalize()
    code, _, part = country.partition("-")
    years = range(int(dates.year.min()), int(dates.year.max()) + 1)
    try:
        found = holidays.country_holidays(code, subdiv=part or None, years=years)
    except NotImplementedError:
        known = sorted(holidays.list_supported_countries())
        subdivisions = holidays.list_supported_countries().get(code)
        what = near_miss(part, list(subdivisions)) if subdivisions else near_miss(code, known)
        if code.upper() in known and code != code.upper():
            what = f"did you mean {country.upper()!r}?"
        raise LstmoptError(
            f"holidays names a country, with or without a part, as ISO 3166 does (US, DE-BY), "
            f"found {country!r}: {what}"
        ) from None
    days = pd.DatetimeIndex(sorted(found)).as_unit(dates.unit) if found else dates[:0]
    holiday = dates.isin(days)
    working = ~holiday & (dates.day_of_week < 5)
    return pd.DataFrame(dict(zip(HOLIDAYS, (holiday * 1.0, working * 1.0), strict=True)), times)


def with_holidays(
    numbers: pd.DataFrame, known: list[str], country: str, notices: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Add the holidays of a country, or fill them in for rows to come where they are columns.

    Returns the rows and the columns that are known in advance.
    """
    derived = holiday_columns(pd.DatetimeIndex(numbers.index), country)
    there = [name for name in HOLIDAYS if name in numbers]
    if there:
        notices.append(f"{' and '.join(there)} of the table stay; rows to come are derived")
    numbers = fill_known(numbers, {name: derived[name] for name in there})
    numbers = numbers.join(derived.drop(columns=there))
    return numbers, list(dict.fromkeys([*known, *HOLIDAYS]))


def given_ahead(
    future: Source | Mapping[str, float | str] | None, reading: DataOptions, notices: list[str]
) -> Mapping[str, float | pd.Series]:
    """Return what is given of rows to come, by the names of a model's inputs.

    Args:
        future: A table with times, or a value a column.
        reading: How the model reads tables.
        notices: Takes a line on what was found.

    Returns:
        A value, or values by time.

    Raises:
        LstmoptError: For columns and categories that the model does not know in advance.
    """
    if future is None:
        return {}
    if isinstance(future, Mapping):
        return _from_values(future, reading, notices)
    return _from_table(future, reading, notices)


def _from_values(
    values: Mapping[str, float | str], reading: DataOptions, notices: list[str]
) -> Mapping[str, float]:
    for name, value in values.items():
        if name not in reading.known:
            raise LstmoptError(
                f"future gives columns known in advance, found {name!r}: "
                f"{near_miss(name, list(reading.known))}"
            )
        known = reading.categories.get(name, ())
        if known and str(value) not in known:
            raise LstmoptError(
                f"{name} is one of the categories that the model knows, found {str(value)!r}: "
                f"{near_miss(str(value), list(known))}"
            )
    frame = pd.DataFrame({name: [value] for name, value in values.items()})
    columns = ColumnReader(Table(frame), reading, True, notices)
    return {str(n): float(c.iloc[0]) for n, c in columns.read(list(values)).items()}


def _from_table(
    source: Source, reading: DataOptions, notices: list[str]
) -> Mapping[str, pd.Series]:
    table = load_table(source, msgspec.structs.replace(reading, target=""), notices)
    there = [text for text in reading.series if text.partition("=")[0] in table.frame]
    there += [text for text in reading.series if "=" not in text]
    kept, _ = choose_rows(table.frame, there, list(table.frame.columns))
    table = replace(table, frame=table.frame[kept])
    found = ", ".join(map(str, table.frame.columns))
    if not isinstance(table.frame.index, TIMES) and not set(reading.time) <= set(table.frame):
        raise LstmoptError(
            f"a table of the future says when, found no {', '.join(reading.time)} among {found}: "
            "add it"
        )
    given = [name for name in reading.known if name in table.frame]
    if not given:
        raise LstmoptError(
            "future gives columns known in advance "
            f"({', '.join(reading.known) or 'this model has none'}), found {found}: add them or "
            "leave it out"
        )
    times = in_zone(times_of(table.frame, reading, False, [])[0], reading.timezone, notices)
    numbers = ColumnReader(table, reading, True, notices).read(given).set_axis(times)
    return {str(name): numbers[name][~times.duplicated()] for name in numbers}


def with_rows_to_come(numbers: pd.DataFrame, step: str, target: str, count: int) -> pd.DataFrame:
    """Return rows [rows, columns] with as many more as ``count`` after the last observed target."""
    observed = np.flatnonzero(numbers[target].notna())
    if not len(observed):
        return numbers
    there = len(numbers) - 1 - int(observed[-1])
    if there >= count:
        return numbers
    times = pd.DatetimeIndex(numbers.index)
    more = following(times[-1], step, count - there)
    return numbers.reindex(times.append(more))


def fill_known(numbers: pd.DataFrame, values: Mapping[str, float | pd.Series]) -> pd.DataFrame:
    """Put values into the empty cells of columns [rows] after the last observed target."""
    observed = np.flatnonzero(numbers.iloc[:, 0].notna())
    to_come = numbers.index[int(observed[-1]) + 1 :] if len(observed) else numbers.index[:0]
    filled = numbers.copy(deep=False)
    for name, given in values.items():
        now = filled.loc[to_come, name]
        ahead = given.reindex(to_come) if isinstance(given, pd.Series) else given
        filled.loc[to_come, name] = now.where(now.notna(), ahead)
    return filled
