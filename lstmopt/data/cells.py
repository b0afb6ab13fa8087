"""What the cells of a table say: numbers however they are written, categories, or nothing."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from lstmopt.data.csv_reader import NO_VALUE, place
from lstmopt.data.options import Marks
from lstmopt.errors import LstmoptError

MOST_CATEGORIES = 12
"""Categories of a text column that become inputs, one each."""

_FILLS = (
    *(-200.0, -32768.0, 32767.0, 65535.0, -(2.0**31), 2.0**31 - 1),
    *(1e20, 1e30, 1e35, -1e34, 9.96921e36),
)
"""Values that instruments and file formats write where they have none."""

_FEWEST_VALUES = 10
"""Other values of a column in which two digits such as 99 can stand for none."""

_UNITS = re.compile(r"(?<![^\s+-])[$€£¥]\s*|\s*[%$€£¥]$")
_NEGATIVE = re.compile(r"^\((.*\d.*)\)$|^([\d.,]+)-$")
"""Numbers that are negative by parentheses, or by a sign behind them."""

_SUFFIXES = {r"(?<=\d)\s?[kK]$": "e3", r"(?<=\d)\s?M$": "e6", r"(?<=\d)\s?(?:B|bn)$": "e9"}

_SPACES = re.compile(r"(?<=\d)[\u00a0\u202f ’'](?=\d{3})")
_GROUPED = {",": r"[-+]?\d{1,3}(?:,\d{2,3})*,\d{3}", ".": r"[-+]?\d{1,3}(?:\.\d{3})+"}
_TWO_GROUPS = {",": r"[-+]?\d{1,3}(?:,\d{2,3})+,\d{3}", ".": r"[-+]?\d{1,3}(?:\.\d{3}){2,}"}
"""Thousands, in India also 1,96,800."""

_LEADING_ZERO = r"[-+]?0[.,].*"
_BOOLEANS = {"true": 1.0, "false": 0.0}


def read_numbers(
    column: pd.Series, decimal: str, missing: Marks, notices: list[str]
) -> tuple[pd.Series | None, str]:
    """Read a column as numbers: thousands, decimal marks, percent signs, True and False.

    Args:
        column: Its cells.
        decimal: The decimal mark of its file, empty where nothing says which it is.
        missing: What stands for no value, beside the marks that always do.
        notices: Takes a line on whatever had to be guessed.

    Returns:
        Floats; a cell that is no number stays as it is. None for a column that is not one of
        numbers, as less than half of its cells are. And the decimal mark, where the cells said it.
    """
    marks = [str(mark).strip().lower() for mark in missing]
    if pd.api.types.is_bool_dtype(column):
        return column.astype(float), decimal
    if pd.api.types.is_numeric_dtype(column):
        return column, decimal
    if _is_of_times(column):
        return None, decimal
    text = column.astype("str").str.strip()
    lower = text.str.lower()
    marked = lower.isin(NO_VALUE) | lower.isin(marks)
    given = column.notna() & ~marked
    numbers = pd.to_numeric(text.where(given), errors="coerce").astype(float)
    either = decimal != "." and text[given].str.fullmatch(_GROUPED["."]).any()
    if either or numbers.notna().sum() < given.sum():
        said: list[str] = []
        plain, mark = _without_marks(text.where(given), decimal, str(column.name), said)
        other = lower.map(_BOOLEANS).where(given).fillna(pd.to_numeric(plain, errors="coerce"))
        if other.notna().sum() >= numbers.notna().sum():
            numbers, decimal = other.astype(float), mark
            notices += said
    if given.any() and numbers.notna().sum() <= given.sum() / 2:
        return None, decimal
    if (found := marked & column.notna()).any():
        shown = ", ".join(repr(mark) for mark in text[found].unique()[:3])
        notices.append(f"{column.name}: {int(found.sum())} cells hold {shown}: taken as missing")
    wrong = given & numbers.isna()
    return (column.where(wrong, numbers) if wrong.any() else numbers), decimal


def _is_of_times(column: pd.Series) -> bool:
    types = pd.api.types
    return bool(
        types.is_datetime64_any_dtype(column)
        or types.is_timedelta64_dtype(column)
        or isinstance(column.dtype, pd.PeriodDtype)
    )


def _without_marks(
    text: pd.Series, decimal: str, name: str, notices: list[str]
) -> tuple[pd.Series, str]:
    """Return the text of numbers as Python writes them: no thousands, a decimal point, no unit.

    And the decimal mark that they had.
    """
    text = text.str.replace("\u2212", "-", regex=False)
    text = text.str.replace(_NEGATIVE, r"-\1\2", regex=True)
    with_unit = text.str.contains(_UNITS) | text.str.contains("|".join(_SUFFIXES), regex=True)
    if with_unit.any():
        signs = sorted(set("".join(text[with_unit].str.findall("[%$€£¥kKMB]").map("".join))))
        notices.append(
            f"{name}: {int(with_unit.sum())} cells are written with {' '.join(signs)}: read as "
            "numbers without"
        )
        text = text.str.replace(_UNITS, "", regex=True)
    text = text.str.replace(_SPACES, "", regex=True)
    mark = _decimal_of(text, decimal, name, notices)
    thousands = {",": ".", ".": ","}[mark]
    plain = text.str.replace(thousands, "", regex=False).str.replace(mark, ".", regex=False)
    for suffix, power in _SUFFIXES.items():
        plain = plain.str.replace(suffix, power, regex=True)
    return plain, mark if decimal or text.str.contains("[.,]").any() else decimal


def _decimal_of(text: pd.Series, decimal: str, name: str, notices: list[str]) -> str:
    """Return the decimal mark of a column; say so where its marks could be either."""
    given = text.dropna()
    both = given[given.str.contains(r"\d[.,].*\d", regex=True)]
    mixed = both[both.str.contains(r"\..*,|,.*\.", regex=True)]
    if len(mixed):
        last = mixed.str.replace(r"[^.,]", "", regex=True).str[-1]
        return str(last.mode()[0])
    for mark, other in ((",", "."), (".", ",")):
        cells = both[both.str.contains(mark, regex=False)]
        if not len(cells):
            continue
        if cells.str.fullmatch(_TWO_GROUPS[mark]).any():
            return other
        grouped = cells.str.fullmatch(_GROUPED[mark])
        if not grouped.all() or cells.str.fullmatch(_LEADING_ZERO).any():
            return mark
        if decimal:
            return other if mark != decimal else mark
        return _either(given, cells, mark, other, name, notices)
    return decimal or "."


def _either(
    given: pd.Series, cells: pd.Series, mark: str, other: str, name: str, notices: list[str]
) -> str:
    """Decide for marks that all stand before three digits, in a file that says nothing else.

    They are thousands where whole numbers of three digits stand beside them, as 998 and 1.002 do.
    """
    whole = given[~given.str.contains(mark, regex=False)]
    thousands = mark == "," or whole.str.fullmatch(r"[-+]?[1-9]\d{2}").any()
    what = "thousands" if thousands else "a decimal mark"
    notices.append(
        f"{name}: {len(cells)} numbers such as {cells.iloc[0]} may be read in two ways: "
        f"{mark!r} was taken as {what} (decimal = {mark!r} or {other!r} in [data] says which)"
    )
    return other if thousands else mark


def find_sentinels(numbers: pd.Series) -> Marks:
    """Return the values of a column that stand for no value: far from all others, and known to.

    Nines, eights and sevens, and what file formats fill with; they lie further from the other
    values than these are wide, or are its only negative ones.
    """
    if numbers.dtype == object:
        return ()
    if not (_may_be_sentinel(float(numbers.min())) or _may_be_sentinel(float(numbers.max()))):
        return ()
    values, counts = np.unique(numbers.dropna().to_numpy(float), return_counts=True)
    found: list[float] = []
    candidates = [_may_be_sentinel(float(value)) for value in values]
    others = values[~np.array(candidates)]
    if len(others) < 3:
        return ()
    low, high = others.min(), others.max()
    for value, count in zip(values[candidates], counts[candidates], strict=True):
        apart = low - value if value < low else value - high
        short = abs(value) < 100
        seen = count > 1 and len(others) >= _FEWEST_VALUES if short else True
        alone = value < 0 <= low and count > 1 and apart > (high - low) / 20
        if (apart > high - low and seen) or (alone and not short):
            found.append(float(value))
    return tuple(found)


def _may_be_sentinel(value: float) -> bool:
    if any(np.isclose(value, fill, rtol=1e-5) for fill in _FILLS):
        return True
    digits = f"{abs(value):g}".replace(".", "")
    return len(digits) > 1 and len(set(digits)) == 1 and digits[0] in "789"


def without_sentinels(
    numbers: pd.Series, missing: Marks, notices: list[str], guessed: bool
) -> pd.Series:
    """Take numbers that stand for no value as missing."""
    wanted = [float(mark) for mark in missing if _is_number(mark)]
    if not wanted or numbers.dtype == object:
        return numbers
    held = numbers.isin(wanted)
    if not held.any():
        return numbers
    shown = ", ".join(f"{value:g}" for value in sorted(set(numbers[held])))
    how = " (missing = [] in [data] keeps it)" if guessed else ""
    notices.append(f"{numbers.name}: {int(held.sum())} cells hold {shown}: taken as missing{how}")
    return numbers.astype(float).mask(held)


def _is_number(mark: float | str) -> bool:
    try:
        return not np.isnan(float(mark))
    except ValueError:
        return False


def categories_of(column: pd.Series) -> tuple[str, ...]:
    """Return the categories of a text column in order, () where there are too many or just one."""
    found = _as_category(column).dropna().unique()
    few = 2 <= len(found) <= MOST_CATEGORIES and len(found) < max(3, len(column) / 2)
    return tuple(sorted(map(str, found))) if few else ()


def _as_category(column: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(column):  # whole numbers beside blank cells
        column = column.map("{:g}".format, na_action="ignore")
    text = column.astype("str").str.strip()
    return text.mask(column.isna() | text.str.lower().isin(NO_VALUE))


def one_hot(column: pd.Series, categories: tuple[str, ...], notices: list[str]) -> pd.DataFrame:
    """Return a column of 0 and 1 for each category, one for two; missing where the cell is."""
    text = _as_category(column)
    strangers = text.notna() & ~text.isin(categories)
    if strangers.any():
        notices.append(
            f"{column.name}: {int(strangers.sum())} cells hold no known category, the first "
            f"{text[strangers].iloc[0]!r}: taken as none of them"
        )
    names = one_hot_names(str(column.name), categories)
    values = categories[-len(names) :]
    made = {n: (text == value).astype(float) for n, value in zip(names, values, strict=True)}
    return pd.DataFrame(made, index=column.index).mask(text.isna(), axis=0)


def one_hot_names(name: str, categories: tuple[str, ...]) -> list[str]:
    """Name the inputs of a text column: one a category, of two only the second."""
    shown = categories[1:] if len(categories) == 2 else categories
    return [f"{name}={value}" for value in shown]


def counts_rows(column: pd.Series) -> bool:
    """Say whether a column only counts the rows, by one or by another step."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    whole = pd.api.types.is_integer_dtype(column) and not column.hasnans
    steps = np.diff(column.to_numpy() if whole else column.to_numpy(float, na_value=np.nan))
    return len(steps) > 1 and bool(
        steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0)
    )


def to_floats(values: pd.Series) -> pd.Series:
    """Turn a column to floats; a cell that is no number, or infinite, is an error that names it."""
    if values.dtype == np.float64:
        numbers = values
    else:
        numbers = pd.to_numeric(values, errors="coerce").astype(float)
    for wrong, what in (
        (numbers.isna() & values.notna(), "numbers"),
        (np.isinf(numbers), "finite numbers"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise LstmoptError(
                f"column {values.name!r} holds {what}, found {str(values.iloc[row])!r} in "
                f"{place(values, row)} ({int(wrong.sum())} such cells): mend them, leave the "
                "cells empty, or name what stands for no value with --missing"
            )
    return numbers
