"""The result document -> tables for a terminal."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lstmopt.errors import printable
from lstmopt.plugin.strategy import Objective
from lstmopt.report.deployed import deployed_lines
from lstmopt.report.intervals import (
    interval_cells,
    interval_columns,
    interval_lines,
    with_intervals,
)
from lstmopt.results.document import (
    Audit,
    AverageEntry,
    ChosenEntry,
    ForecastErrors,
    PointEntry,
    Spread,
    StudyResults,
    TrialEntry,
    VerdictEntry,
    baseline_values,
    epochs_of,
)
from lstmopt.search_space import describe_params

if TYPE_CHECKING:
    from lstmopt.results.comparison import FrontComparison
    from lstmopt.results.importance import Importance, Importances


def print_result(results: StudyResults, console: Console, folder: str) -> None:
    """Print the verdict, the front, and the test table of a finished run."""
    console.print(verdict_line(results), markup=False, highlight=False, soft_wrap=True)
    print_front(results, console)
    print_test(results, console)
    print_intervals(results, console)
    lines = (*interval_lines(results), hindsight_line(results), *deployed_lines(results))
    for line in filter(None, lines):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    budget = results.budget
    refused = f", {budget.infeasible} more never trained" if budget.infeasible else ""
    taken = f", {budget.taken_over} more taken over" if budget.taken_over else ""
    console.print(
        f"{budget.trials} trials{refused}{taken}, {budget.epochs_trained} epochs trained, "
        f"{budget.epochs_saved} saved by pruning, {budget.seconds:.0f} s; all in {folder}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def verdict_line(results: StudyResults) -> str:
    """Say in one sentence whether the chosen network is worth deploying."""
    chosen = results.chosen
    if chosen is None:
        return "The study was interrupted before a model was chosen: run the same command again."
    error = chosen.test.scaled.mse.mean
    if results.verdict and error is not None:
        return _tested(results, chosen, results.verdict)
    rivals = {
        name: scores.scaled.mse.mean
        for name, scores in (results.baselines or {}).items()
        if scores is not None and scores.scaled.mse.mean is not None
    }
    if error is None or not rivals:
        label = chosen.label.capitalize()
        return f"{label} was chosen; its test error has no number to compare."
    better = [name for name, mse in rivals.items() if mse <= error]
    if better:
        return (
            f"{_what(chosen).capitalize()} does not beat {' and '.join(better)} on the test part: "
            f"its error is {error:.4f}, theirs {', '.join(f'{rivals[n]:.4f}' for n in better)}."
        )
    best = min(rivals, key=lambda name: rivals[name])
    return (
        f"Deploy {chosen.named}: test error {error:.4f} against {rivals[best]:.4f} of "
        f"{best}, the best of {len(rivals)} baselines, at {chosen.latency_ms:.2f} ms a forecast."
    )


_MANY_TIMES = 9.0
"""More error than this, as a share of the baseline's, is said in times and not in per cent."""


def _tested(results: StudyResults, chosen: ChosenEntry, verdict: VerdictEntry) -> str:
    """Say what the test of a network against the best baseline came to."""
    cost = results.bar[verdict.baseline].latency_ms or 0.0
    costs = f"{chosen.latency_ms:.2g} ms a forecast against {cost:.2g} ms"
    fitted = sum(1 for entry in results.bar.values() if entry.latency_ms is not None)
    among = f"{verdict.baseline}, the best of {fitted} baselines on validation"
    if sample := results.bar[verdict.baseline].test_sample:
        among += f", on {sample}"
    if verdict.says == "no difference":
        cheaper = verdict.baseline if cost <= chosen.latency_ms else chosen.label
        return (
            f"No difference between {chosen.named} and {among} (p = {verdict.p:.2f}): deploy "
            f"what is cheaper, {cheaper} ({costs})."
        )
    better = verdict.says == "deploy"
    if verdict.difference < -_MANY_TIMES:
        fewest, times, most = (
            f"{1 - part:,.0f}" for part in (verdict.high, verdict.difference, verdict.low)
        )
        return (
            f"Do not deploy {_kind(chosen)} here: {chosen.named} has {times} times the error of "
            f"{among} (95 % interval {fewest} to {most}), at {costs}."
        )
    low, share, high = (
        100 * (part if better else -part)
        for part in sorted((verdict.low, verdict.difference, verdict.high), reverse=not better)
    )
    errors = (
        f"{share:.0f} % {'less' if better else 'more'} error than {among} "
        f"(95 % interval {low:.0f} to {high:.0f}), at {costs}"
    )
    if better:
        return f"Deploy {chosen.named}: {errors}."
    return f"Do not deploy {_kind(chosen)} here: {chosen.named} has {errors}."


def _kind(chosen: ChosenEntry) -> str:
    return "an average" if chosen.members else "a network"


def _what(chosen: ChosenEntry) -> str:
    return "the average" if chosen.members else "the network"


def hindsight_line(results: StudyResults) -> str:
    """Say what selecting on validation cost; nothing where that was not looked at."""
    found = results.hindsight
    if found is None:
        return ""
    among = f"In hindsight: of the {found.points} that could be chosen, {found.selected}"
    if found.selected == found.best:
        return f"{among} is best on validation and on the test part."
    return (
        f"{among}, the best on validation, has {found.cost:.1%} more squared error on the test "
        f"part than {found.best}, the best there."
    )


def print_front(
    results: StudyResults, console: Console, points: Sequence[PointEntry] | None = None
) -> None:
    """Print trials of the front and averages, or some ``points`` of them; mark the choice.

    Baselines come last.
    """
    names = results.goals.names
    points = results.points if points is None else points
    chosen = results.chosen and results.chosen.label
    table = Table("trial", *names, "trained", "parameters", title="Pareto front (validation)")
    trials = [point for point in points if isinstance(point, TrialEntry)]
    for trial in trials:
        mark = f"{trial.number} *" if trial.label == chosen else str(trial.number)
        values = (f"{trial.values[name]:.4g}" for name in names)
        words = trained_words(trial, results)
        table.add_row(mark, *values, words, _text(describe_params(trial.params)))
    table.add_section()
    for entry in points:
        if isinstance(entry, AverageEntry):
            mark = f"{entry.label} *" if entry.label == chosen else entry.label
            cells = (f"{entry.values[n]:.4g}" if n in entry.values else "–" for n in names)
            table.add_row(mark, *cells, "", _text(entry.words))
    table.add_section()
    for name, measured in baseline_values(results).items():
        cells = (f"{measured[n]:.4g}" if n in measured else "–" for n in names)
        table.add_row(_text(name), *cells, "", "baseline")
    console.print(table)


def trained_words(trial: TrialEntry, results: StudyResults) -> str:
    """Say whether a trial was trained to its end, or for how many epochs."""
    if trial.trained_to_end:
        return "to its end"
    each = results.budget.reports_per_epoch
    done, whole = epochs_of(trial.epochs, each), epochs_of(results.budget.reports, each)
    return f"{done:.3g} of {whole:.6g} epochs"


def front_plot(results: StudyResults, console: Console, picked: PointEntry | None = None) -> str:
    """Draw what was trained by a learned objective and another, in characters.

    The front as ○, averages as +, of them what was picked, or what was chosen where nothing was, as
    ●, baselines as ×. Empty where there is one objective or nothing was trained.
    """
    goals, front = results.goals, results.front_trials
    trained = [trial.values for trial in results.trials if trial.has_values]
    others = [o for o in goals.objectives if o is not goals.learned[0]]
    if not (trained and others):
        return ""
    drawn = {goals.learned[0].name, others[0].name}
    marked = picked or results.chosen
    label = marked and marked.label
    averages = [entry for entry in results.averages if drawn <= set(entry.values)]
    groups: dict[str, Sequence[Mapping[str, Any]]] = {
        "·": trained,
        "×": [row for row in baseline_values(results).values() if drawn <= set(row)],
        "○": [trial.values for trial in front],
        "+": [entry.values for entry in averages if entry.label != label],
        "●": [trial.values for trial in front if trial.label == label]
        + [entry.values for entry in averages if entry.label == label],
    }
    return scatter_plot(groups, others[0], goals.learned[0], console)


def scatter_plot(
    groups: Mapping[str, Sequence[Mapping[str, Any]]],
    across: Objective,
    up: Objective,
    console: Console,
) -> str:
    """Draw groups of values by two objectives in characters, each group by its own."""
    from uniplot import plot_to_string

    def log(objective: Objective) -> bool:
        values = [row[objective.name] for rows in groups.values() for row in rows]
        return objective.scale == "log" and min(values) > 0

    groups = {mark: rows for mark, rows in groups.items() if rows}
    width = max(20, min(60, console.width - 12))
    drawn: str = plot_to_string(
        [[row[up.name] for row in rows] for rows in groups.values()],
        [[row[across.name] for row in rows] for rows in groups.values()],
        x_as_log=log(across),
        y_as_log=log(up),
        character_set="ascii",
        force_ascii_characters=list(groups),
        color=False,
        width=width,
        height=12,
    )
    return f"{up.name}\n{_POWER.sub(_plain_number, drawn)}\n{across.name:>{width}}"


_POWER = re.compile(r"10\^(-?[\d.]+) *")


def _plain_number(power: re.Match[str]) -> str:
    """Write a tick of a logarithmic axis as the number it stands for, in the same room."""
    return f"{10 ** float(power[1]):.3g}".ljust(len(power[0]))


def print_importance(judged: Sequence[Importances], console: Console) -> None:
    """Print the shares of each hyperparameter by objective, with their intervals."""
    names = list(dict.fromkeys(row.parameter for found in judged for row in found.rows))
    table = Table("hyperparameter", *(found.objective for found in judged), title="importance")
    shares = [{row.parameter: row for row in found.rows} for found in judged]
    for name in names:
        table.add_row(name, *(_share(rows.get(name)) for rows in shares))
    if names:
        console.print(table)
    for found in judged:
        console.print(f"{found.objective}: {found.note}", markup=False, highlight=False)


def _share(row: Importance | None) -> str:
    return "–" if row is None else f"{row.share:.0%} ({row.low:.0%} to {row.high:.0%})"


def print_comparison(compared: FrontComparison, console: Console) -> None:
    """Print the fronts of runs in one plot, their hypervolumes and how they cover each other."""
    marks = [string.ascii_uppercase[n % 26] for n in range(len(compared.runs))]
    goals, fronts = compared.goals, [run.results.front_trials for run in compared.runs]
    others = [o for o in goals.objectives if o is not goals.learned[0]]
    if others and any(fronts):
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for mark, front in zip(marks, fronts, strict=True):
            groups.setdefault(mark, []).extend(trial.values for trial in front)
        print(scatter_plot(groups, others[0], goals.learned[0], console), file=console.file)
    covers = [f"covers {mark}" for mark in marks]
    table = Table("run", "trials", "front", "hypervolume", *covers, title="fronts on validation")
    for n, (mark, name) in enumerate(zip(marks, compared.names, strict=True)):
        table.add_row(
            _text(f"{mark} {name}"),
            str(compared.runs[n].results.budget.trials),
            str(len(fronts[n])),
            f"{compared.hypervolumes[n]:.1%}",
            *("–" if n == k else _percent(compared.coverage[n][k]) for k in range(len(covers))),
        )
    console.print(table)
    deployed = [
        f"{mark} deploys {run.results.chosen.named}: {_error_words(run.results.chosen)}"
        for mark, run in zip(marks, compared.runs, strict=True)
        if run.results.chosen
    ]
    for line in (*deployed, *(f"note: {notice}" for notice in compared.notices)):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _error_words(chosen: ChosenEntry) -> str:
    """Say the test error of what was chosen, in the verdict's unit, and what a forecast takes."""
    error = chosen.test.scaled.mse.mean
    words = "no number" if error is None else f"{error:.4g}"
    return f"test error {words}, {chosen.latency_ms:.2g} ms a forecast"


def _text(words: str) -> str:
    """Return words that rich and the terminal show as they stand."""
    return escape(printable(words))


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.0%}"


def test_errors(results: StudyResults) -> dict[str, ForecastErrors | None]:
    """Return the test errors of the chosen model and of the baselines, by name."""
    if results.chosen is None:
        return {}
    chosen = results.chosen
    label = chosen.label if chosen.members else f"network, {chosen.label}"
    return {label: chosen.test, **(results.baselines or {})}


METRIC_LABELS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mase": "MASE",
    "smape": "sMAPE (%)",
    "r2": "R²",
    "bias": "bias",
}
_PRINTED = ("mae", "rmse", "mase", "smape", "r2")
"""What a terminal has room for; the record and the report have all."""


def baseline_label(results: StudyResults, name: str) -> str:
    """Return what stands before test errors: a name, and on which origins where not on all."""
    sample = results.bar[name].test_sample if name in results.bar else None
    return f"{name} (on {sample})" if sample else name


def print_test(results: StudyResults, console: Console) -> None:
    """Print the chosen model's test errors beside the baselines', over all leads."""
    if results.chosen is None:
        return
    unit = f"MAE ({results.study.target})"
    columns = [_text(unit), *(METRIC_LABELS[name] for name in _PRINTED[1:]), "ms a forecast"]
    title = f"test part, opened once; {_seeds_words(results)}"
    table = Table("forecast", *columns, title=title)
    for name, test in test_errors(results).items():
        if test is None:
            table.add_row(name, *["not for this series"] * len(columns))
            continue
        latency = results.bar[name].latency_ms if name in results.bar else results.chosen.latency_ms
        label = _text(baseline_label(results, name))
        cells = (_cell(test.metric(metric)) for metric in _PRINTED)
        table.add_row(label, *cells, f"{latency or 0:.2g}")
    console.print(table)


def print_intervals(results: StudyResults, console: Console) -> None:
    """Print how often the test part's truth lay within intervals, and how wide they are."""
    columns = interval_columns(results)
    if not columns:
        return
    title = f"intervals on the test part ({_text(results.study.target)})"
    table = Table("forecast", *columns, title=title)
    for name, errors in with_intervals(results).items():
        table.add_row(_text(baseline_label(results, name)), *interval_cells(errors))
    console.print(table)


def _seeds_words(results: StudyResults) -> str:
    """Say over how many seeds the chosen trial was trained anew; an average has none."""
    if results.chosen and results.chosen.members:
        return "the average as it is deployed"
    seeds = seeds_of(results)
    if not seeds:
        return "the network is the search's own, not trained anew"
    return f"the network over {seeds} seed{'s' if seeds > 1 else ''}"


def seeds_of(results: StudyResults) -> int:
    """Count the refits of the chosen trial that ended well."""
    chosen = results.chosen and results.chosen.trial
    return next((f.seeds for f in results.finalists if f.trial == chosen), 1)


def audit_lines(audit: Audit) -> list[str]:
    """Say in sentences what an audit found."""
    replayed, different = audit.decisions_replayed, audit.decisions_different
    low, high = audit.interval
    lost, sampled = len(audit.lost), audit.sampled
    whole = sampled == audit.stopped
    again = sum(trial.repeated for trial in audit.trials)
    lines = [
        f"{replayed} decisions were made again from the record, "
        + (f"{len(different)} of them otherwise ({different[0]})" if different else "all the same")
        + ".",
        f"{sampled} of {audit.stopped} stopped trials were trained to their end ({again} "
        f"with the recorded losses bit for bit), {lost} of them to a front on which they are not.",
        f"False-prune rate: {lost / sampled:.0%}"
        + ("." if whole else f" (95 % interval {low:.0%} to {high:.0%})."),
    ]
    if audit.front:
        early = sum(not member.trained_to_end for member in audit.front)
        lines.append(
            f"Of the {len(audit.front)} trials of the front {early or 'none'} had been stopped; "
            "the refit trains them to their end."
        )
    if len(audit.deployed) > 1:
        early = sum(not member.trained_to_end for member in audit.deployed)
        lines.append(
            f"Of the {len(audit.deployed)} trials whose networks are deployed as an average "
            f"{early or 'none'} had been stopped."
        )
    if audit.front_gain is not None:
        lines.append(
            f"With them the front's hypervolume would have been {audit.front_gain:.1%} "
            f"larger; pruning saved {audit.epochs_saved:.0f} epochs."
        )
    return lines


def _cell(cell: Spread | None) -> str:
    if cell is None:
        return "–"
    if cell.mean is None:
        return "undefined"
    return f"{cell.mean:.4g}" + (f" ± {cell.std:.2g}" if cell.std else "")
