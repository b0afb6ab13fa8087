"""What was found: the forecasts of the choice beside truth and baselines, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.forecasting.forecast_table import ID, levels_in, models_in
from lstmopt.report.style import COLOURS, DASHES, FAN, GREY, SYMBOLS, axis_of, figure, note, plain
from lstmopt.report.terminal import METRIC_LABELS
from lstmopt.results.run import RunData

if TYPE_CHECKING:
    import plotly.graph_objects as go

Part = Literal["test", "validation"]
Metric = Literal["mae", "rmse", "mase", "smape", "r2", "bias"]
_SHOWN = 200
"""Rows in view at first; the others are reached by dragging."""
_MOST = 1_000
"""Rows drawn at most, the last ones."""


def models_of(run: RunData, rows: pd.DataFrame) -> list[str]:
    """Name what forecasts in a part of the table: the chosen network, others, the baselines."""
    there = [name for name in models_in(rows) if rows[name].notna().any()]
    chosen = run.results.chosen.label if run.results.chosen else ""
    return sorted(there, key=lambda name: (name != chosen, not name.startswith("trial ")))


def draw_forecasts(run: RunData, part: Part = "test", lead: int = 1) -> go.Figure:
    """Draw the last forecasts ``lead`` rows ahead beside the truth, and the network's errors."""
    target = run.results.study.target
    rows = _rows(run, part)
    if ID in rows:
        return draw_series(run, rows, part)
    rows = rows[rows["lead"] == lead].tail(_MOST)
    title = f"Forecasts of {target} on the {part} part, {_ahead(run, lead)}"
    drawn = figure(title, "", target, height=520)
    if rows.empty:
        return note(drawn, "no model has been chosen yet")
    # in few bytes: plotly takes milliseconds since 1970 for a date
    times = rows["time"].to_numpy("datetime64[ms]").astype(float)
    truth = {"color": GREY, "width": 2.5}
    models = models_of(run, rows)
    _add_fan(drawn, rows, models[0], times)
    drawn.add_scatter(x=times, y=rows["truth"].to_numpy(float), name="truth", line=truth)
    for n, name in enumerate(models):
        network = name.startswith(("trial ", "average "))
        drawn.add_scatter(
            x=times,
            y=rows[name].to_numpy(float),
            name=name,
            # no line would be seen of a sample of origins
            mode="markers" if rows[name].isna().any() else "lines",
            line={
                "color": COLOURS[n % len(COLOURS)],
                "dash": DASHES[n % len(DASHES)],
                "width": 1.6 if network else 1.2,
            },
            visible=True if n == 0 or name == "ridge" else "legendonly",
        )
    errors = rows[models[0]] - rows["truth"]
    drawn.add_bar(
        x=times,
        y=errors.to_numpy(np.float32),
        name=f"error of {models[0]}",
        marker={"color": COLOURS[0], "line": {"width": 0}},
        yaxis="y2",
        showlegend=False,
    )
    start = times[max(0, len(times) - _SHOWN)]
    drawn.update_xaxes(type="date", range=[start, times[-1]], anchor="y2")
    return drawn.update_layout(
        yaxis={"domain": [0.33, 1]},
        yaxis2={"domain": [0, 0.25], "title": {"text": "error"}, "anchor": "x"},
        hovermode="x unified",
    )


def draw_series(run: RunData, rows: pd.DataFrame, part: Part) -> go.Figure:
    """Draw the last forecast of the best, the median and the worst series of a panel."""
    from plotly.subplots import make_subplots

    target = run.results.study.target
    names = told_apart(run, rows)
    drawn = figure(
        f"Forecasts of {target} on the {part} part: series of least, median and most MASE"
    )
    if not names:
        return note(drawn, "no model has been chosen yet")
    titles = [plain(f"{kind}: {name}") for kind, name in names.items()]
    grid = make_subplots(rows=len(names), cols=1, subplot_titles=titles, vertical_spacing=0.09)
    grid.update_layout(drawn.layout, height=220 * len(names) + 60)
    models = models_of(run, rows)[:2]
    for place, name in enumerate(names.values(), 1):
        mine = rows[rows[ID] == name]
        lines = {"truth": ("truth", {"color": GREY, "width": 2.5})}
        lines |= {m: (m, {"color": COLOURS[n], "dash": DASHES[n]}) for n, m in enumerate(models)}
        for column, (label, line) in lines.items():
            grid.add_scatter(
                x=mine["time"],
                y=mine[column].to_numpy(float),
                name=label,
                mode="lines",
                line=line,
                legendgroup=label,
                showlegend=place == 1,
                row=place,
                col=1,
            )
    return grid


def told_apart(run: RunData, rows: pd.DataFrame) -> dict[str, str]:
    """Return the series of least, median and most error of those whose forecasts were kept."""
    chosen = run.results.chosen
    if chosen is None or rows.empty:
        return {}
    errors = run.series_errors.reindex(rows[ID].unique())
    column = f"{chosen.label} mase"
    if column not in errors or errors[column].isna().all():
        return {"first": str(errors.index[0])}
    ordered = errors[column].dropna().sort_values().index
    places = {"best": 0, "median": len(ordered) // 2, "worst": len(ordered) - 1}
    return {kind: str(ordered[place]) for kind, place in places.items()}


def draw_series_errors(run: RunData) -> go.Figure:
    """Draw how MASE is spread over the series of a panel, for every model."""
    drawn = figure("MASE of each series on the test part", "share of the series", "MASE at most")
    errors = run.series_errors
    columns = [name for name in errors if str(name).endswith(" mase")]
    if not columns:
        return note(drawn, "the study is of one series")
    shares = np.linspace(0, 1, min(len(errors), _POINTS))
    for n, column in enumerate(columns):
        known = errors[column].dropna()
        if known.empty:
            continue
        drawn.add_scatter(
            x=shares,
            y=np.quantile(known, shares),
            name=str(column).removesuffix(" mase"),
            mode="lines",
            line={"color": COLOURS[n % len(COLOURS)], "dash": DASHES[n % len(DASHES)]},
            visible=True if n < _COMPARED else "legendonly",
        )
    drawn.update_xaxes(tickformat=".0%")
    return drawn.update_yaxes(type="log")


_POINTS, _COMPARED = 400, 4


def _add_fan(drawn: go.Figure, rows: pd.DataFrame, model: str, times: NDArray[np.float64]) -> None:
    """Draw a model's intervals, the widest first; nothing where it has none here."""
    for level in reversed(levels_in(rows, model)):
        for end, fill in (("lo", None), ("hi", "tonexty")):
            values = rows[f"{model}-{end}-{level}"]
            if values.isna().all():
                continue
            drawn.add_scatter(
                x=times,
                y=values.to_numpy(np.float32),
                name=f"{level} % of {model}",
                legendgroup=level,
                showlegend=fill is not None,
                mode="lines",
                line={"width": 0},
                fill=fill,
                fillcolor=FAN,
                hoverinfo="skip",
            )


def draw_residuals(run: RunData, part: Part = "test") -> go.Figure:
    """Draw how the errors of every model are spread, over all leads."""
    rows = _rows(run, part).dropna(subset=["truth"])
    target = run.results.study.target
    drawn = figure(f"Errors on the {part} part", f"forecast minus truth ({target})", "share")
    if rows.empty:
        return note(drawn, "no model has been chosen yet")
    unit = pd.Series(1.0, rows.index)
    if ID in rows:
        unit = rows["truth"].abs().groupby(rows[ID]).transform("mean").replace(0, np.nan)
        drawn.update_xaxes(title_text="forecast minus truth, over the series' mean level")
    models = models_of(run, rows)
    errors = {name: ((rows[name] - rows["truth"]) / unit).dropna() for name in models}
    # what lies beyond is not drawn, so that the middle is seen
    reach = max(float(np.quantile(np.abs(e), 0.98)) for e in errors.values()) or 1.0
    edges = np.linspace(-reach, reach, 61)
    for n, (name, values) in enumerate(errors.items()):
        counts = np.histogram(values, edges)[0] / len(values)
        drawn.add_scatter(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            name=name,
            mode="lines",
            line={
                "shape": "hvh",
                "color": COLOURS[n % len(COLOURS)],
                "dash": DASHES[n % len(DASHES)],
                "width": 2.2 if n == 0 else 1.2,
            },
            hovertemplate="%{y:.1%} at %{x:.3g}",
        )
    return drawn.update_yaxes(tickformat=".0%", rangemode="tozero")


def draw_errors_by_lead(run: RunData, part: Part = "test", metric: Metric = "mae") -> go.Figure:
    """Draw a metric of every model over the rows ahead.

    On the test part as the record has it, over all windows; on the validation part (and in the
    record of an earlier version) the mean absolute error of the last forecasts.
    """
    unit = f" ({run.results.study.target})" if metric in ("mae", "rmse", "bias") else ""
    label = METRIC_LABELS[metric] + unit
    drawn = figure(f"{METRIC_LABELS[metric]} by rows ahead", "rows ahead", label)
    found = _recorded_by_lead(run, metric) if part == "test" else {}
    if not found and metric == "mae":
        found = _last_errors_by_lead(run, part)
    if not found:
        return note(drawn, "no model has been chosen yet, or its errors were not kept by lead")
    for n, (name, values) in enumerate(found.items()):
        drawn.add_scatter(
            x=np.arange(1, len(values) + 1),
            y=values,
            name=name,
            mode="lines+markers",
            marker={"symbol": SYMBOLS[n % len(SYMBOLS)]},
            line={"color": COLOURS[n % len(COLOURS)], "dash": DASHES[n % len(DASHES)]},
        )
    return drawn if metric in ("r2", "bias") else drawn.update_yaxes(rangemode="tozero")


def _recorded_by_lead(run: RunData, metric: Metric) -> dict[str, NDArray[np.float64]]:
    """Return a metric of the chosen network and each baseline [horizon], NaN for what is none."""
    chosen = run.results.chosen
    if chosen is None:
        return {}
    errors = {chosen.label: chosen.test, **(run.results.baselines or {})}
    return {
        name: np.array([getattr(entry, metric).mean for entry in each.by_lead], float)
        for name, each in errors.items()
        if each and each.by_lead
    }


def _last_errors_by_lead(run: RunData, part: Part) -> dict[str, NDArray[np.float64]]:
    """Return the mean absolute error of the forecasts that were kept, by model [horizon]."""
    rows = _rows(run, part).dropna(subset=["truth"])
    if rows.empty:
        return {}
    leads = np.arange(1, int(rows["lead"].max()) + 1)
    errors = {name: (rows[name] - rows["truth"]).abs() for name in models_of(run, rows)}
    return {
        name: by_row.groupby(rows["lead"]).mean().reindex(leads).to_numpy(float)
        for name, by_row in errors.items()
    }


def draw_latency(run: RunData) -> go.Figure:
    """Draw what a forecast of each architecture takes, with the interquartile range."""
    drawn = figure("Latency by architecture", "hidden_size", "latency_ms", height=380)
    table = pd.DataFrame(msgspec.to_builtins(run.results.architectures))
    if table.empty:
        return note(drawn, "no architecture was measured")
    for n, (layers, some) in enumerate(table.groupby("num_layers")):
        mine = some.sort_values("hidden_size")
        drawn.add_scatter(
            x=[plain(size) for size in mine["hidden_size"]],
            y=mine["latency_ms"].to_numpy(float),
            error_y={"array": mine["latency_spread_ms"].to_numpy(float) / 2},
            customdata=mine["parameters"].tolist(),
            hovertemplate="%{y:.3g} ms, %{customdata:,} parameters",
            mode="lines+markers",
            marker={"symbol": SYMBOLS[n % len(SYMBOLS)], "size": 8},
            line={"color": COLOURS[n % len(COLOURS)], "width": 1},
            name=f"{layers} layer" + ("" if layers == 1 else "s"),
        )
    drawn.update_xaxes(**axis_of(sorted(table["hidden_size"].unique().tolist())))
    return drawn.update_yaxes(type="log" if (table["latency_ms"] > 0).all() else "linear")


def _rows(run: RunData, part: Part) -> pd.DataFrame:
    rows = run.forecasts
    return rows[rows["part"] == part]


def _ahead(run: RunData, lead: int) -> str:
    step = run.results.study.step
    return f"{lead} row{'' if lead == 1 else 's'} ahead" + (f" (step {step})" if step else "")
