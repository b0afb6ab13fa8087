"""Reads the text of a CSV to a raw table: separator, header, decimal mark, lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
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

_DECIMALS = {
    ",": r"[-+]?(?:\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d+|0,\d+)",
    ".": r"[-+]?(?:\d+\.(?:\d{1,2}|\d{4,})|0\.\d+)",
}
"""Numbers whose decimal mark can be no other."""

_MARK = "="
_GROUPED_COMMA = r"[-+]?\d{1,3},\d{3}"
_FOOTER = re.compile(r"\s*\"?\s*[^\W\d_]|\s*\"?\s*[©*(#]")


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
    text_columns: Collection[str] = (),
    wide: bool = False,
) -> Table:
    """Read the text of a CSV: finds the separator, and the header below a preamble.

    The header is the last line above the numbers that names the ``target``, else the first of the
    usual width; of a ``wide`` table names may be numbers. What is given of ``separator`` and
    ``decimal`` holds where the text says nothing else. Cells of ``text_columns`` stay as they are.
    """
    text, named = _without_directives(text, target)
    text = _with_tabs(text, target)
    lines = text.splitlines(keepends=True)
    top = [line for line in lines[:_TOP] if line.strip()]
    if len(top) < 2:
        raise LstmoptError(
            f"a CSV holds a header and rows, found {len(top)} lines in {path}: give a full file"
        )
    separator = named or _separator(top, separator, target)
    widths, starts = _records(text, lines, separator)
    width = max(set(widths), key=lambda w: (widths.count(w), w))
    header, names = _find_header(text, separator, width, path, target, wide)
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
    decimal = _decimal(body, separator, decimal, notices)
    frame = _read(body, separator, decimal, names, text_columns)
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


def _read(
    body: str, separator: str, decimal: str, names: list[str], text_columns: Collection[str]
) -> pd.DataFrame:
    # NA may be a name: behind a mark pandas takes it for nothing else
    as_they_are = {n: _MARK.__add__ for n, name in enumerate(names) if name in text_columns}
    frame = pd.read_csv(
        io.StringIO(body),
        sep=separator,
        decimal="." if separator == "," else decimal or ".",
        header=None,
        names=range(len(names)),
        index_col=False,
        skipinitialspace=True,
        low_memory=False,
        converters=as_they_are,
    )
    for column in as_they_are:
        frame[column] = frame[column].str.slice(1)
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

    data = next((line for line in text.splitlines() if line.strip() and line[0] != "#"), "")

    def blank(line: re.Match[str]) -> str:
        for fields, width in (
            (re.split(f"[{SEPARATORS}]", line[1]), 2),
            (line[1].split(), max(2, len(data.split()))),
        ):
            if len(fields) >= width and target in [field.strip().strip('"') for field in fields]:
                return line[1].lstrip()
        return ""

    return re.sub(r"(?m)^#+(.*)$", blank, text), separator


def _separator(lines: list[str], wanted: str = "", target: str = "") -> str:
    """Return the separator that gives most lines one width; a comma only where no other does.

    One that is ``wanted`` goes before all others where it separates the target's name.
    """

    def agreement(separator: str) -> int:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        width = max(set(widths), key=lambda w: (widths.count(w), w))
        return widths.count(width) if width > 1 else 0

    if wanted:
        rows = csv.reader(lines, delimiter=wanted)
        if any(target in [field.strip() for field in row] for row in rows if len(row) > 1):
            return wanted
    found = max(SEPARATORS, key=agreement)
    return found if agreement(found) else ","


def _with_tabs(text: str, target: str) -> str:
    """Return a text with tabs where blanks are all that separates its columns.

    A date and a clock below a header of one name less are one field.
    """
    lines = text.splitlines()
    top = [line for line in lines[:_TOP] if line.strip()]
    if any(mark in line for line in top[-20:] for mark in SEPARATORS) or len(top) < 2:
        return text
    rows = [
        next(csv.reader([line.strip()], delimiter=" ", skipinitialspace=True), []) for line in top
    ]
    widths = [len(row) for row in rows]
    width = max(set(widths), key=widths.count)
    if width < 2:
        return text
    names = next((row for row in rows if target in row), rows[0])
    joined = len(names) == width - 1 and all(
        re.fullmatch(r"\d+[-/.]\d+[-/.]\d+", row[0]) and re.fullmatch(r"\d+:\d+(:\d+)?", row[1])
        for row in rows
        if len(row) == width and row is not names
    )
    made = []
    for row in _split_at_blanks(lines):
        if joined and len(row) == width and row != names:
            row = [f"{row[0]} {row[1]}", *row[2:]]
        made.append("\t".join(row))
    return "\n".join(made) + "\n"


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
    text: str, separator: str, width: int, path: Path, target: str, wide: bool
) -> tuple[int, list[str]]:
    """Return which record is the header, and its names, as many as there are columns.

    It is the last line above the numbers that names the target, else one without a number. One name
    less than there are columns is that of a table with the names of its rows, or with a separator
    at the end of each.
    """
    rows = _top(text, separator)
    named, place = None, 0
    for n, row in enumerate(rows):
        if named is not None and any(cell and _is_number(cell) for cell in _under(row, place)):
            break
        if target and target in row and len(row) in (width, width - 1):
            named, place = n, row.index(target)
    if named is not None:
        row = rows[named]
        return named, row if len(row) == width else _widened(row, rows[named + 1 :])
    for n, row in enumerate(rows):
        if len(row) != width or not any(row):
            continue
        numbers = [_is_number(field) for field in row if field]
        if all(numbers) or (any(numbers) and not wide):
            raise LstmoptError(
                f"a CSV names its columns in a header, found the numbers {', '.join(row)[:60]!r} "
                f"in their place in {path}: add a line with {width} names"
            )
        return n, row
    return 0, rows[0]


def _under(row: list[str], place: int) -> list[str]:
    """Return the cell of a row at a place, where there is one."""
    return row[place : place + 1]


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
    rows = _top(text, separator)[header + 1 :]
    usual = [shape(cell) for cell in rows[min(5, len(rows) - 1)]] if rows else []
    for row in rows[:3]:
        filled = [cell for cell in row if cell]
        said = row[place] if place < len(row) else ""
        alone = len(filled) == 1 and len(row) > 1 and not said
        like_data = any(
            "0" in form and shape(cell) == form for cell, form in zip(row, usual, strict=False)
        )
        if like_data or (said and _is_number(said)):
            break
        if not (alone or (said and said.lower() not in NO_VALUE)):
            break
        count += 1
        notices.append(f"a line below the header was skipped: {', '.join(filled)[:60]!r}")
    return count


def shape(text: str) -> str:
    """Return a text with a letter for every word and a digit for every number."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", text))


NO_VALUE = frozenset(
    {"", "?", ".", "..", "-", "--", "---", "*", "na", "n/a", "nan", "n.a.", "null"}
)
"""Cells that say that there is no value, in small letters; pandas knows more when it reads CSV."""


def _without_footers(
    lines: list[str], widths: list[int], starts: list[int], width: int, notices: list[str]
) -> int:
    """Return how many records are left without the words that stand below the table."""
    end = len(widths)
    while end > 1 and widths[end - 1] < width and _is_footer(lines[starts[end - 1] - 1]):
        end -= 1
    if end < len(widths):
        said = lines[starts[end] - 1].strip()
        notices.append(
            f"{len(widths) - end} lines below the table were skipped, the first {said!r}"
        )
    return end


def _is_footer(line: str) -> bool:
    """Say whether a line is words and no cut row."""
    numbers = any(_is_number(field) and field.strip() for field in re.split(r"[,;\t|]", line))
    return bool(_FOOTER.match(line)) and not numbers


def _refuse_ragged(widths: list[int], starts: list[int], width: int, path: Path) -> None:
    wrong = [n for n, w in enumerate(widths) if w != width]
    if wrong:
        raise LstmoptError(
            f"every line has as many fields as the header, {width}, found {widths[wrong[0]]} in "
            f"line {starts[wrong[0]]} of {path} ({len(wrong)} such lines): mend them"
        )


def _split_at_blanks(lines: list[str]) -> Iterator[list[str]]:
    stripped = map(str.strip, lines)
    return iter(csv.reader(stripped, delimiter=" ", skipinitialspace=True))


def _decimal(body: str, separator: str, told: str, notices: list[str]) -> str:
    """Return the decimal mark that a text must have, else the one that is told, else the likelier.

    Empty where nothing says. 1,062 is a fraction between semicolons, and thousands in quotation
    marks between commas.
    """
    edge = re.escape(separator)

    def found(pattern: str) -> re.Match[str] | None:
        quote = '"' if separator == "," and "," in pattern else '"?'
        field = rf"(?:^|{edge})\s*{quote}\s*(?:{pattern})\s*{quote}\s*(?={edge}|$)"
        return re.search(field, body, re.MULTILINE)

    commas = "," in body and (separator != "," or '"' in body)
    if commas and found(_DECIMALS[","]):
        return ","
    if "." in body and found(_DECIMALS["."]):
        return "."
    usual = {";": ",", ",": "."}.get(separator, "")
    if told or not (commas and usual and (number := found(_GROUPED_COMMA))):
        return told or ("." if separator == "," else "")
    what = "the decimal mark" if usual == "," else "thousands"
    notices.append(
        f"numbers such as {number[0].strip(separator)} may be read in two ways: ',' was taken as "
        f"{what} (decimal = {',.'[usual == ',']!r} in [data] says otherwise)"
    )
    return usual


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
