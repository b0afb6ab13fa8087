"""A CSV is read whatever stands around its table, and its decimal mark is that of whole fields."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.series_parts import ForModel
from lstmopt.errors import LstmoptError

LOAD = DataOptions(target="load")
DAYS = pd.date_range("2020-01-01", periods=300, freq="D")
Y = np.round(98.4 + 20 * np.sin(np.arange(300) / 2), 3)
X = np.round(5 + np.cos(np.arange(300)), 2)


def lines(form: str, **cells: object) -> str:
    """Return a line a row, in a format with {date}, {y} and {x}."""
    return "".join(
        form.format(date=f"{d:%Y-%m-%d}", y=y, x=x, n=n) + "\n"
        for n, (d, y, x) in enumerate(zip(DAYS, Y, X, strict=True))
    )


def german(value: float) -> str:
    return f"{value:,.3f}".translate(str.maketrans(",.", ".,"))


ROWS = lines("{date},{y},{x}")
TEXTS = {
    "sep= in the first line": "sep=,\ndate,load,wind\n" + ROWS,
    "bars": lines("{date}|{y}|{x}").join(["date|load|wind\n", ""]),
    "blanks": "date       load      wind\n" + lines("{date}   {y}    {x}"),
    "blanks and names of rows": '"date" "load" "wind"\n' + lines('"{n}" {date} {y} {x}'),
    "names of rows": '"date","load","wind"\n' + lines('"{n}",{date},{y},{x}'),
    "separators at the end": "date,load,wind\n" + lines("{date},{y},{x},"),
    "separators at the end of all": "date,load,wind,\n" + lines("{date},{y},{x},"),
    "comments": "# a gauge\n# 2020\ndate,load,wind\n" + ROWS + "# end\n",
    "a header in a comment": "# a gauge\n#date,load,wind\n" + ROWS,
    "a line above that names the target": "Parameter,load,3\ndate,load,wind\n" + ROWS,
    "units": "date,load,wind\nyyyy-mm-dd,kW,m/s\n" + ROWS,
    "types and units": "date,load,wind\n10d,12n,12n\n,kW,m/s\n" + ROWS,
    "two lines of names": "Price,load,wind\nTicker,AAPL,AAPL\ndate,,\n" + ROWS,
    "footers": "date,load,wind\n" + ROWS + '\n"Source: the office, 2021"\n© office\n',
}  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS)
def test_what_stands_around_a_table_does_not_change_it(tmp_path, kind):
    (tmp_path / "a.csv").write_text(TEXTS[kind])
    series = read_series(tmp_path / "a.csv", LOAD)
    assert series.past == ("load", "wind")
    assert series.times.equals(DAYS.as_unit(series.times.unit))
    np.testing.assert_allclose(series.values, np.column_stack([Y, X]))


DECIMALS = {
    "points beside words with a comma": 'date;load;drink\n' + lines('{date};{y:.3f};"water 1,5 l"'),
    "points beside places": "date\tload\tplace\n" + lines("{date}\t{y:.3f}\t52.1,13.4"),
    "commas": "date;load;wind\n" + "".join(
        f"{d:%d.%m.%Y};{german(y)};{german(x)}\n" for d, y, x in zip(DAYS, Y, X, strict=True)),
    "quoted commas": "date,load\n" + "".join(
        f'{d:%Y-%m-%d},"{german(y)}"\n' for d, y in zip(DAYS, Y + 0.0, strict=True)),
}  # fmt: skip


@pytest.mark.parametrize("kind", DECIMALS)
def test_a_decimal_mark_is_that_of_whole_fields(tmp_path, kind):
    (tmp_path / "a.csv").write_text(DECIMALS[kind])
    told = DataOptions(target="load", decimal="," if kind == "quoted commas" else "")
    np.testing.assert_allclose(read_series(tmp_path / "a.csv", told).values[:, 0], Y)


def test_a_later_file_with_other_marks_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("date,load,wind\n" + ROWS)
    reading = read_series(tmp_path / "a.csv", LOAD).reading
    text = "".join(f"{d:%Y-%m-%d};{y};{x}\n" for d, y, x in zip(DAYS, Y, X, strict=True))
    (tmp_path / "b.csv").write_text("date;load;wind\n" + text.replace(".", ","))
    later = read_series(tmp_path / "b.csv", reading, ForModel("D", 12, 1))
    np.testing.assert_allclose(later.values[:300, 0], Y)


def test_thousands_that_were_decided_stay_so_in_a_later_table(tmp_path):
    visitors = 900 + 40 * np.arange(300) % 900
    text = "".join(f"{d:%Y-%m-%d};{german(v)[:-4]}\n" for d, v in zip(DAYS, visitors, strict=True))
    (tmp_path / "a.csv").write_text("date;load\n" + text)
    series = read_series(tmp_path / "a.csv", LOAD)
    np.testing.assert_allclose(series.values[:, 0], visitors)
    (tmp_path / "b.csv").write_text(
        "date;load\n" + "".join(f"{d:%Y-%m-%d};1.0{n:02}\n" for n, d in enumerate(DAYS[:30]))
    )
    later = read_series(tmp_path / "b.csv", series.reading, ForModel("D", 12, 1))
    assert later.values[:30, 0].tolist() == list(range(1000, 1030))


@pytest.mark.parametrize(
    ("row", "number"),
    [
        ("(1.5)", -1.5),
        ("1.5-", -1.5),
        ("1,96,800", 196800),
        ("-$1,062.50", -1062.5),
        ("1.2M", 1.2e6),
    ],
)
def test_a_number_as_offices_write_it_is_read(tmp_path, row, number):
    text = "".join(f'{d:%Y-%m-%d},"{row if n % 3 else n}"\n' for n, d in enumerate(DAYS))
    (tmp_path / "a.csv").write_text("date,load\n" + text)
    assert read_series(tmp_path / "a.csv", LOAD).values[1, 0] == number


def test_a_cut_line_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("date,load,wind\n" + ROWS[:-8])
    with pytest.raises(LstmoptError, match="found 2 in line 301"):
        read_series(tmp_path / "a.csv", LOAD)
