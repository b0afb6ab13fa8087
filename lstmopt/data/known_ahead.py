"""What is known of rows to come: holidays, values that are given, tables of the future."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lstmopt.data.steps import following
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
