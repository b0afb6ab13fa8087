"""The fronts of several runs in one figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lstmopt.report.measures import default_axes, measures, staircase
from lstmopt.report.png import write_png
from lstmopt.report.style import COLOURS, DASHES, SYMBOLS, figure, note, plain
from lstmopt.results.comparison import FrontComparison
from lstmopt.system.atomic_write import write_whole

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw_comparison(compared: FrontComparison) -> go.Figure:
    """Draw the front of each run by a learned objective and another, in steps."""
    first = compared.runs[0]
    across_name, up_name = default_axes(first, measures(first))
    drawn = figure("Pareto fronts", across_name, up_name, height=520)
    logs = {"x": True, "y": True}
    for n, (name, run) in enumerate(zip(compared.names, compared.runs, strict=True)):
        found = measures(run)
        if run.front.empty or across_name not in found:
            continue
        across, up = found[across_name], found[up_name]
        logs = {"x": logs["x"] and across.log, "y": logs["y"] and up.log}
        steps = staircase(across, run.trials["front"].to_numpy(bool).nonzero()[0])
        drawn.add_scatter(
            x=across.values[steps],
            y=up.values[steps],
            customdata=run.trials.index[steps].tolist(),
            hovertemplate="trial %{customdata}: %{x:.4g}, %{y:.4g}",
            # with more than two objectives steps bound nothing
            mode="lines+markers" if len(compared.goals.objectives) == 2 else "markers",
            line={
                "shape": "hv",
                "color": COLOURS[n % len(COLOURS)],
                "dash": DASHES[n % len(DASHES)],
            },
            marker={"symbol": SYMBOLS[n % len(SYMBOLS)], "size": 9},
            name=plain(name),
        )
    if not drawn.data:
        return note(drawn, "none of the runs has a front yet")
    drawn.update_xaxes(type="log" if logs["x"] else "linear")
    return drawn.update_yaxes(type="log" if logs["y"] else "linear")


def write_comparison(compared: FrontComparison, out: Path) -> None:
    """Write the figure as a page that needs nothing from outside, or as a PNG file."""
    drawn = draw_comparison(compared)
    if out.suffix == ".png":
        write_png({out: drawn})
        return
    page: str = drawn.to_html(include_plotlyjs=True, config={"displaylogo": False})
    write_whole(out, page)
