"""Tables of the kinds that people have, made up here, and what a first try with them must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

_RANDOM = np.random.default_rng(11)
Y = np.round(200 + 30 * np.sin(np.arange(700) * np.pi / 7) + _RANDOM.normal(0, 3, 700), 2)
X = np.round(_RANDOM.normal(12, 4, 700), 2)


@dataclass(frozen=True)
class Case:
    """A table, what is asked of it, and what must come of it.

    A table that is ``refused`` is so in one sentence with these words, by the last command: the
    run, a second run with the options of ``again``, or ``predict`` where a ``later`` table is
    given.
    """

    kind: str
    make: Callable[[Path], None]
    first: str = ""
    """The time of the first forecast, on the wall or with its offset."""
    last: float | None = None
    """The last target that is forecast in the test part."""
    table: str = "table.csv"
    target: str = "y"
    options: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    """Columns that are no inputs."""
    later: str = ""
    """The table that is forecast from; the first one's where it is empty."""
    future: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


CASES: dict[str, Case] = {}

Make = Callable[[Path], None]


def case(kind: str, rows: int = 0, **what: object) -> Callable[[Make], Make]:
    """Add a case that is named by the function which makes its table."""

    def add(make: Make) -> Make:
        last = {"last": float(Y[rows - 1])} if rows else {}
        CASES[make.__name__] = Case(kind, make, **(last | what))
        return make

    return add


def hours(rows: int, start: str = "2024-02-01", **options: object) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=rows, freq="h", **options)


def days(rows: int, start: str = "2021-01-01") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=rows, freq="D")


def write(
    folder: Path, columns: dict[str, object], name: str = "table.csv", **options: object
) -> None:
    pd.DataFrame(columns).to_csv(folder / name, index=False, **options)


def marked(values: np.ndarray, rows: range, mark: str) -> list[str]:
    return [mark if row in rows else f"{value:.2f}" for row, value in enumerate(values)]


@case("time", 400, first="2024-02-17 16:00+00:00")
def iso_in_utc_beside_a_boolean(folder: Path) -> None:
    times = hours(400)
    is_open = (times.hour > 7) & (times.hour < 19)
    write(folder, {"at": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "y": Y[:400], "open": is_open})


@case("time", 400, first="2024-02-17 16:00", unused=("No",))
def year_month_day_hour_beside_a_row_number(folder: Path) -> None:
    times = hours(400)
    parts = {"year": times.year, "month": times.month, "day": times.day, "hour": times.hour}
    wind = np.array(["NW", "SE", "cv"])[np.arange(400) // 4 % 3]
    write(folder, {"No": np.arange(1, 401), **parts, "y": Y[:400], "wind": wind, "temp": X[:400]})


@case("time", 400, first="2024-02-17 16:00")
def hours_from_1_to_24(folder: Path) -> None:
    times = hours(400) - pd.Timedelta("1h")
    dates = times.strftime("%Y-%m-%d")
    write(folder, {"date": dates, "hour": times.hour + 1, "y": Y[:400]})


@case("time", 260, first="2021-09-01", notes=("reversed",))
def names_of_months_newest_first(folder: Path) -> None:
    months = pd.date_range("2000-01-01", periods=260, freq="MS")
    write(folder, {"Month": months.strftime("%b-%y")[::-1], "y": Y[:260][::-1]})


@case("time", 400, first="2024-02-05 04:00")
def milliseconds_since_1970(folder: Path) -> None:
    start = pd.Timestamp("2024-02-01").value // 10**6
    write(folder, {"ts": start + np.arange(400) * 900_000, "y": Y[:400]})


@case("time", 260, first="2015-01-01")
def quarters(folder: Path) -> None:
    periods = pd.period_range("1950Q1", periods=260, freq="Q").strftime("%Y-Q%q")
    write(folder, {"period": periods, "y": Y[:260]})


@case("time", 260, first="2024-12-30")
def iso_weeks(folder: Path) -> None:
    mondays = pd.date_range("2020-01-06", periods=260, freq="7D")
    write(folder, {"week": mondays.strftime("%G-W%V"), "y": Y[:260]})


@case("time", 400, first="2024-02-17 16:00")
def twelve_hour_clock(folder: Path) -> None:
    write(folder, {"Date": hours(400).strftime("%m/%d/%Y %I:%M:%S %p"), "y": Y[:400]})


@case("time", 480, first="1980-01-01")
def years_before_pandas_nanoseconds(folder: Path) -> None:
    write(folder, {"Year": np.arange(1500, 1980), "y": Y[:480]})


@case("time", 480, first="2024-05-07", later="later.csv")
def month_first_is_remembered(folder: Path) -> None:
    times = hours(480, "2024-04-17").strftime("%m/%d/%Y %H:%M")
    write(folder, {"date": times, "y": Y[:480]})
    write(folder, {"date": times[-24:], "y": Y[456:480]}, "later.csv")


@case("time", 400, notes=("no time",))
def no_time_at_all(folder: Path) -> None:
    write(folder, {"y": Y[:400], "x": X[:400]})


@case("zone", 500, first="2022-11-09 19:00", notes=("2022-10-30",))
def an_hour_of_autumn_that_stands_twice(folder: Path) -> None:
    local = hours(500, "2022-10-20", tz="Europe/Berlin")
    write(folder, {"time": local.strftime("%d.%m.%Y %H:%M"), "y": Y[:500]})


@case("zone", 500, first="2022-03-26 20:00", options=("--timezone", "America/New_York"))
def an_hour_of_spring_that_is_skipped(folder: Path) -> None:
    local = hours(500, "2022-03-05 23:00", tz="America/New_York")
    write(folder, {"time": local.strftime("%Y-%m-%d %H:%M"), "y": Y[:500]})


@case("zone", 400, first="2024-02-17 16:00-05:00")
def an_offset(folder: Path) -> None:
    write(folder, {"time": hours(400).strftime("%Y-%m-%dT%H:%M:%S-05:00"), "y": Y[:400]})


@case("zone", 400, first="2022-02-05 00:00+01:00")
def midnights_with_their_offsets(folder: Path) -> None:
    local = pd.date_range("2021-01-01", periods=400, freq="D", tz="Europe/Berlin")
    write(folder, {"day": [time.isoformat() for time in local], "y": Y[:400]})


@case("missing", 500, first="2024-02-21 20:00", notes=(r"\b49\b", r"\b36\b"))
def marks_of_what_is_missing(folder: Path) -> None:
    y, temp = marked(Y[:500], range(3, 490, 10), "?"), marked(X[:500], range(5, 468, 13), "n/a")
    write(folder, {"time": hours(500), "y": y, "temp": temp})


@case("missing", 500, first="2024-02-21 20:00", notes=("y: 5 cells hold -999",))
def sentinels(folder: Path) -> None:
    y = Y[:500].copy()
    y[[40, 41, 300, 301, 420]] = -999
    write(folder, {"time": hours(500), "y": y, "p": X[:500]})


@case("missing", 500, first="2024-02-21 20:00", options=("--missing", "200"), notes=("hold 200",))
def a_value_that_is_told_to_be_none(folder: Path) -> None:
    y = Y[:500].copy()
    y[[40, 41, 300]] = 200
    write(folder, {"time": hours(500), "y": y})


@case(
    "missing", first="2022-02-06", last=float(Y[400]), options=("--horizon", "3"),
    notes=("200 values missing",),
)  # fmt: skip
def a_target_every_other_row(folder: Path) -> None:
    y = np.where(np.arange(401) % 2 == 0, Y[:401], np.nan)
    write(folder, {"date": days(401), "y": y, "temp": X[:401]})


@case("numbers", first="2021-11-01", last=float(np.round(Y[303] * 10)), target="Besucher")
def thousands_dots_beside_decimal_commas(folder: Path) -> None:
    visitors = [f"{v:,.0f}".replace(",", ".") for v in Y[:304] * 10]
    degrees = [f"{v:.1f}".replace(".", ",") for v in X[:304]]
    columns = {"Datum": days(304).strftime("%d.%m.%Y"), "Besucher": visitors, "Temp": degrees}
    write(folder, columns, sep=";")


@case("numbers", first="2021-11-01", last=float(np.round(Y[303] * 10, 1)), notes=("%",))
def quoted_thousands_and_percents(folder: Path) -> None:
    price = [f"{v:,.1f}" for v in Y[:304] * 10]
    change = [f"{v:.2f}%" for v in X[:304]]
    write(folder, {"Date": days(304).strftime("%b %d, %Y"), "y": price, "Change": change})


@case("columns", 400, first="2022-02-05", notes=("kind",))
def a_column_of_a_few_words(folder: Path) -> None:
    kinds = np.array(["usual", "sale", "clearance"])[np.arange(400) // 5 % 3]
    write(folder, {"date": days(400), "y": Y[:400], "kind": kinds})


@case("columns", 400, first="2022-02-05", notes=("comment",), unused=("comment",))
def a_column_of_prose(folder: Path) -> None:
    prose = [f"reading {n} of the day" for n in range(400)]
    write(folder, {"date": days(400), "y": Y[:400], "comment": prose})


@case("columns", 400, first="2022-02-05", unused=("Unnamed: 0", ""))
def the_index_that_pandas_writes(folder: Path) -> None:
    pd.DataFrame({"date": days(400), "y": Y[:400]}).to_csv(folder / "table.csv")


@case("columns", first="2022-02-05", last=float(np.round(Y[399] + X[399], 2)), notes=("a, b",))
def columns_whose_sum_is_the_target(folder: Path) -> None:
    total = np.round(Y[:400] + X[:400], 2)
    write(folder, {"date": days(400), "a": Y[:400], "b": X[:400], "y": total})


@case("header", 400, first="2024-02-17 16:00", target="OT")
def columns_named_by_numbers(folder: Path) -> None:
    others = {str(n): X[n * 9 : n * 9 + 400] for n in range(3)}
    write(folder, {"date": hours(400), **others, "OT": Y[:400]})


@case("header", 400, first="2024-02-17 16:00", target="Level", notes=("above the header",))
def lines_above_the_header(folder: Path) -> None:
    above = "Logger,TX-9\nSite,South bank\nSerial,99213\n"
    table = pd.DataFrame({"Time": hours(400), "Level": Y[:400]}).to_csv(index=False)
    (folder / "table.csv").write_text(above + table)


@case("header", 400, first="2024-02-17 16:00", target="Level", notes=("below the header",))
def units_and_comments(folder: Path) -> None:
    table = pd.DataFrame({"Time": hours(400), "Level": Y[:400]}).to_csv(index=False, header=False)
    head = "# exported by the gauge\nTime,Level\nyyyy-mm-dd,cm\n"
    (folder / "table.csv").write_text(head + table + "# end\nSource: the gauge\n")


@case("file", 400, first="2022-02-05", target="débit")
def names_in_latin_1(folder: Path) -> None:
    columns = {"date": days(400), "débit": Y[:400], "température": X[:400]}
    write(folder, columns, encoding="latin-1")


@case("file", 400, first="2022-02-05", table="table.xlsx")
def a_workbook(folder: Path) -> None:
    table = pd.DataFrame({"date": days(400), "y": Y[:400], "temp": X[:400]})
    table.to_excel(folder / "table.xlsx", index=False)


@case("file", 400, first="2022-02-05", table="table.feather")
def a_feather_file(folder: Path) -> None:
    table = pd.DataFrame({"date": days(400), "y": Y[:400]})
    table.to_feather(folder / "table.feather")


@case("file", 400, first="2022-02-05", table="Sales Data (1).csv.gz")
def a_packed_file_with_spaces_in_its_name(folder: Path) -> None:
    write(folder, {"date": days(400), "y": Y[:400]}, "Sales Data (1).csv.gz")


@case("series", refused=("'store'", "--series North"))
def two_stores_by_date(folder: Path) -> None:
    _stores().sort_values(["date", "store"]).to_csv(folder / "table.csv", index=False)


@case("series", refused=("'store'", "--series North"))
def two_stores_end_to_end(folder: Path) -> None:
    _stores().to_csv(folder / "table.csv", index=False)


@case("series", 300, first="2021-10-28", options=("--series", "North"), unused=("store",))
def one_of_two_stores(folder: Path) -> None:
    _stores().sort_values("date").to_csv(folder / "table.csv", index=False)


def _stores() -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame({"date": days(300), "store": name, "y": np.round(Y[:300] * size, 2)})
        for name, size in (("North", 1), ("South", 3))
    )


@case("steps", 391, first="2023-07-10", target="Close")
def trading_days(folder: Path) -> None:
    dates = pd.bdate_range("2022-01-03", periods=395)
    holidays = pd.to_datetime(["2022-04-15", "2022-12-26", "2023-04-07", "2023-05-29"])
    dates = dates.difference(holidays)
    write(folder, {"Date": dates, "Close": Y[:391], "Volume": (X[:391] * 1000).astype(int)})


@case("steps", 560, first="2022-02-28 09:30")
def trading_hours(folder: Path) -> None:
    sessions = pd.bdate_range("2022-01-03", periods=40)
    times = [day + pd.Timedelta(hours=9.5 + n / 2) for day in sessions for n in range(14)]
    write(folder, {"time": times, "y": Y[:560]})


@case("steps", 260, first="2021-09-30")
def ends_of_months(folder: Path) -> None:
    ends = pd.date_range("2000-01-31", periods=260, freq="ME")
    write(folder, {"date": ends.strftime("%d/%m/%Y"), "y": Y[:260]})


@case("steps", 260, first="2021-09-15")
def a_day_of_every_month(folder: Path) -> None:
    dates = pd.date_range("2000-01-01", periods=260, freq="MS") + pd.Timedelta(days=14)
    write(folder, {"date": dates, "y": Y[:260]})


@case("steps", 500, first="2024-02-04 11:20", notes=("off the grid",))
def seconds_of_jitter(folder: Path) -> None:
    late = np.random.default_rng(2).integers(0, 5, 500)
    grid = pd.date_range("2024-02-01", periods=500, freq="10min")
    write(folder, {"time": grid + pd.to_timedelta(late, unit="s"), "y": Y[:500]})


@case("steps", 400, first="2022-02-05", notes=("sorted",))
def rows_in_no_order(folder: Path) -> None:
    table = pd.DataFrame({"date": days(400), "y": Y[:400]})
    table.sample(frac=1, random_state=3).to_csv(folder / "table.csv", index=False)


@case(
    "steps", first="2024-02-08 00:00", last=float(Y[664:668].mean().round(4)),
    options=("--resample", "1h"), notes=("668 rows were brought to 167",),
)  # fmt: skip
def quarters_of_an_hour_brought_to_hours(folder: Path) -> None:
    times = pd.date_range("2024-02-01 01:00", periods=668, freq="15min")
    write(folder, {"time": times, "y": Y[:668]})


@case("future", options=("--known", "promo"), later="later.csv", refused=("promo",))
def a_blank_in_what_is_known_in_advance(folder: Path) -> None:
    promo = [str(int(n % 8 == 0)) for n in range(400)]
    write(folder, {"date": days(400), "y": Y[:400], "promo": promo})
    later = {"date": days(402), "y": [*Y[:400], "", ""], "promo": [*promo, "1", ""]}
    write(folder, later, "later.csv")


@case("future", 400, first="2022-02-05", options=("--known", "promo"), future=("promo=1",))
def what_is_known_in_advance_given_as_a_value(folder: Path) -> None:
    promo = (np.arange(400) % 8 == 0).astype(int)
    write(folder, {"date": days(400), "y": Y[:400], "promo": promo})


@case("future", 400, first="2022-02-05", options=("--holidays", "DE-BY"))
def holidays_of_a_country(folder: Path) -> None:
    write(folder, {"date": days(400), "y": Y[:400]})


@case("run", again=("other.csv", "--target", "y"), refused=("--out",))
def another_study_into_the_same_folder(folder: Path) -> None:
    write(folder, {"date": days(400), "y": Y[:400]})
    write(folder, {"date": days(400), "y": X[:400]}, "other.csv")
