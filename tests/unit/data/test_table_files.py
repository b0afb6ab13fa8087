"""Every kind of file gives the table that was written."""

from __future__ import annotations

import gzip
import io
import zipfile

import pandas as pd
import pytest

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.table_files import read_table
from lstmopt.errors import LstmoptError
from support.parts import wave

LOAD = DataOptions(target="load")


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, CSV)
    return buffer.getvalue()


def workbook(*sheets: pd.DataFrame, rows_above: int = 0) -> bytes:
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer, engine="openpyxl") as writer:
        for number, sheet in enumerate(sheets):
            sheet.to_excel(writer, sheet_name=f"s{number}", index=False, startrow=rows_above)
    return buffer.getvalue()


def buffered(write, **options) -> bytes:
    buffer = io.BytesIO()
    write(buffer, **options)
    return buffer.getvalue()


TABLE = wave(60)
CSV = TABLE.to_csv(index=False).encode()
EMPTY = pd.DataFrame()
FILES = {
    "csv": CSV,
    "gzip": gzip.compress(CSV),
    "zip": zipped("a.csv"),
    "zip of a Mac": zipped("a.csv", "__MACOSX/a.csv"),
    "parquet": buffered(TABLE.to_parquet),
    "feather": buffered(TABLE.to_feather),
    "xlsx": workbook(TABLE),
    "second sheet": workbook(EMPTY, TABLE),
    "a sheet of words before": workbook(pd.DataFrame({"Contents": ["see below"]}), TABLE),
    "sheet with lines above": workbook(TABLE, rows_above=3),
    "utf-16": CSV.decode().encode("utf-16"),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_gives_one_series(tmp_path, kind):
    (tmp_path / "a").write_bytes(FILES[kind])
    series, expected = read_series(tmp_path / "a", LOAD), read_series(TABLE, LOAD)
    assert series.past == expected.past
    assert series.times.equals(expected.times.as_unit(series.times.unit))
    assert series.values == pytest.approx(expected.values)


@pytest.mark.parametrize(
    "above",
    ["Logger,TX-200,x\nSerial,48213,y\n", "a report\n\n", "1,2,3\n", ",,\n,,\n", ""],
)
def test_the_targets_name_finds_the_header_below_lines_of_any_kind(tmp_path, above):
    named = TABLE.rename(columns={"wind": "2"})
    (tmp_path / "a.csv").write_text(above + named.to_csv(index=False))
    assert read_series(tmp_path / "a.csv", LOAD).past == ("load", "2")


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("latin-1", ("énergie", "température")),
        ("cp1252", ("Preis €", "Außen")),
        ("cp1250", ("Množství", "Teplota vzduchu čistá")),
        ("cp1251", ("Количество", "Дата продажи")),
        ("cp1253", ("Ενέργεια", "Θερμοκρασία")),
        ("cp1254", ("Sıcaklık", "İstanbul satışları")),
        ("cp437", ("énergie", "température")),
        ("mac_roman", ("énergie", "température")),
        ("shift_jis", ("気温", "売上高")),
        ("gb18030", ("温度", "销售额")),
        ("euc_kr", ("기온", "판매량")),
        ("utf-8-sig", ("énergie", "température")),
        ("utf-16", ("énergie", "température")),
    ],
)
def test_names_are_read_in_the_encoding_that_holds_the_targets(tmp_path, encoding, names):
    table = TABLE.rename(columns={"load": names[0], "wind": names[1]})
    (tmp_path / "a.csv").write_bytes(table.to_csv(index=False).encode(encoding))
    notices: list[str] = []
    options = DataOptions(target=names[0])
    found = read_table(tmp_path / "a.csv", options, notices).frame
    assert list(found.columns) == ["time", *names]
    assert bool(notices) == (not encoding.startswith("utf-8"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped("a.csv", "b.csv"), "found 2 files"),
        (zipped(), "found 0 files"),
        (workbook(EMPTY), "empty"),
        (zipped("a.csv")[:-30], "save it again as CSV"),
        (b"PAR1 and no more", "save it again as CSV"),
        (b"ARROW1 and no more", "save it again as CSV"),
    ],
)
def test_what_holds_no_table_is_one_sentence(tmp_path, content, words):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(LstmoptError) as error:
        read_table(tmp_path / "a", LOAD, [])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_of_several_sheets_the_first_is_read_and_said(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(workbook(TABLE, TABLE))
    notices: list[str] = []
    read_table(tmp_path / "a.xlsx", LOAD, notices)
    assert notices == ["one of 2 sheets was read: s0"]
