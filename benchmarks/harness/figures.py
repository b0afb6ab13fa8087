"""The figures of a benchmark's report: arrays in, plotly figures out."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
import plotly.graph_objects as go
from plotly.colors import qualitative

from lstmopt.pareto import REFERENCE

from .contenders import BASELINE, DOUBLE
from .events import Study
from .measures import GRID, Front, TaskResults, course, points_of
from .scale import TaskScale
from .statistics import MeanRanks, StrategyComparison

_COLOURS = (*qualitative.Safe, *qualitative.Dark24)
_DASHES = ("solid", "dash", "dot", "dashdot")


_MOST_SHOWN = 6
"""Lines shown at first beside random search; a click on the legend shows the others."""


def _by_strategy(results: TaskResults, front: Front) -> dict[str, list[Study]]:
    """Group studies by strategy, the best mean hypervolume of a front first."""
    studies = results.studies
    names = dict.fromkeys(study.event.strategy for study in studies)
    found = {name: [s for s in studies if s.event.strategy == name] for name in names}
    means = {
        name: np.median([results.course(study, front).mean() for study in mine])
        for name, mine in found.items()
    }
    return {name: found[name] for name in sorted(found, key=lambda n: -means[n])}


def _shown(n: int, name: str) -> bool | str:
    return True if n < _MOST_SHOWN or name in (BASELINE, DOUBLE) else "legendonly"


def _style(n: int) -> dict[str, str]:
    """Tell lines apart by colour and dash, so that neither alone must be seen."""
    return {"color": _COLOURS[n % len(_COLOURS)], "dash": _DASHES[n % len(_DASHES)]}


def regrets(results: TaskResults, front: Front, words: str, axis: str = "epochs") -> go.Figure:
    """Draw median regret with quartiles over the budget, a line a strategy.

    ``words`` names the front.
    """
    best = results.best_known
    # the longest study is everyone's clock, where seconds are no budget of their own
    budget = max(s.event.seconds for s in results.studies) if axis == "seconds" else 0.0
    figure = go.Figure()
    for n, (name, mine) in enumerate(_by_strategy(results, front).items()):
        paths = [
            course(study, results.scale, front, axis, budget)
            if budget
            else results.course(study, front)
            for study in mine
        ]
        curves = [1 - path.at(GRID) / best for path in paths]
        low, middle, high = np.quantile(curves, [0.25, 0.5, 0.75], axis=0)
        line = _style(n)
        figure.add_scatter(
            x=[*GRID, *GRID[::-1]],
            y=[*high, *low[::-1]],
            fill="toself",
            line={"width": 0},
            fillcolor=line["color"],
            opacity=0.15,
            legendgroup=name,
            showlegend=False,
            visible=_shown(n, name),
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=GRID, y=middle, name=name, legendgroup=name, line=line, visible=_shown(n, name)
        )
    what = "epochs" if axis == "epochs" else f"{budget:.0f} seconds"
    figure.update_layout(
        title=f"Hypervolume regret of {words}, median and quartiles over seeds",
        xaxis_title=f"share of the budget ({what})",
        yaxis_title="regret (share of the best known hypervolume)",
    )
    return figure


def effects(comparisons: Sequence[StrategyComparison], words: str) -> go.Figure:
    """Draw each strategy's median difference to random search, with its bootstrap interval.

    ``words`` names the front.
    """
    ordered = sorted(comparisons, key=lambda c: -c.difference)
    figure = go.Figure()
    for verdict, symbol in (("better", "circle"), ("no difference", "circle-open"), ("worse", "x")):
        mine = [c for c in ordered if c.verdict == verdict]
        figure.add_scatter(
            x=[c.difference for c in mine],
            y=[c.strategy for c in mine],
            error_x={
                "array": [c.difference_interval[1] - c.difference for c in mine],
                "arrayminus": [c.difference - c.difference_interval[0] for c in mine],
            },
            mode="markers",
            marker={"symbol": symbol, "size": 9},
            name=verdict,
            customdata=[[c.superiority, c.p_holm] for c in mine],
            hovertemplate="%{x:.3f}, better on %{customdata[0]:.0%} of seeds, "
            "p = %{customdata[1]:.2g} after Holm<extra></extra>",
        )
    figure.add_vline(x=0, line_dash="dot")
    figure.update_layout(
        title=f"Mean regret of {words} against random search without pruning "
        "(95 % bootstrap interval)",
        xaxis_title="median difference; left is better",
        yaxis={"categoryorder": "array", "categoryarray": [c.strategy for c in ordered]},
        height=max(300, 26 * len(ordered) + 150),
    )
    return figure


def attainment(
    results: TaskResults, front: Front, words: str, objectives: Sequence[str]
) -> go.Figure:
    """Draw the front that half of a strategy's studies attain (Grunert da Fonseca et al., 2001).

    With more than two objectives the first two are drawn. ``words`` names the front.
    """
    figure = go.Figure()
    for n, (name, mine) in enumerate(_by_strategy(results, front).items()):
        surface = median_attainment(mine, results.scale, front)
        if len(surface) == 0:
            continue
        order = np.argsort(surface[:, 0])
        # from the reference's edge to its edge, as the surface runs on there
        x = [surface[order[0], 0], *surface[order, 0], REFERENCE]
        y = [REFERENCE, *surface[order, 1], surface[order[-1], 1]]
        line = _style(n) | {"shape": "hv"}
        visible = _shown(n, name)
        figure.add_scatter(x=x, y=y, name=name, line=line, mode="lines", visible=visible)
    figure.update_layout(
        title=f"Median attainment surface of {words}: what half of the studies reach",
        xaxis_title=f"{objectives[0]} (0 the best known, 1 the median)",
        yaxis_title=f"{objectives[1]} (0 to 1, log)" if len(objectives) > 1 else "",
    )
    return figure


def median_attainment(studies: Sequence[Study], scale: TaskScale, front: Front) -> np.ndarray:
    """Return the points [n, 2] of the surface that half of the studies attain, scaled."""
    sets = [scale.scaled([p.values for p in points_of(s, front)])[:, :2] for s in studies]
    if scale.scaled([]).shape[1] < 2 or sum(map(len, sets)) == 0:
        return np.empty((0, 2))
    labels = np.repeat(np.arange(len(sets)), [len(points) for points in sets])
    # a study without a point attains nothing, and still counts among them
    share = 50.0 * len(sets) / len(np.unique(labels))
    if share > 100:
        return np.empty((0, 2))
    surface: np.ndarray = moocore.eaf(np.concatenate(sets), labels, percentiles=[share])[:, :2]
    return surface


def ranks(ranking: MeanRanks, words: str) -> go.Figure:
    """Draw mean ranks; a bar at the right joins strategies that are not told apart (Demšar).

    ``words`` names the front.
    """
    names = sorted(ranking.ranks, key=lambda name: ranking.ranks[name])
    figure = go.Figure()
    figure.add_scatter(
        x=[ranking.ranks[name] for name in names],
        y=names,
        mode="markers",
        marker={"size": 10},
        name="mean rank",
    )
    for n, group in enumerate(ranking.groups()):
        figure.add_scatter(
            x=[len(names) + 0.3 * (n + 1)] * 2,
            y=[group[0], group[-1]],
            mode="lines",
            line={"width": 6, "color": "grey"},
            name="not told apart",
            showlegend=n == 0,
            hoverinfo="skip",
        )
    if ranking.critical_difference is None:
        title = f"Mean rank by {words} (too few tasks or strategies for a test across tasks)"
    else:
        title = (
            f"Mean rank by {words} over {ranking.tasks} tasks; Friedman p = {ranking.p:.2g}, "
            f"critical difference {ranking.critical_difference:.2f}"
        )
    figure.update_layout(
        title=title,
        xaxis_title="mean rank, 1 the best",
        yaxis={"categoryorder": "array", "categoryarray": names[::-1]},
        height=max(300, 26 * len(names) + 150),
    )
    return figure
