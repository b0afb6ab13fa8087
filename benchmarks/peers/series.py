"""Public series as tables of two columns, ``time`` and ``value``, that every library reads alike.

Rows stand on their grid; what is missing is filled forward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

TIME, VALUE = "time", "value"

Table = pd.DataFrame


def _dates(column: str, form: str) -> Callable[[Table], Any]:
    return lambda table: pd.to_datetime(table[column].astype(str), format=form)


def _bike_hours(table: Table) -> Any:
    return pd.to_datetime(table["dteday"]) + pd.to_timedelta(table["hr"], unit="h")


def _steel_quarters(table: Table) -> Any:
    """Read 0:00, which stands last in its day, as 24:00."""
    times = pd.to_datetime(table["date"], format="%d/%m/%Y %H:%M")
    return times.where(times != times.dt.normalize(), times + pd.Timedelta(days=1))


@dataclass(frozen=True)
class Source:
    """A column of a public file, with or without ``.gz``; ``season`` is in rows of ``step``."""

    file: str
    target: str
    times: Callable[[Table], Any]
    step: str
    season: int

    def read(self, folder: Path) -> Table:
        """Read the two columns."""
        paths = [folder / self.file, folder / f"{self.file}.gz"]
        if not (found := [path for path in paths if path.is_file()]):
            raise SystemExit(f"the series is read from {self.file}, found none in {folder}")
        table = pd.read_csv(found[0])
        times = pd.DatetimeIndex(self.times(table), name=TIME)
        values = pd.Series(table[self.target].to_numpy(float), times, name=VALUE)
        return values.asfreq(self.step).ffill().reset_index()


_ETT_HOURS = _dates("date", "%Y-%m-%d %H:%M:%S")
SERIES = {
    "bike": Source("bike_sharing_hour.csv", "cnt", _bike_hours, "h", 24),
    "bike_casual": Source("bike_sharing_hour.csv", "casual", _bike_hours, "h", 24),
    "nyc_taxi": Source(
        "nyc_taxi.csv", "value", _dates("timestamp", "%Y-%m-%d %H:%M:%S"), "30min", 48
    ),
    "etth1": Source("ETTh1.csv", "OT", _ETT_HOURS, "h", 24),
    "etth1_hufl": Source("ETTh1.csv", "HUFL", _ETT_HOURS, "h", 24),
    "steel": Source("steel_industry.csv", "Usage_kWh", _steel_quarters, "15min", 96),
    "co2": Source("co2_weekly.csv", "co2", _dates("date", "%Y%m%d"), "7D", 52),
}


def prepare(name: str, source: Path, folder: Path) -> Path:
    """Write a series of the folder ``source`` to a CSV in ``folder``; return its path."""
    path = folder / f"{name}.csv"
    SERIES[name].read(source).to_csv(path, index=False)
    return path
