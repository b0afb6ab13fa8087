"""Reads the text of a CSV to a raw table: separator, header, lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd

from lstmopt.errors import LstmoptError

LINE = "line"
"""The index name of a table read from CSV: the line of each row, for errors."""


def parse_csv(text: str, path: Path, notices: list[str], target: str = "") -> pd.DataFrame:
    """Read the text of a CSV: finds the separator, and the header below a preamble.

    The header is the first line that names the ``target``, else the first of the usual width.
    """
    lines = [line for line in text.splitlines()[:60] if line.strip()]
    if len(lines) < 2:
        raise LstmoptError(
            f"a CSV holds a header and rows, found {len(lines)} lines in {path}: give a full file"
        )
    separator = _separator(lines)
    widths, starts = _records(text, separator)
    width = max(set(widths), key=lambda w: (widths.count(w), w))
    header = _find_header(text, separator, width, path, target)
    if header:
        notices.append(f"{header} lines above the header were skipped, the first {lines[0][:40]!r}")
    _refuse_ragged(widths[header:], starts[header:], width, path)
    body = "".join(text.splitlines(keepends=True)[starts[header] - 1 :])
    names = [name.strip() for name in next(csv.reader(io.StringIO(body), delimiter=separator))]
    refuse_repeated_names(names)
    frame = pd.read_csv(
        io.StringIO(body),
        sep=separator,
        decimal="." if separator == "," else _decimal(body, separator),
        skipinitialspace=True,
        low_memory=False,
    )
    frame.columns = pd.Index([name or f"Unnamed: {n}" for n, name in enumerate(names)])
    if len(starts) - header - 1 == len(frame):
        frame.index = pd.Index(starts[header + 1 :], name=LINE)
    return _without_empty_rows(frame, notices)


def _separator(lines: list[str]) -> str:
    """Return the separator that gives most lines one width; a comma only where no other does.

    A comma comes last as it is the decimal mark of files separated by semicolons.
    """

    def agreement(separator: str) -> int:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        width = _usual_width(lines, separator)
        return widths.count(width) if width > 1 else 0

    return max("\t;,", key=agreement) if any(map(agreement, "\t;,")) else ","


def _records(text: str, separator: str) -> tuple[list[int], list[int]]:
    """Return the width and the first line of every record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    widths, starts, start = [], [], 1
    for row in reader:
        if any(field.strip() for field in row) or len(row) > 1:
            widths.append(len(row))
            starts.append(start)
        start = reader.line_num + 1
    return widths, starts


def _find_header(text: str, separator: str, width: int, path: Path, target: str) -> int:
    """Return which record is the header: what names the target, else has no number."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: Iterable[list[str]] = (
        row for row in reader if any(field.strip() for field in row) or len(row) > 1
    )
    if target:
        first = list(islice(rows, 60))
        for n, row in enumerate(first):
            if len(row) == width and target in (field.strip() for field in row):
                return n
        rows = chain(first, rows)
    for n, row in enumerate(rows):
        if len(row) != width or not any(field.strip() for field in row):
            continue
        if any(_is_number(field) for field in row if field.strip()):
            raise LstmoptError(
                f"a CSV names its columns in a header, found the numbers {', '.join(row)[:60]!r} "
                f"in their place in {path}: add a line with {width} names"
            )
        return n
    return 0


def _refuse_ragged(widths: list[int], starts: list[int], width: int, path: Path) -> None:
    wrong = [n for n, w in enumerate(widths) if w != width]
    if wrong:
        raise LstmoptError(
            f"every line has as many fields as the header, {width}, found {widths[wrong[0]]} in "
            f"line {starts[wrong[0]]} of {path} ({len(wrong)} such lines): mend them"
        )


def _decimal(body: str, separator: str) -> str:
    """Return the decimal mark of a file that is not separated by commas."""
    sample = [
        field
        for row in islice(csv.reader(io.StringIO(body), delimiter=separator), 60)
        for field in row
    ]
    return "," if any(re.fullmatch(r"\s*[+-]?\d+,\d+\s*", field) for field in sample) else "."


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


def _usual_width(lines: list[str], separator: str) -> int:
    """Return how many fields most lines have."""
    widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
    return max(set(widths), key=lambda w: (widths.count(w), w))


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
