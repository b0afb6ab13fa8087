"""A study -> figures."""

from __future__ import annotations

import optuna
import pandas as pd
import plotly.graph_objects as go
from optuna.distributions import CategoricalDistribution
from plotly.subplots import make_subplots

from lstmopt.front import front_mask

_FEWEST_FOR_IMPORTANCE = 10


def results_figure(study: optuna.Study) -> go.Figure:
    """Draw history, front, importance, and parameters against the first objective, on one sheet."""
    trials = _complete(study)
    numeric = [n for n in _parameters(trials) if _is_numeric(trials, n)]
    rows = 2 + (len(numeric) + 1) // 2
    titles = ["history", "front", "importance", "", *numeric]
    figure = make_subplots(rows, 2, subplot_titles=titles)
    _add_history(figure, trials, _names(study))
    _add_front(figure, trials, study)
    _add_importance(figure, study, trials)
    for n, name in enumerate(numeric):
        place = {"row": 3 + n // 2, "col": 1 + n % 2}
        x = [t.params.get(name) for t in trials]
        y = [t.values[0] for t in trials]
        figure.add_scatter(x=x, y=y, mode="markers", showlegend=False, **place)
        log = any(getattr(t.distributions.get(name), "log", False) for t in trials)
        figure.update_xaxes(type="log" if log else "linear", **place)
        figure.update_yaxes(title=_names(study)[0], **place)
    title = f"{study.study_name}: {len(trials)} complete trials"
    figure.update_layout(title=title, template="plotly_white", width=1200, height=340 * rows)
    return figure


def correlations_figure(study: optuna.Study) -> go.Figure:
    """Draw Spearman's rank correlation of parameters and objectives over the complete trials.

    Categories enter as numbers where they are numbers and by their order of choice elsewhere.
    """
    trials = _complete(study)
    table = pd.DataFrame(
        [
            {name: _as_number(t, name) for name in t.params}
            | dict(zip(_names(study), t.values, strict=True))
            for t in trials
        ]
    )
    # Pearson's correlation of ranks is Spearman's, pair by pair where a parameter does not apply
    matrix = table.rank().corr()
    figure = go.Figure(
        go.Heatmap(
            z=matrix.to_numpy(),
            x=list(matrix),
            y=list(matrix),
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            texttemplate="%{z:.2f}",
        )
    )
    figure.update_layout(title="rank correlation", template="plotly_white", width=900, height=800)
    figure.update_yaxes(autorange="reversed")
    return figure


def _complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def _names(study: optuna.Study) -> list[str]:
    default = [f"objective {n}" for n in range(len(study.directions))]
    return study.metric_names or default


def _parameters(trials: list[optuna.trial.FrozenTrial]) -> list[str]:
    return list(dict.fromkeys(name for t in trials for name in t.params))


def _is_numeric(trials: list[optuna.trial.FrozenTrial], name: str) -> bool:
    values = [t.params[name] for t in trials if name in t.params]
    return all(isinstance(v, int | float) for v in values)


def _as_number(trial: optuna.trial.FrozenTrial, name: str) -> float:
    value, distribution = trial.params[name], trial.distributions[name]
    if isinstance(distribution, CategoricalDistribution) and not isinstance(value, int | float):
        return float(distribution.choices.index(value))
    return float(value)


def _add_history(
    figure: go.Figure, trials: list[optuna.trial.FrozenTrial], names: list[str]
) -> None:
    numbers = [t.number for t in trials]
    for n, name in enumerate(names):
        y = [t.values[n] for t in trials]
        figure.add_scatter(x=numbers, y=y, mode="markers", name=name, row=1, col=1)
    figure.update_xaxes(title="trial", row=1, col=1)


def _add_front(
    figure: go.Figure, trials: list[optuna.trial.FrozenTrial], study: optuna.Study
) -> None:
    """Draw the front of the first two objectives, or the best so far of a single one."""
    place = {"row": 1, "col": 2}
    signs = [1 if d.name == "MINIMIZE" else -1 for d in study.directions]
    if len(signs) == 1:
        best = pd.Series([signs[0] * t.values[0] for t in trials]).cummin() * signs[0]
        figure.add_scatter(x=[t.number for t in trials], y=best, name="best so far", **place)
        return
    points = [[s * v for s, v in zip(signs, t.values, strict=True)] for t in trials]
    mask = front_mask(points)
    for label, wanted in (("dominated", False), ("front", True)):
        chosen = [t.values for t, kept in zip(trials, mask, strict=True) if kept == wanted]
        x, y = [v[1] for v in chosen], [v[0] for v in chosen]
        figure.add_scatter(x=x, y=y, mode="markers", name=label, **place)
    figure.update_xaxes(title=_names(study)[1], **place)
    figure.update_yaxes(title=_names(study)[0], **place)


def _add_importance(
    figure: go.Figure, study: optuna.Study, trials: list[optuna.trial.FrozenTrial]
) -> None:
    """Draw PED-ANOVA importances of the first objective (Watanabe et al., IJCAI 2023)."""
    place = {"row": 2, "col": 1}
    if len(trials) < _FEWEST_FOR_IMPORTANCE:
        text = f"{len(trials)} complete trials are too few to tell what mattered"
        figure.add_annotation(text=text, showarrow=False, x=0.5, y=0.5, **place)
        return
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    importances = optuna.importance.get_param_importances(
        study, evaluator=evaluator, target=lambda t: t.values[0]
    )
    figure.add_bar(x=list(importances), y=list(importances.values()), showlegend=False, **place)
