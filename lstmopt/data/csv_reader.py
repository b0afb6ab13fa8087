"""Reads the text of a CSV to a raw table: separator, header, decimal mark, lines."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from lstmopt.errors import LstmoptError

LINE = "line"
"""The index name of a table read from CSV: the line of each row, for errors."""

SEPARATORS = "\t;|,"
"""A comma comes last, as it is the decimal mark of files that semicolons separate."""

_TOP = 60
"""Lines in which a header is looked for."""

_BETWEEN = 200
"""Lines of a long text that show whether it ascends."""

_QUOTES_SEEN = 100_000
"""Characters without a quotation mark after which no field is thought to hold lines."""

_DECIMAL_COMMA = re.compile(r"(?<![\d.,])\d+,(?:\d{1,2}|\d{4,})(?![\d.,])|\d\.\d{3},\d")
_QUOTED_COMMA = re.compile(r'"\s*[-+]?(?:\d+,\d{1,2}|\d{1,3}(?:\.\d{3})+,\d+)\s*"')
_DECIMAL_POINT = re.compile(r"(?<![\d.,:/-])\d+\.(?:\d{1,2}|\d{4,})(?![\d.,:/-])|\d,\d{3}\.\d")
_FOOTER = re.compile(r"\s*[^\W\d_]|\s*[©*(#]")


@dataclass(frozen=True)
class Table:
    """A raw table, and how its text was read: empty where it was no text, or where nothing says."""

    frame: pd.DataFrame
    separator: str = ""
    decimal: str = ""


def parse_csv(
    text: str,
    path: Path,
    notices: list[str],
    target: str = "",
    separator: str = "",
    decimal: str = "",
) -> Table:
    """Read the text of a CSV: finds the separator, and the header below a preamble.

    The header is the first line that names the ``target``, else the first of the usual width. What
    is given of ``separator`` and ``decimal`` is not looked for.
    """
    text, named = _without_directives(text, target)
    lines = text.splitlines(keepends=True)
    top = [line for line in lines[:_TOP] if line.strip()]
    if len(top) < 2:
        raise LstmoptError(
            f"a CSV holds a header and rows, found {len(top)} lines in {path}: give a full file"
        )
    separator = separator or named or _separator(top)
    widths, starts = _records(text, lines, separator)
    width = max(set(widths), key=lambda w: (widths.count(w), w))
    header, names = _find_header(text, separator, width, path, target)
    if header:
        notices.append(
            f"{header} lines above the header were skipped, the first {top[0].strip()[:40]!r}"
        )
    refuse_repeated_names(names)
    first = header + 1 + _rows_below_header(text, separator, header, names, target, notices)
    end = _without_footers(lines, widths, starts, width, notices)
    _refuse_ragged(widths[first:end], starts[first:end], width, path)
    last = starts[end] - 1 if end < len(starts) else None
    body = "".join(lines[starts[first] - 1 : last]) if first < end else ""
    decimal = decimal or _decimal(body, separator)
    frame = _read(body, separator, decimal, names)
    if len(starts[first:end]) == len(frame):
        frame.index = pd.Index(starts[first:end], name=LINE)
    return Table(_without_empty_rows(frame, notices), separator, decimal)


def without_middle(text: str, recent: int) -> str:
    """Return the first lines of a long text, its ``recent`` last ones, and some between."""
    lines = text.splitlines(keepends=True)
    last = len(lines) - recent
    if last < 4 * _TOP or '"' in text[:_QUOTES_SEEN]:
        return text
    between = lines[_TOP : last : -(-(last - _TOP) // _BETWEEN)]
    return "".join([*lines[:_TOP], *between, *lines[last:]])


def _read(body: str, separator: str, decimal: str, names: list[str]) -> pd.DataFrame:
    frame = pd.read_csv(
        io.StringIO(body),
        sep=separator,
        decimal="." if separator == "," else decimal or ".",
        header=None,
        names=range(len(names)),
        index_col=False,
        skipinitialspace=True,
        low_memory=False,
    )
    if separator != "," and not decimal:
        for column in _maybe_thousands(frame):  # 1.062 may be a number of four digits
            cells = pd.read_csv(
                io.StringIO(body), sep=separator, header=None, usecols=[column], dtype="str"
            )
            frame[column] = cells.iloc[:, 0].to_numpy()
    frame.columns = pd.Index([name or f"Unnamed: {n}" for n, name in enumerate(names)])
    return frame


def _maybe_thousands(frame: pd.DataFrame) -> list[int]:
    """Return the columns of numbers whose fractions are all thousandths of one or more."""
    found = []
    for column in frame.columns[frame.dtypes == np.float64]:
        values = frame[column].to_numpy()
        fractions = values[np.isfinite(values) & (values % 1 != 0)]
        thousandths = np.abs(fractions * 1000 - np.round(fractions * 1000)) < 1e-6
        if len(fractions) and thousandths.all() and (np.abs(fractions) >= 1).all():
            found.append(int(column))
    return found


def _without_directives(text: str, target: str) -> tuple[str, str]:
    """Return a text whose ``sep=`` line and comments are blank, and the separator it names.

    A comment that names the target is the header of the table.
    """
    separator = ""
    if found := re.match(r"\s*\"?sep=(\\t|.)\"?[ ]*\r?\n", text):
        separator = found[1].replace("\\t", "\t")
        text = "\n" + text[found.end() :]
    if not text.startswith("#") and "\n#" not in text:
        return text, separator

    def blank(line: re.Match[str]) -> str:
        fields = re.split(f"[{SEPARATORS}]", line[1])
        named = target and any(field.strip().strip('"') == target for field in fields)
        return line[1].lstrip() if named and len(fields) > 1 else ""

    return re.sub(r"(?m)^#+(.*)$", blank, text), separator


def _separator(lines: list[str]) -> str:
    """Return the separator that gives most lines one width; a comma only where no other does."""

    def agreement(separator: str) -> int:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        width = max(set(widths), key=lambda w: (widths.count(w), w))
        return widths.count(width) if width > 1 else 0

    found = max(SEPARATORS, key=agreement)
    return found if agreement(found) else ","


def _records(text: str, lines: list[str], separator: str) -> tuple[list[int], list[int]]:
    """Return the width and the first line of every record that is not blank."""
    if '"' not in text:
        starts = [n for n, line in enumerate(lines, 1) if line and not line.isspace()]
        return [lines[n - 1].count(separator) + 1 for n in starts], starts
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    widths, starts, start = [], [], 1
    for row in reader:
        if any(field.strip() for field in row) or len(row) > 1:
            widths.append(len(row))
            starts.append(start)
        start = reader.line_num + 1
    return widths, starts


def _top(text: str, separator: str) -> list[list[str]]:
    """Return the fields of the first records that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = (row for row in reader if any(field.strip() for field in row) or len(row) > 1)
    return [[field.strip() for field in row] for row in islice(rows, _TOP)]


def _find_header(
    text: str, separator: str, width: int, path: Path, target: str
) -> tuple[int, list[str]]:
    """Return which record is the header, and its names, as many as there are columns.

    It is what names the target, else what has no number. One name less than there are columns is
    that of a table with the names of its rows, or with a separator at the end of each.
    """
    rows = _top(text, separator)
    for n, row in enumerate(rows):
        if target and target in row and len(row) in (width, width - 1):
            return n, row if len(row) == width else _widened(row, rows[n + 1 :])
    for n, row in enumerate(rows):
        if len(row) != width or not any(row):
            continue
        if any(_is_number(field) for field in row if field):
            raise LstmoptError(
                f"a CSV names its columns in a header, found the numbers {', '.join(row)[:60]!r} "
                f"in their place in {path}: add a line with {width} names"
            )
        return n, row
    return 0, rows[0]


def _widened(names: list[str], rows: list[list[str]]) -> list[str]:
    ends_empty = all(not row[-1] for row in rows if len(row) > len(names))
    return [*names, ""] if ends_empty else ["", *names]


def _rows_below_header(
    text: str, separator: str, header: int, names: list[str], target: str, notices: list[str]
) -> int:
    """Return how many records below the header are no data: units, or more names."""
    if target not in names:
        return 0
    place, count = names.index(target), 0
    for row in _top(text, separator)[header + 1 : header + 4]:
        cells = dict(enumerate(row))
        filled = [cell for cell in row if cell]
        said = cells.get(place, "")
        alone = len(filled) == 1 and len(row) > 1 and not said
        if any(_is_number(cell) or re.search(r"\d\d", cell) for cell in filled):
            break
        if not (alone or (said and said.lower() not in NO_VALUE)):
            break
        count += 1
        notices.append(f"a line below the header was skipped: {', '.join(filled)[:60]!r}")
    return count


NO_VALUE = frozenset(
    {"", "?", ".", "..", "-", "--", "---", "*", "na", "n/a", "nan", "n.a.", "null"}
)
"""Cells that say that there is no value, in small letters; pandas knows more when it reads CSV."""


def _without_footers(
    lines: list[str], widths: list[int], starts: list[int], width: int, notices: list[str]
) -> int:
    """Return how many records are left without the words that stand below the table."""
    end = len(widths)
    while end > 1 and widths[end - 1] == 1 < width and _FOOTER.match(lines[starts[end - 1] - 1]):
        end -= 1
    if end < len(widths):
        said = lines[starts[end] - 1].strip()
        notices.append(
            f"{len(widths) - end} lines below the table were skipped, the first {said!r}"
        )
    return end


def _refuse_ragged(widths: list[int], starts: list[int], width: int, path: Path) -> None:
    wrong = [n for n, w in enumerate(widths) if w != width]
    if wrong:
        raise LstmoptError(
            f"every line has as many fields as the header, {width}, found {widths[wrong[0]]} in "
            f"line {starts[wrong[0]]} of {path} ({len(wrong)} such lines): mend them"
        )


def _decimal(body: str, separator: str) -> str:
    """Return the decimal mark that a text must have, empty where nothing in it says."""
    if separator == ",":
        return "," if '"' in body and _QUOTED_COMMA.search(body) else "."
    if "," in body and _DECIMAL_COMMA.search(body):
        return ","
    return "." if _DECIMAL_POINT.search(body) else ""


def _without_empty_rows(frame: pd.DataFrame, notices: list[str]) -> pd.DataFrame:
    empty = frame.isna().all(axis=1).to_numpy()
    if empty.any() and not empty.all():
        first = frame.index[int(np.flatnonzero(empty)[0])]
        notices.append(f"{int(empty.sum())} lines without a value, the first {first}: left out")
        return frame[~empty]
    return frame


def refuse_repeated_names(names: list[str]) -> None:
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise LstmoptError(
            f"a column name stands once, found {twice[0]!r} {names.count(twice[0])} times: "
            "rename one"
        )


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return not field.strip()
    return True


def place(table: pd.DataFrame | pd.Series, row: int) -> str:
    """Say where row number ``row`` stands: its line in a file, else its count from 1."""
    return f"line {table.index[row]}" if table.index.name == LINE else f"row {row + 1}"


def without_formula(name: str) -> str:
    """Return a name that a spreadsheet shows and does not compute (OWASP, CSV Injection)."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
