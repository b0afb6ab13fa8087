"""Are intervals right: coverage over time, and at every level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lstmopt.forecasting.forecast_table import levels_in
from lstmopt.report.intervals import with_intervals
from lstmopt.report.style import COLOURS, DASHES, GREY, SYMBOLS, figure, note
from lstmopt.results.document import ForecastErrors
from lstmopt.results.run import RunData

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SPANS = 24
"""Spans of the test part over which coverage is drawn."""


def draw_coverage(run: RunData) -> go.Figure:
    """Draw how often the truth lay within the chosen model's intervals, span by span."""
    drawn = figure("Coverage over the test part", "", "within the interval", height=380)
    rows, model = run.forecasts, run.results.chosen.label if run.results.chosen else ""
    rows = rows[rows["part"] == "test"].dropna(subset=["truth"])
    levels = [] if rows.empty else levels_in(rows, model)
    if not levels:
        return note(drawn, "no intervals were kept")
    spans = np.array_split(np.arange(len(rows)), min(_SPANS, max(1, len(rows) // 20)))
    times = [rows["time"].iloc[int(span[len(span) // 2])] for span in spans]
    at = np.array(times, "datetime64[ms]").astype(float)
    for n, level in enumerate(levels):
        within = rows["truth"].between(rows[f"{model}-lo-{level}"], rows[f"{model}-hi-{level}"])
        drawn.add_scatter(
            x=at,
            y=[float(within.iloc[span].mean()) for span in spans],
            name=f"{level} %",
            mode="lines+markers",
            marker={"symbol": SYMBOLS[n % len(SYMBOLS)]},
            line={"color": COLOURS[n % len(COLOURS)], "shape": "hvh"},
        )
        drawn.add_hline(
            y=float(level) / 100,
            line={"color": COLOURS[n % len(COLOURS)], "dash": "dot", "width": 1},
        )
    return drawn.update_xaxes(type="date").update_yaxes(tickformat=".0%", range=[0, 1.02])


def draw_reliability(run: RunData) -> go.Figure:
    """Draw how often the truth lay within intervals of each level, for every model."""
    heads = ("Reliability of intervals", "level", "within the interval")
    drawn = figure(*heads, height=380)
    models = with_intervals(run.results)
    if not models:
        return note(drawn, "no intervals were kept")
    drawn.add_scatter(
        x=[0, 1],
        y=[0, 1],
        name="as it should be",
        mode="lines",
        line={"color": GREY, "dash": "dot"},
    )
    for n, (name, errors) in enumerate(models.items()):
        drawn.add_scatter(**_reliability(name, errors, n))
    return drawn.update_layout(
        xaxis={"tickformat": ".0%", "range": [0, 1]},
        yaxis={"tickformat": ".0%", "range": [0, 1.02]},
    )


def _reliability(name: str, errors: ForecastErrors, number: int) -> dict[str, Any]:
    found = pd.DataFrame(errors.reliability, columns=["level", "covered"], dtype=float).dropna()
    return {
        "x": found["level"].to_numpy() / 100,
        "y": found["covered"].to_numpy(),
        "name": name,
        "mode": "lines+markers",
        "marker": {"symbol": SYMBOLS[number % len(SYMBOLS)]},
        "line": {
            "color": COLOURS[number % len(COLOURS)],
            "dash": DASHES[number % len(DASHES)],
            "width": 2.2 if number == 0 else 1.2,
        },
    }
