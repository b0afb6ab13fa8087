"""How a table is read, as a study file says it; loads no pandas."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

History = Literal["growing", "sliding"]
"""What folds are trained on: all rows before, or as many of the latest as the oldest has."""

Mark = float | str
Marks = tuple[Mark, ...]

Separator = Annotated[
    str, Meta(pattern=r"^([,;|\t]|)$", description="is a comma, semicolon, tab or |")
]


LONG = ("unique_id", "ds", "y")
"""What the series, the time and the target are called where nobody says it, as Nixtla's users do:
https://nixtlaverse.nixtla.io/statsforecast/docs/getting-started/getting_started_short.html"""


class DataOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a table is read.

    What is left at its default is found out from the table; a model keeps what was found, so that
    later tables are read in the same way.

    Attributes:
        path: The file.
        target: The column that is forecast.
        id: Columns that tell many series apart, of which all are forecast by one model.
        wide: Whether each column of numbers is a series.
        time: Its time, in one column or several.
        time_format: How a time is written: a format of ``strptime``, ``ISO8601``, ``quarter``,
            ``week``, or ``s``, ``ms``, ``us``, ``ns`` since 1970.
        timezone: The zone of the times, such as ``Europe/Berlin`` or ``+01:00``.
        day_first: Whether 01/02 is the first of February.
        features: Columns used as inputs; None takes every other column that can be one.
        known: Columns whose values are known in advance.
        drop: Columns left out.
        categories: The values of text columns, each of which becomes an input.
        calendar: Whether the cycles of the calendar are inputs.
        holidays: A country, with or without a part of it (``US``, ``DE-BY``), whose ``holiday`` and
            ``workingday`` are known in advance.
        order: ``sort`` puts rows in order; ``midnight_ends_day`` reads 0:00 after later rows of its
            own day as 24:00.
        series: Which one of several series in a table: its name, or ``COLUMN=VALUE``.
        resample: A step, such as ``1h``, to which rows are brought together.
        resample_with: What becomes of the rows of one step.
        missing: Values that stand for none, in every column or column by column; None finds them.
        decimal: The decimal mark of a text file.
        separator: What separates the columns of a text file.
        max_gap: The longest gap that is filled forward for inputs, in rows; no missing target is
            ever scored.
    """

    path: str = ""
    target: str = ""
    id: tuple[str, ...] = ()
    wide: bool = False
    time: tuple[str, ...] = ()
    time_format: str = ""
    timezone: str = ""
    day_first: bool | None = None
    features: tuple[str, ...] | None = None
    known: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    categories: dict[str, tuple[str, ...]] = {}
    calendar: bool = True
    holidays: str = ""
    order: Literal["keep", "sort", "midnight_ends_day"] = "keep"
    series: tuple[str, ...] = ()
    resample: str = ""
    resample_with: Literal["mean", "sum", "last"] = "mean"
    missing: Marks | dict[str, Marks] | None = None
    decimal: Literal["", ".", ","] = ""
    separator: Separator = ""
    max_gap: int = 24
