"""How the figures look: marks that differ in shape and colour, light and dark, names as text."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#808080",
)
"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008), and grey."""

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
FAN = "rgba(0, 114, 178, 0.18)"
"""Blue through which what lies behind is seen."""
FAR_FROM_BOTH = ((0.0, VERMILLION), (0.5, PURPLE), (1.0, BLUE))
"""A scale from good to bad that is seen on light and on dark."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x")


@dataclass(frozen=True)
class Mark:
    """How trials of one group are drawn: each by a shape and a colour of its own."""

    label: str
    symbol: str
    colour: str
    size: int

    def marker(self) -> dict[str, Any]:
        line = {"width": 1.5 if "open" in self.symbol else 0, "color": self.colour}
        return {"symbol": self.symbol, "color": self.colour, "size": self.size, "line": line}


MARKS = {
    "infeasible": Mark("never trained (a limit)", "square-open", ORANGE, 8),
    "failed": Mark("failed", "x-thin-open", GREY, 8),
    "pruned": Mark("stopped", "triangle-down-open", PURPLE, 8),
    "running": Mark("running", "hourglass-open", GREEN, 9),
    "interrupted": Mark("interrupted", "bowtie-open", GREEN, 9),
    "complete": Mark("complete, dominated", "circle", BLUE, 7),
    "front_stopped": Mark("on the front, stopped early", "diamond-open", VERMILLION, 11),
    "front": Mark("on the front", "diamond", VERMILLION, 11),
}
"""By group, in the order of drawing: the front lies on top."""
FRONT = ("front", "front_stopped")
"""The groups of trials that are on the front."""

BASELINE = Mark("baseline", "x", SKY, 10)
AVERAGE = Mark("average", "star", GREEN, 11)
"""How baselines and averages are drawn beside trials."""

OPEN = ("running", "interrupted")
"""The groups of trials that have not ended."""


def plain(text: object) -> str:
    """Return a text that plotly shows as it stands, whatever HTML it may hold."""
    return html.escape(str(text), quote=False)


def template(dark: bool = False) -> dict[str, Any]:
    """Return the layout that all figures share, as a plotly template."""
    ink, paper, grid = ("#e8e6e3", "#16181d", "#3a3f4a") if dark else ("#1b1f24", "#fff", "#d9dde3")
    axis = {
        "gridcolor": grid,
        "zerolinecolor": grid,
        "linecolor": grid,
        "automargin": True,
        "title": {"standoff": 8},
        "exponentformat": "none",
    }
    legend = {
        "orientation": "h",
        "y": 1.02,
        "yanchor": "bottom",
        "x": 0,
        "bgcolor": "rgba(0,0,0,0)",
    }
    return {
        "layout": {
            "font": {"color": ink, "family": "Open Sans, system-ui, sans-serif", "size": 13},
            "paper_bgcolor": paper,
            "plot_bgcolor": paper,
            "colorway": list(COLOURS),
            "xaxis": axis,
            "yaxis": axis,
            "legend": legend,
            "hoverlabel": {"bgcolor": paper, "font": {"color": ink}, "align": "left"},
            "margin": {"l": 60, "r": 20, "t": 84, "b": 50},
            "hovermode": "closest",
        }
    }


def figure(title: str, x: str = "", y: str = "", height: int = 420) -> go.Figure:
    """Begin a figure; titles are texts and may hold anything."""
    import plotly.graph_objects as go

    drawn = go.Figure(layout={"template": template(), "height": height})
    place = {"x": 0, "xref": "paper", "y": 1, "yref": "container", "yanchor": "top"}
    place |= {"pad": {"t": 14}}
    drawn.update_layout(title={"text": plain(title), "font": {"size": 15}, **place})
    drawn.update_xaxes(title_text=plain(x))
    drawn.update_yaxes(title_text=plain(y))
    return drawn


def note(drawn: go.Figure, text: str) -> go.Figure:
    """Say in the middle of a figure why nothing is drawn there."""
    drawn.update_xaxes(visible=False)
    drawn.update_yaxes(visible=False)
    place = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    return drawn.add_annotation(text=plain(text), **place)


def axis_of(values: Sequence[object]) -> dict[str, Any]:
    """Return an axis of categories in the order given, each by its name."""
    texts = [plain(value) for value in values]
    return {"type": "category", "categoryorder": "array", "categoryarray": texts}
