"""What mattered: importance, each hyperparameter against the loss, all at once, correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lstmopt.report.style import COLOURS, FAR_FROM_BOTH, MARKS, axis_of, figure, note, plain
from lstmopt.results.document import RangeEntry
from lstmopt.results.run import RunData

if TYPE_CHECKING:
    import plotly.graph_objects as go

_FEWEST_FOR_CORRELATION = 3
_MOST_CATEGORIES = 6


def draw_importance(run: RunData) -> go.Figure:
    """Draw the importance of each hyperparameter for each objective, with its interval."""
    judged = run.importances
    notes = [f"{found.objective}: {found.note}" for found in judged]
    drawn = figure("Importance (PED-ANOVA)", "share", height=380)
    names = list(dict.fromkeys(row.parameter for found in judged for row in found.rows))
    if not names:
        return note(drawn, "; ".join(notes))
    for n, found in enumerate(judged):
        rows = list(reversed(found.rows))
        drawn.add_bar(
            y=[plain(row.parameter) for row in rows],
            x=[row.share for row in rows],
            error_x={
                "array": [max(0.0, row.high - row.share) for row in rows],
                "arrayminus": [max(0.0, row.share - row.low) for row in rows],
                "thickness": 1,
            },
            orientation="h",
            name=plain(f"{found.objective} ({found.note})"),
            marker={
                "color": COLOURS[n % len(COLOURS)],
                "pattern": {"shape": ("", "/", ".", "x")[n % 4]},
            },
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )
    drawn.update_yaxes(**axis_of(names[::-1]))
    drawn.update_xaxes(range=[0, 1.02], tickformat=".0%")
    return drawn.update_layout(legend={"orientation": "v"}, margin={"t": 64 + 22 * len(judged)})


def draw_parameter(run: RunData, parameter: str) -> go.Figure:
    """Draw a hyperparameter of the complete trials against the first learned objective.

    On the logarithm where it was searched so; values that are choices side by side.
    """
    loss = (run.goals.learned or run.goals.objectives)[0].name
    drawn = figure(f"{loss} by {parameter}", parameter, loss, height=320)
    complete = run.trials[run.trials["state"] == "complete"]
    column = run.column(parameter)
    complete = complete[complete[column].notna()]
    if complete.empty:
        return note(drawn, "no complete trial has it")
    choices = choices_of(run, parameter)
    named = {choice: plain(choice) for choice in choices}  # 32.0 is the choice 32
    for group, mine in (("complete", ~complete["front"]), ("front", complete["front"])):
        rows, mark = complete[mine.astype(bool)], MARKS[group]
        if rows.empty:
            continue
        values = rows[column]
        drawn.add_scatter(
            x=[named.get(v, plain(v)) for v in values] if choices else values.to_numpy(float),
            y=rows[loss].to_numpy(float),
            customdata=rows.index.tolist(),
            hovertemplate="trial %{customdata}<br>%{x}: %{y:.4g}<extra></extra>",
            mode="markers",
            marker=mark.marker(),
            name=mark.label,
            showlegend=False,
        )
    if choices:
        drawn.update_xaxes(**axis_of(choices))
    elif is_log(run, parameter):
        drawn.update_xaxes(type="log", exponentformat="power")
    known = complete[loss].to_numpy(float)
    if known.min() > 0 and known.max() / known.min() > 20:
        drawn.update_yaxes(type="log")
    elif known.min() == known.max():
        margin = 0.1 * abs(known[0]) or 0.1
        drawn.update_yaxes(range=[known[0] - margin, known[0] + margin])
    return drawn


def draw_parallel(run: RunData) -> go.Figure:
    """Draw the complete trials as lines through hyperparameters and objectives."""
    import plotly.graph_objects as go

    complete = run.trials[run.trials["state"] == "complete"]
    drawn = figure("Parallel coordinates", height=460)
    if complete.empty:
        return note(drawn, "no trial is complete yet")
    names = [n for n in run.varying if complete[run.column(n)].notna().any()]
    loss = (run.goals.learned or run.goals.objectives)[0].name
    dimensions = [_dimension(run, complete, name) for name in [*names, *run.goals.names]]
    drawn.add_trace(
        go.Parcoords(
            dimensions=dimensions,
            line={
                "color": complete[loss].to_numpy(float),
                "colorscale": FAR_FROM_BOTH,
                "reversescale": run.goals.objectives[run.goals.names.index(loss)].direction
                == "maximize",
                "showscale": True,
                "colorbar": {"title": {"text": plain(loss)}},
            },
            labelangle=-20,
            labelside="bottom",
        )
    )
    return drawn.update_layout(margin={"l": 80, "r": 20, "t": 70, "b": 90})


def _dimension(run: RunData, trials: pd.DataFrame, name: str) -> dict[str, Any]:
    label, column = plain(name), name if name in run.goals.names else run.column(name)
    choices = choices_of(run, name) if name in run.parameters else []
    if choices:
        # what a trial does not have stands below all choices
        places = {choice: n for n, choice in enumerate(choices)}
        values = [places.get(value, -1) for value in trials[column]]
        missing = -1 in values
        return {
            "label": label,
            "values": values,
            "tickvals": [*([-1] if missing else []), *places.values()],
            "ticktext": [*(["none"] if missing else []), *(plain(c) for c in choices)],
            "range": [-1.2 if missing else -0.2, len(choices) - 0.8],
        }
    numbers = trials[column].to_numpy(float)
    scale = next((o.scale for o in run.goals.objectives if o.name == name), "linear")
    known = numbers[np.isfinite(numbers)]
    log = known.min() > 0 and (scale == "log" or (name in run.parameters and is_log(run, name)))
    shown = np.log10(numbers) if log else numbers
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    step = (high - low) / 4 or 0.1
    missing = bool(np.isnan(shown).any())
    below = low - step
    ticks = [low + n * step for n in range(5)] if high > low else [low]
    return {
        "label": label,
        "values": np.nan_to_num(shown, nan=below),
        "tickvals": [*([below] if missing else []), *ticks],
        "ticktext": [
            *(["none"] if missing else []),
            *(f"{10**tick if log else tick:.3g}" for tick in ticks),
        ],
        "range": [below if missing or high == low else low, high if high > low else high + step],
    }


def draw_correlations(run: RunData) -> go.Figure:
    """Draw the rank correlation (Spearman) of hyperparameters and objectives.

    Over complete trials. A hyperparameter of two names counts as 0 and 1, one of more names by each
    of them; one that never varied is left out.
    """
    drawn = figure("Rank correlation (Spearman)", height=620)
    trials = int((run.trials["state"] == "complete").sum())
    if trials < _FEWEST_FOR_CORRELATION:
        text = f"{trials} complete trials: a correlation needs {_FEWEST_FOR_CORRELATION}"
        return note(drawn, text)
    matrix = numbers(run).corr("spearman")
    names = [plain(name) for name in matrix.columns]
    drawn.add_heatmap(
        z=matrix.to_numpy(),
        x=names,
        y=names,
        zmin=-1,
        zmax=1,
        colorscale="RdBu",
        texttemplate="%{z:.2f}",
        hovertemplate="%{x}, %{y}: %{z:.2f}<extra></extra>",
        colorbar={"thickness": 12},
    )
    drawn.update_xaxes(type="category", tickangle=-40)
    return drawn.update_yaxes(type="category", autorange="reversed")


def numbers(run: RunData) -> pd.DataFrame:
    """Tabulate complete trials: a row a trial, its hyperparameters as numbers, its objectives."""
    complete = run.trials[run.trials["state"] == "complete"]
    columns: dict[str, Any] = {}
    for name in run.parameters:
        values = complete[run.column(name)]
        given = values.dropna()
        if _all_numbers(given):
            columns[name] = values.astype(float)
            continue
        categories = choices_of(run, name)
        # of two names, one says all; the second counts as 1
        shown = categories[1:] if len(categories) == 2 else categories[:_MOST_CATEGORIES]
        for category in shown:
            indicator = (values == category).astype(float).where(values.notna())
            columns[f"{name}={category}"] = indicator
    for name in run.goals.names:
        columns[name] = complete[name].astype(float)
    table = pd.DataFrame(columns)
    return table.loc[:, table.nunique() > 1]


def choices_of(run: RunData, parameter: str) -> list[Any]:
    """Return the values of a hyperparameter that is a choice, numbers in order; else nothing."""
    entry = run.results.study.space.get(parameter)
    seen = run.trials[run.column(parameter)].dropna().unique().tolist()
    if isinstance(entry, RangeEntry) or (entry is None and _all_numbers(pd.Series(seen))):
        return []
    values = list(dict.fromkeys([*(entry or ()), *seen]))
    return sorted(values) if _all_numbers(pd.Series(values)) else values


def is_log(run: RunData, parameter: str) -> bool:
    """Say whether a hyperparameter was searched on its logarithm."""
    entry = run.results.study.space.get(parameter)
    return isinstance(entry, RangeEntry) and entry.log


def _all_numbers(values: Sequence[Any] | pd.Series) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
