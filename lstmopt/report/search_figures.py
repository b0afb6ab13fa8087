"""How the search went: the front, its growth, the learning curves, what pruning did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.objectives import normalise
from lstmopt.pareto import GrowingFront, hypervolume
from lstmopt.report.measures import (
    Measure,
    curve_measure,
    default_axes,
    groups,
    measures,
    reports_per_epoch,
    staircase,
)
from lstmopt.report.style import (
    AVERAGE,
    BASELINE,
    FRONT,
    MARKS,
    OPEN,
    VERMILLION,
    Mark,
    figure,
    note,
    plain,
)
from lstmopt.results.document import TrialEntry, baseline_values
from lstmopt.results.run import RunData
from lstmopt.search_space import describe_params

if TYPE_CHECKING:
    import plotly.graph_objects as go

Over = Literal["trials", "epochs", "minutes"]
_OVER = {
    "trials": "trials closed",
    "epochs": "epochs trained, of closed trials",
    "minutes": "minutes since the first trial began",
}
MOST_CURVES = 400
"""Curves drawn beside those of the front; more are a smear."""


def draw_front(run: RunData, x: str | None = None, y: str | None = None) -> go.Figure:
    """Draw all trials by two measures, told apart by shape and colour; the front in steps.

    Averages and baselines stand beside them where they have both measures. A trial that has no such
    value lies at the bad edge.
    """
    found = measures(run)
    defaults = default_axes(run, found)
    across, up = found[x or defaults[0]], found[y or defaults[1]]
    drawn = figure("Pareto front", across.label, up.label, height=520)
    if run.trials.empty:
        return note(drawn, "no trial has ended yet")
    group, numbers, texts = groups(run), run.trials.index.to_numpy(), hover_texts(run)
    chosen = np.flatnonzero(np.isin(group, FRONT))
    if len(run.goals.objectives) == 2 and len(chosen) > 1:
        steps = staircase(across, chosen)
        drawn.add_scatter(
            x=across.placed[steps],
            y=up.placed[steps],
            customdata=numbers[steps].tolist(),
            mode="lines",
            line={"shape": "hv", "color": VERMILLION, "width": 1.5, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
            meta="front",
        )
    bar = baseline_values(run.results)
    baselines = {f"baseline {name}": values for name, values in bar.items()}
    _add_beside(drawn, "baselines", BASELINE, baselines, (across, up))
    averages = {f"{entry.label}: {entry.words}": entry.values for entry in run.results.averages}
    _add_beside(drawn, "averages", AVERAGE, averages, (across, up))
    for name, mark in MARKS.items():
        mine = np.flatnonzero(group == name)
        if not len(mine):
            continue
        drawn.add_scatter(
            x=across.placed[mine],
            y=up.placed[mine],
            customdata=numbers[mine].tolist(),
            hovertext=[texts[k] for k in mine],
            hoverinfo="text",
            mode="markers",
            marker=mark.marker(),
            name=f"{mark.label} ({len(mine)})",
        )
    drawn.update_xaxes(type="log" if across.log else "linear")
    drawn.update_yaxes(type="log" if up.log else "linear")
    return drawn


def _add_beside(
    drawn: go.Figure,
    meta: str,
    mark: Mark,
    values: Mapping[str, Mapping[str, float]],
    axes: tuple[Measure, Measure],
) -> None:
    """Mark what is no trial by what it has of two measures, hidden where none has both.

    The page finds it by ``meta``, in the order of the record.
    """
    if not values:
        return
    x, y = ([row.get(measure.name) for row in values.values()] for measure in axes)
    shown = sum(None not in place for place in zip(x, y, strict=True))
    drawn.add_scatter(
        x=x,
        y=y,
        text=[_text_beside(name, row) for name, row in values.items()],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        marker=mark.marker(),
        name=f"{mark.label} ({len(values)})",
        meta=meta,
        legendrank=2_000,  # below the trials in the picture, after them in the legend
        visible=bool(shown),
    )


def _text_beside(name: str, values: Mapping[str, float]) -> str:
    """Describe a baseline or an average in a few lines."""
    told = [f"{key} {values[key]:.4g}" for key in ("val_loss", "latency_ms") if key in values]
    return "<br>".join(plain(line) for line in (name, ", ".join(told)))


def hover_texts(run: RunData) -> list[str]:
    """Describe each trial in a few lines."""
    return [_hover_text(entry) for entry in run.entries]


def _hover_text(entry: TrialEntry) -> str:
    values = (f"{name} {value:.4g}" for name, value in entry.values.items() if value is not None)
    lines = [
        f"trial {entry.number}, {entry.state} after {entry.epochs} reports",
        ", ".join(values),
        describe_params(entry.params),
        entry.reason,
    ]
    return "<br>".join(plain(line) for line in lines if line)


def draw_history(run: RunData, over: Over = "trials") -> go.Figure:
    """Draw how the front grew over trials, epochs or minutes.

    As the share of its final hypervolume, objectives from 0 to 1 over all trials with values (on
    the logarithm where they are best read so) and reference 1.1. One objective: the best so far.
    """
    single = len(run.goals.objectives) == 1
    what = f"best {run.goals.names[0]}" if single else "share of the final hypervolume"
    drawn = figure(f"{what} over {over}", _OVER[over], what, height=340)
    closed = _in_order(run)
    if not _has_values(run, closed).any():
        return note(drawn, "no trial has given a report yet")
    height = _best_so_far(run, closed) if single else _hypervolume_so_far(run, closed)
    steps = np.flatnonzero(np.diff(height, prepend=np.nan) != 0)
    steps = np.union1d(steps, [len(height) - 1])
    drawn.add_scatter(
        x=_clock(run, closed, over)[steps],
        y=height[steps],
        customdata=closed.index[steps].tolist(),
        hovertemplate="trial %{customdata}: %{y:.4g}<extra></extra>",
        mode="lines",
        line={"shape": "hv", "color": VERMILLION},
        showlegend=False,
    )
    if not single:
        drawn.update_yaxes(range=[0, 1.05])
    return drawn


def _in_order(run: RunData) -> pd.DataFrame:
    """Return the closed trials in the order in which they were closed."""
    closed = run.trials[~run.trials["state"].isin(OPEN)]
    return closed.sort_values("ended", kind="stable", na_position="first")


def _has_values(run: RunData, closed: pd.DataFrame) -> pd.Series:
    """Say of each closed trial whether every objective of it is known."""
    known = closed[run.goals.names].notna().all(axis=1)
    return known & closed["state"].isin(["complete", "pruned"])


def _clock(run: RunData, closed: pd.DataFrame, over: Over) -> NDArray[np.float64]:
    if over == "trials":
        return np.arange(1.0, len(closed) + 1)
    if over == "epochs":
        return closed["epochs_trained"].to_numpy(float).cumsum() / reports_per_epoch(run)
    passed = closed["ended"] - closed["began"].min()
    minutes: NDArray[np.float64] = (passed / pd.Timedelta(minutes=1)).to_numpy(float)
    return np.nan_to_num(minutes)


def _best_so_far(run: RunData, closed: pd.DataFrame) -> NDArray[np.float64]:
    objective = run.goals.objectives[0]
    values = closed[objective.name].where(_has_values(run, closed)).to_numpy(float)
    if objective.direction == "maximize":
        return np.fmax.accumulate(values)
    return np.fmin.accumulate(values)


def _hypervolume_so_far(run: RunData, closed: pd.DataFrame) -> NDArray[np.float64]:
    """Return the hypervolume after each closed trial as a share of the last."""
    valued = _has_values(run, closed).to_numpy()
    values = closed[run.goals.names].to_numpy(float)
    signs = [o.minimised(1.0) for o in run.goals.objectives]
    scaled = normalise(values[valued] * signs, run.goals)
    front, reached, volumes = GrowingFront(), 0.0, []
    points = iter(scaled.tolist())
    for number, counts in enumerate(valued):
        if counts and front.add(number, next(points)):
            reached = hypervolume(front.points)
        volumes.append(reached)
    return np.array(volumes) / (reached or 1.0)


def draw_curves(run: RunData, measure: str | None = None) -> go.Figure:
    """Draw the learning curve of each trial; one that was stopped ends where it was stopped."""
    measure = measure or curve_measure(run)
    drawn = figure("Learning curves", "report", measure, height=460)
    curves = run.curves
    if curves.empty:
        return note(drawn, "nothing was trained yet")
    if run.goals.cumulative:  # a report is a fold, each after another number of epochs
        fold = curves.groupby(level="trial").cumcount() + 1
        curves = curves.droplevel("epoch").assign(epoch=fold.to_numpy())
        curves = curves.set_index("epoch", append=True)
    wide = curves[measure].unstack("epoch").reindex(run.trials.index)
    group = groups(run)
    shown = _shown_curves(group, wide.notna().any(axis=1).to_numpy())
    left_out = int(wide.notna().any(axis=1).sum()) - len(shown)
    texts = hover_texts(run)
    for name, mark in MARKS.items():
        mine = [k for k in shown if group[k] == name]
        if not mine:
            continue
        drawn.add_scatter(
            **_joined(wide.iloc[mine]),
            mode="lines",
            line={"color": mark.colour, "width": 2 if name in FRONT else 0.8},
            opacity=1.0 if name in FRONT else 0.45,
            hoverinfo="skip",
            name=mark.label,
            legendgroup=name,
        )
        ends = [_end(wide.iloc[k]) for k in mine]
        drawn.add_scatter(
            x=[x for x, _ in ends],
            y=[y for _, y in ends],
            customdata=run.trials.index[mine].tolist(),
            hovertext=[texts[k] for k in mine],
            hoverinfo="text",
            mode="markers",
            marker=mark.marker() | {"size": 7},
            name=mark.label,
            legendgroup=name,
            showlegend=False,
        )
    known = curves[measure].dropna()
    if len(known) and known.min() > 0 and known.max() / known.min() > 5:
        drawn.update_yaxes(type="log")
    if left_out:
        drawn.update_layout(title_text=f"Learning curves ({left_out} more are not drawn)")
    return drawn


def _shown_curves(group: NDArray[np.str_], trained: NDArray[np.bool_]) -> list[int]:
    """Choose the front's curves and, of too many others, some at random."""
    on_front = np.isin(group, FRONT)
    front, others = np.flatnonzero(trained & on_front), np.flatnonzero(trained & ~on_front)
    if len(others) > MOST_CURVES:
        others = np.random.default_rng(0).choice(others, MOST_CURVES, replace=False)
    return sorted([*front.tolist(), *others.tolist()])


def _joined(rows: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Return the curves of all rows as one line with gaps, in few bytes."""
    xs, ys = [], []
    reports = rows.columns.to_numpy()
    for values in rows.to_numpy(float):
        end = int(np.flatnonzero(np.isfinite(values)).max()) + 1
        xs.append(np.append(reports[:end], reports[end - 1]))
        ys.append(np.append(values[:end], np.nan))
    return {
        "x": np.concatenate(xs).astype(np.int16 if reports.max() < 2**15 else np.int32),
        "y": np.concatenate(ys).astype(np.float32),
    }


def _end(row: pd.Series) -> tuple[int, float]:
    known = row.dropna()
    return int(known.index[-1]), float(known.iloc[-1])


def draw_pruning(run: RunData) -> go.Figure:
    """Count the trials that ended at each report: stopped, complete, failed."""
    drawn = figure("Where trials ended", "report", "trials", height=320)
    trained = run.trials[(run.trials["epochs"] > 0) & ~run.trials["state"].isin(OPEN)]
    if trained.empty:
        return note(drawn, "no trial has ended yet")
    for state in ("pruned", "complete", "failed"):
        mine = trained[trained["state"] == state]["epochs"].value_counts().sort_index()
        if mine.empty:
            continue
        mark = MARKS[state]
        label = "complete" if state == "complete" else mark.label
        pattern = {"shape": {"pruned": "/", "complete": "", "failed": "x"}[state]}
        drawn.add_bar(
            x=mine.index.to_numpy(),
            y=mine.to_numpy(),
            name=label,
            marker={"color": mark.colour, "pattern": pattern},
        )
    return drawn.update_layout(barmode="stack")
