"""Reads a table from a file of any of the kinds that people have."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from charset_normalizer import from_bytes
from python_calamine import CalamineError

from lstmopt.data.csv_reader import Table, parse_csv, without_middle
from lstmopt.data.options import LONG, DataOptions
from lstmopt.errors import LstmoptError

_UNREADABLE = (
    *(ValueError, OSError, EOFError, NotImplementedError, RuntimeError),
    *(zlib.error, csv.Error, zipfile.BadZipFile, CalamineError),
)
"""What the readers of files raise for what is not of their kind, or needs a password."""

_TELLING = 65536
"""Bytes from which an encoding is guessed."""

_WESTERN = frozenset(map(chr, range(32, 127))) | set(
    "\t\r\nàáâãäåæçèéêëìíîïñòóôõöøœùúûüýÿßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜÝ€£§°²³µ·º½«»–—‘’“”…¡¿\xa0"
)
"""Characters of Western Europe's languages: a text of nothing else is one of them."""

_COMMON = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp437", "mac_roman"),
    *("shift_jis", "gb18030", "big5", "euc_kr"),
)
"""Encodings in which a target's name is looked for beside those that were guessed."""

_MARKED = ["utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "utf_7"]
"""Encodings that say so themselves, by a byte order mark, and are never guessed."""


def read_table(
    path: str | Path, options: DataOptions, notices: list[str], recent: int | None = None
) -> Table:
    """Read CSV in any encoding, Excel or OpenDocument, Parquet or Feather; also .gz and .zip.

    What a file is, its content says; an encoding in which it names the target goes before others.
    ``notices`` takes a line on whatever was guessed. Of a text of many more lines than are
    ``recent``, only these are read, and some from everywhere in it. Raises LstmoptError where
    nothing of that can be read.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LstmoptError(
            f"data is a file that can be read, found {path} ({error.strerror}): mend the path"
        ) from None
    try:
        return _File(path, options, notices, recent).read(content)
    except LstmoptError:
        raise
    except _UNREADABLE as error:
        line = (str(error) or repr(error)).splitlines()[0]
        raise LstmoptError(
            f"data is CSV, Excel, Parquet or Feather (also .gz or .zip), found {path} unreadable "
            f"({line}): save it again as CSV"
        ) from error


@dataclass(frozen=True)
class _File:
    """A file that is read, whatever it is packed in."""

    path: Path
    options: DataOptions
    notices: list[str]
    recent: int | None

    def read(self, content: bytes) -> Table:
        if content[:4] == b"PAR1":
            return Table(pd.read_parquet(io.BytesIO(content)))
        if content[:6] == b"ARROW1":
            return Table(pd.read_feather(io.BytesIO(content)))
        if content[:2] == b"\x1f\x8b":
            return self.read(gzip.decompress(content))
        if content[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            return self._read_archive(content)
        if content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":  # .xls
            return self._read_sheet(content)
        return self._parse(_decode(content, self.notices, self.options.target))

    def _parse(self, text: str, sheet: bool = False) -> Table:
        options = self.options
        separator, decimal = (",", ".") if sheet else (options.separator, options.decimal)
        if self.recent:
            text = without_middle(text, self.recent)
        ids = () if options.wide else options.id or LONG[:1]
        return parse_csv(
            text, self.path, self.notices, options.target, separator, decimal, ids, options.wide
        )

    def _read_archive(self, content: bytes) -> Table:
        """Read a workbook, or the one table in a ``.zip``."""
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if "[Content_Types].xml" in names or "content.xml" in names:
                return self._read_sheet(content)
            files = [name for name in names if not name.startswith("__MACOSX/")]
            if len(files) != 1:
                raise LstmoptError(
                    f"a .zip holds one table, found {len(files)} files in {self.path} "
                    f"({', '.join(files[:5])}): unpack it and name one"
                )
            return self.read(archive.read(files[0]))

    def _read_sheet(self, content: bytes) -> Table:
        """Read the first sheet that names the target, its header wherever a CSV's may be."""
        sheets = pd.read_excel(io.BytesIO(content), sheet_name=None, header=None, engine="calamine")
        filled = {
            name: cells for name, cells in sheets.items() if not cells.dropna(how="all").empty
        }
        if not filled:
            raise LstmoptError(
                f"a workbook holds a table, found {self.path} empty: give a full file"
            )
        target = self.options.target
        named = (n for n, cells in filled.items() if target and (cells == target).any(axis=None))
        name = next(named, next(iter(filled)))
        cells = filled[name]
        if len(filled) > 1:
            self.notices.append(f"one of {len(filled)} sheets was read: {name}")
        return self._parse(cells.to_csv(header=False, index=False), sheet=True)


def _decode(content: bytes, notices: list[str], target: str) -> str:
    """Return text, in UTF-8 or the encoding that fits it best."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = _guess_encoding(content, target)
        text = content.decode(encoding)
        notices.append(f"the file is no UTF-8: read as {encoding}")
    if "\0" in text:
        raise ValueError("it holds NUL bytes")
    return text


def _guess_encoding(content: bytes, target: str) -> str:
    """Guess from the lines that are not plain ASCII, of which a long table may have few."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    telling = b"\n".join(line for line in content.splitlines() if not line.isascii())[:_TELLING]
    with contextlib.suppress(UnicodeDecodeError):
        if target.isascii() and _WESTERN.issuperset(telling.decode("cp1252")):
            return "cp1252"
    guesses = [match.encoding for match in from_bytes(telling, cp_exclusion=_MARKED)]
    if not target.isascii():
        for encoding in (*guesses, *_COMMON):
            with contextlib.suppress(UnicodeEncodeError):
                if target.encode(encoding) in telling:
                    return encoding
    if not guesses:
        raise ValueError("it is no text in any known encoding")
    return guesses[0]
