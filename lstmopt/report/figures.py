"""An Optuna study -> plotly figures."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna
    import pandas as pd
    import plotly.graph_objects as go

_COLUMNS = 3
_FEWEST_FOR_IMPORTANCE = 10
_FEWEST_FOR_CORRELATION = 3
_BLUE, _RED = "#1f77b4", "#d62728"


@dataclass(frozen=True)
class _Panel:
    """One picture of the sheet; ``note`` stands in place of traces where there are none."""

    title: str
    traces: tuple[Any, ...] = ()
    x_title: str = ""
    y_title: str = ""
    x_log: bool = False
    note: str = ""


def results_figure(study: optuna.Study) -> go.Figure:
    """Draw a study on one sheet.

    Each objective over the trials; the front (of one objective: the best so far); the importance
    of each parameter by PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023); and each numeric
    parameter against the first objective.
    """
    from plotly.subplots import make_subplots

    panels = _panels(study)
    rows = math.ceil(len(panels) / _COLUMNS)
    sheet = make_subplots(
        rows,
        _COLUMNS,
        subplot_titles=[panel.title for panel in panels],
        vertical_spacing=0.22 / rows,
    )
    for number, panel in enumerate(panels):
        _place(sheet, panel, number // _COLUMNS + 1, number % _COLUMNS + 1)
    sheet.update_layout(
        title=f"Study {study.study_name}",
        showlegend=False,
        template="plotly_white",
        width=420 * _COLUMNS,
        height=340 * rows + 80,
    )
    return sheet


def correlations_figure(study: optuna.Study) -> go.Figure:
    """Draw the rank correlation (Spearman) of parameters and objectives over complete trials.

    A parameter of two names counts as 0 and 1, in the order of its choices; one of more names has
    no order and is left out, as is one that never varied.
    """
    import plotly.graph_objects as go

    matrix = rank_correlations(_numbers(study))
    figure = go.Figure(layout={"title": "Rank correlation (Spearman)", "template": "plotly_white"})
    trials = len(_complete(study))
    if trials < _FEWEST_FOR_CORRELATION:
        text = f"{trials} complete trials: a correlation needs {_FEWEST_FOR_CORRELATION}"
        return figure.add_annotation(text=text, showarrow=False, xref="paper", yref="paper")
    names = list(matrix.columns)
    figure.add_heatmap(
        z=matrix.to_numpy(),
        x=names,
        y=names,
        zmin=-1,
        zmax=1,
        colorscale="RdBu",
        texttemplate="%{z:.2f}",
    )
    figure.update_yaxes(autorange="reversed")
    return figure.update_layout(width=900, height=800)


def rank_correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's correlation [columns, columns], over the rows where both are there.

    NaN where either does not vary over those rows.
    """
    import pandas as pd

    names = list(table.columns)
    matrix = pd.DataFrame(math.nan, index=names, columns=names)
    for a in names:
        for b in names:
            # ranks among the common rows only: Spearman is Pearson on those
            pair = pd.DataFrame({"a": table[a], "b": table[b]}).dropna().rank()
            if (pair.nunique() > 1).all():
                matrix.loc[a, b] = pair["a"].corr(pair["b"])
    return matrix


def _panels(study: optuna.Study) -> list[_Panel]:
    histories = [_history(study, n) for n in range(len(study.directions))]
    overview = _front(study) if len(study.directions) > 1 else _best_so_far(study)
    numeric = [name for name in _parameters(study) if _is_number_everywhere(study, name)]
    slices = [_slice(study, name) for name in numeric]
    return [*histories, overview, _importance(study), *slices]


def _place(sheet: go.Figure, panel: _Panel, row: int, col: int) -> None:
    for trace in panel.traces:
        sheet.add_trace(trace, row, col)
    if panel.note:
        # an empty trace makes the axes that the note refers to
        sheet.add_scatter(x=[], y=[], row=row, col=col)
        sheet.add_annotation(
            text=panel.note,
            showarrow=False,
            xref="x domain",
            yref="y domain",
            x=0.5,
            y=0.5,
            row=row,
            col=col,
        )
    shown = {"visible": not panel.note, "row": row, "col": col}
    sheet.update_xaxes(title_text=panel.x_title, type="log" if panel.x_log else None, **shown)
    sheet.update_yaxes(title_text=panel.y_title, **shown)


def _history(study: optuna.Study, objective: int) -> _Panel:
    trials = _complete(study)
    name = metric_names(study)[objective]
    trace = _dots(
        [t.number for t in trials],
        [t.values[objective] for t in trials],
        [t.number for t in trials],
    )
    return _Panel(f"{name} over trials", (trace,), "trial", name)


def _front(study: optuna.Study) -> _Panel:
    """Draw all complete trials by their first two objectives, the front in red."""
    names, trials = metric_names(study), _complete(study)
    best = sorted(study.best_trials, key=lambda t: t.values)
    others = _dots([t.values[0] for t in trials], [t.values[1] for t in trials], _labels(trials))
    front = _dots(
        [t.values[0] for t in best], [t.values[1] for t in best], _labels(best), _RED, "lines"
    )
    return _Panel("Pareto front", (others, front), names[0], names[1])


def _best_so_far(study: optuna.Study) -> _Panel:
    name, trials = metric_names(study)[0], _complete(study)
    better = min if study.directions[0].name == "MINIMIZE" else max
    best = [better(t.values[0] for t in trials[: n + 1]) for n in range(len(trials))]
    trace = _dots([t.number for t in trials], best, _labels(trials), _RED, "lines")
    return _Panel("best so far", (trace,), "trial", name)


def _importance(study: optuna.Study) -> _Panel:
    title, trials = "parameter importance (PED-ANOVA)", len(_complete(study))
    if trials < _FEWEST_FOR_IMPORTANCE:
        note = f"too few complete trials: {trials} of {_FEWEST_FOR_IMPORTANCE}"
        return _Panel(title, note=note)
    import optuna
    import plotly.graph_objects as go

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shares = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
        )
    if not shares:
        return _Panel(title, note="no parameter varied")
    names = list(reversed(shares))
    bars = go.Bar(x=[shares[n] for n in names], y=names, orientation="h", marker_color=_BLUE)
    return _Panel(title, (bars,), "share")


def _slice(study: optuna.Study, parameter: str) -> _Panel:
    trials = [t for t in _complete(study) if parameter in t.params]
    name = metric_names(study)[0]
    log = any(getattr(t.distributions[parameter], "log", False) for t in trials)
    trace = _dots(
        [t.params[parameter] for t in trials], [t.values[0] for t in trials], _labels(trials)
    )
    return _Panel(f"{name} by {parameter}", (trace,), parameter, name, log)


def _dots(
    x: Sequence[Any], y: Sequence[Any], labels: Sequence[Any], color: str = _BLUE, kind: str = ""
) -> Any:
    import plotly.graph_objects as go

    mode = f"{kind}+markers" if kind else "markers"
    return go.Scatter(x=x, y=y, mode=mode, text=labels, marker={"color": color})


def _labels(trials: Sequence[optuna.trial.FrozenTrial]) -> list[str]:
    return [f"trial {t.number}" for t in trials]


def metric_names(study: optuna.Study) -> list[str]:
    """Name each objective of a study, by its number where it was given no name."""
    count = len(study.directions)
    return study.metric_names or (
        ["objective"] if count == 1 else [f"objective {n + 1}" for n in range(count)]
    )


def _complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    import optuna

    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def _parameters(study: optuna.Study) -> list[str]:
    """Name every parameter of a complete trial, in the order they first appear."""
    return list(dict.fromkeys(name for trial in _complete(study) for name in trial.params))


def _is_number_everywhere(study: optuna.Study, parameter: str) -> bool:
    values = [t.params[parameter] for t in _complete(study) if parameter in t.params]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _numbers(study: optuna.Study) -> pd.DataFrame:
    """Tabulate complete trials: a row a trial, its parameters as numbers and its objectives."""
    import pandas as pd

    trials = _complete(study)
    columns: dict[str, list[float]] = {}
    for name in _parameters(study):
        codes = None if _is_number_everywhere(study, name) else _codes(trials, name)
        if codes is None and not _is_number_everywhere(study, name):
            continue
        columns[name] = [
            math.nan if name not in t.params else (codes or {}).get(t.params[name], t.params[name])
            for t in trials
        ]
    for number, name in enumerate(metric_names(study)):
        columns[name] = [t.values[number] for t in trials]
    table = pd.DataFrame(columns, dtype=float)
    return table.loc[:, table.nunique() > 1]


def _codes(trials: Sequence[optuna.trial.FrozenTrial], name: str) -> dict[Any, int] | None:
    """Number the two choices of a parameter; None where it has more."""
    distributions = (t.distributions[name] for t in trials if name in t.params)
    choices = next((getattr(d, "choices", ()) for d in distributions), ())
    return {choice: n for n, choice in enumerate(choices)} if len(choices) == 2 else None
