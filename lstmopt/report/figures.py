"""Every figure of a run by its name, and the sheets that hold several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lstmopt.report import (
    interval_figures,
    measures,
    model_figures,
    parameter_figures,
    search_figures,
)
from lstmopt.report.model_figures import Metric, Part
from lstmopt.report.search_figures import Over
from lstmopt.report.style import plain, template
from lstmopt.results.run import RunData

if TYPE_CHECKING:
    import plotly.graph_objects as go

_COLUMNS = 3


@dataclass(frozen=True)
class Figures:
    """The figures of a run, each a ``plotly.graph_objects.Figure`` drawn when it is asked for."""

    run: RunData

    def front(self, x: str | None = None, y: str | None = None) -> go.Figure:
        """All trials by two measures (``measures()`` names them), the Pareto front marked."""
        return search_figures.draw_front(self.run, x, y)

    def measures(self) -> list[str]:
        """What the front can be drawn by."""
        return list(measures.measures(self.run))

    def history(self, over: Over = "trials") -> go.Figure:
        """The front's growth over ``trials``, ``epochs`` or ``minutes``."""
        return search_figures.draw_history(self.run, over)

    def curves(self, measure: str | None = None) -> go.Figure:
        """Learning curves of ``val_loss``, ``val_r2``, ``val_mae``, ``train_loss`` or an objective.

        Of objectives, those of the kind ``forecast`` are recorded with each report.
        """
        return search_figures.draw_curves(self.run, measure)

    def pruning(self) -> go.Figure:
        """Where trials ended."""
        return search_figures.draw_pruning(self.run)

    def importance(self) -> go.Figure:
        """The importance of each hyperparameter for each objective."""
        return parameter_figures.draw_importance(self.run)

    def parameter(self, name: str) -> go.Figure:
        """One hyperparameter against the first learned objective."""
        return parameter_figures.draw_parameter(self.run, name)

    def parameters(self) -> go.Figure:
        """Every hyperparameter that varied against the first learned objective, on one sheet."""
        return compose([self.parameter(name) for name in self.run.varying], "")

    def parallel(self) -> go.Figure:
        """The complete trials as lines through all hyperparameters and objectives."""
        return parameter_figures.draw_parallel(self.run)

    def correlations(self) -> go.Figure:
        """The rank correlation of hyperparameters and objectives."""
        return parameter_figures.draw_correlations(self.run)

    def latency(self) -> go.Figure:
        """What a forecast of each architecture takes."""
        return model_figures.draw_latency(self.run)

    def forecasts(self, part: Part = "test", lead: int = 1) -> go.Figure:
        """The last forecasts beside the truth; of every finalist on the ``validation`` part."""
        return model_figures.draw_forecasts(self.run, part, lead)

    def series_errors(self) -> go.Figure:
        """How MASE is spread over the series of a panel."""
        return model_figures.draw_series_errors(self.run)

    def residuals(self, part: Part = "test") -> go.Figure:
        """How the errors are spread."""
        return model_figures.draw_residuals(self.run, part)

    def errors_by_lead(self, part: Part = "test", metric: Metric = "mae") -> go.Figure:
        """A metric of the test part over the rows ahead: MAE, or any that the record has."""
        return model_figures.draw_errors_by_lead(self.run, part, metric)

    def coverage(self) -> go.Figure:
        """How often the truth lay within the intervals, over the test part's time."""
        return interval_figures.draw_coverage(self.run)

    def reliability(self) -> go.Figure:
        """How often the truth lay within intervals of each level."""
        return interval_figures.draw_reliability(self.run)

    def all(self) -> dict[str, go.Figure]:
        """Return every figure by its name, in the order of the report."""
        over: Sequence[Over] = ("trials", "epochs", "minutes")
        drawn = {"front": self.front(), "forecasts": self.forecasts()}
        if not self.run.series_errors.empty:
            drawn |= {"series_errors": self.series_errors()}
        drawn |= {"residuals": self.residuals(), "errors_by_lead": self.errors_by_lead()}
        drawn |= {"coverage": self.coverage(), "reliability": self.reliability()}
        drawn |= {f"history_{each}": self.history(each) for each in over}
        drawn |= {"curves": self.curves(), "importance": self.importance()}
        drawn |= {f"parameter_{name}": self.parameter(name) for name in self.run.varying}
        drawn |= {"parallel": self.parallel(), "correlations": self.correlations()}
        return drawn | {"latency": self.latency(), "pruning": self.pruning()}

    def sheet(self) -> go.Figure:
        """History, front, importance and each hyperparameter against the loss, on one sheet."""
        slices = [self.parameter(name) for name in self.run.varying]
        drawn = [self.history(), self.front(), self.importance(), *slices]
        return compose(drawn, f"Study {self.run.name}")


def compose(figures: Sequence[go.Figure], title: str) -> go.Figure:
    """Put figures with plain axes on one sheet, each under its own title."""
    from plotly.subplots import make_subplots

    rows = max(1, math.ceil(len(figures) / _COLUMNS))
    titles = [drawn.layout.title.text for drawn in figures]
    sheet = make_subplots(rows, _COLUMNS, subplot_titles=titles, vertical_spacing=0.25 / rows)
    for n, drawn in enumerate(figures):
        place = {"row": n // _COLUMNS + 1, "col": n % _COLUMNS + 1}
        for trace in drawn.data:
            sheet.add_trace(trace, **place)
        notes = drawn.layout.annotations
        if notes and not drawn.data:
            sheet.add_scatter(x=[], y=[], **place)  # makes the axes that the note refers to
        for said in notes:
            domain = {"xref": "x domain", "yref": "y domain", "x": 0.5, "y": 0.5}
            sheet.add_annotation(text=said.text, showarrow=False, **domain, **place)
        sheet.update_xaxes(_axis(drawn.layout.xaxis), **place)
        sheet.update_yaxes(_axis(drawn.layout.yaxis), **place)
    return sheet.update_layout(
        template=template(),
        title={"text": plain(title), "x": 0.01, "xref": "container"},
        showlegend=False,
        barmode="group",
        width=420 * _COLUMNS,
        height=340 * rows + 80,
        margin={"t": 90},
    )


def _axis(axis: Any) -> dict[str, Any]:
    kept = axis.to_plotly_json()
    return {name: value for name, value in kept.items() if name not in ("anchor", "domain")}
