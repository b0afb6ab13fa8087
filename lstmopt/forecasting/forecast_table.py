"""What was forecast, row by row, in the target's own units: kept beside the record to be seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.split import Split
from lstmopt.data.windows import Part
from lstmopt.forecasting.conformal import Intervals
from lstmopt.forecasting.judging import last_origins
from lstmopt.training.metrics import SeriesMetrics

ID = "series"
COLUMNS = ("part", ID, "origin", "lead", "time", "truth")

_END = re.compile(r"(?P<model>.+)-(lo|hi)-(?P<level>[\d.]+)")
"""A column with the end of an interval."""


def models_in(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table of forecasts that hold forecasts."""
    names = list(map(str, table.columns))
    ends = {name for name in names if (end := _END.fullmatch(name)) and end["model"] in names}
    return [name for name in names if name not in COLUMNS and name not in ends]


def levels_in(table: pd.DataFrame, model: str) -> list[str]:
    """Return the levels of a model's intervals in a table of forecasts, ascending, as text."""
    ends = [name for name in map(str, table.columns) if name.startswith(f"{model}-lo-")]
    found = map(_END.fullmatch, ends)
    return sorted((end["level"] for end in found if end), key=float)


def tabulate_series(
    split: Split, windows: NDArray[np.int64], models: Mapping[str, SeriesMetrics]
) -> pd.DataFrame:
    """Tabulate the errors of each series of a panel, three columns a model.

    Args:
        split: The panel's.
        windows: How many windows of the part each series has [series].
        models: Metrics by what forecasts are called.

    Returns:
        A row a series that has any: ``series``, ``windows``, ``MODEL mase``, ``MODEL smape`` and
        ``MODEL mae``.
    """
    columns: dict[str, Any] = {ID: split.series.layout.ids, "windows": windows}
    for name, found in models.items():
        for metric in ("mase", "smape", "mae"):
            columns[f"{name} {metric}"] = getattr(found, metric)
    table = pd.DataFrame(columns)
    return table[table["windows"] > 0]


def tabulate(
    split: Split,
    part: Part,
    name: str,
    predicted: Mapping[str, NDArray[np.float32]],
    intervals: Mapping[str, Intervals] | None = None,
) -> pd.DataFrame:
    """Tabulate scaled forecasts [windows, horizon] at a part's last origins, a column a model.

    A row is a window and a lead: the time of its last input, the time it is for, the target there
    (missing where none was observed) and every forecast, followed by its ``intervals`` where it has
    any (see `Intervals.columns`), in the target's own units.
    """
    origins = last_origins(part, name)
    targets, mask = part.gather_targets(origins)
    leads = np.arange(1, part.shape.horizon + 1)
    times, panel = split.series.times, split.series.panel
    of, named = None, {}
    if panel is not None:
        of = panel.of_rows(origins)
        named = {ID: np.repeat(np.array(panel.ids)[of], len(leads))}
    columns = {
        "part": name,
        **named,
        "origin": times[np.repeat(origins, len(leads))],
        "lead": np.tile(leads, len(origins)),
        "time": times[(origins[:, None] + leads).ravel()],
        "truth": split.scaling.own(np.where(mask, targets, np.nan), of).ravel(),
    }
    for model, scaled in predicted.items():
        columns[model] = split.scaling.own(scaled, of).ravel()
        if intervals and model in intervals:
            columns |= intervals[model].columns(model, scaled, split.scaling, origins, of)
    return pd.DataFrame(columns)
