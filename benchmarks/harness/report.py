"""``bench report``: every figure and sentence, drawn from a benchmark's raw events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import pandas as pd
import plotly
import plotly.graph_objects as go
from rich.console import Console
from rich.table import Table

from lstmopt.errors import LstmoptError
from lstmopt.system.atomic_write import write_whole

from . import figures
from .benchmark import BenchmarkFolder, Record, TaskRecord
from .contenders import AGAIN, BASELINE
from .events import Study, read_studies
from .measures import shares_to_reach, tabulate
from .statistics import (
    MeanRanks,
    StrategyComparison,
    claims,
    compare,
    false_alarm,
    pairs,
    rank,
    sentences,
)

MEASURES = {
    "regret": "regret at the end of the budget",
    "area": "mean regret over the whole budget",
}
PRIMARY = "area"


@dataclass(frozen=True)
class Evidence:
    """Everything that a report says, before it is said."""

    record: Record
    studies: dict[str, list[Study]]
    rows: pd.DataFrame
    comparisons: dict[str, list[StrategyComparison]]
    rankings: dict[str, MeanRanks]
    shares: pd.DataFrame


def gather(folder: Path) -> Evidence:
    """Read a benchmark and compute its figures. Raises LstmoptError where nothing was run."""
    place = BenchmarkFolder(folder)
    record = place.read()
    studies = list(read_studies(place.events))
    if record is None or not studies:
        raise LstmoptError(
            f"a report needs a benchmark with finished studies, found none in {folder}: "
            "run lstmopt bench --replay bike_sharing first"
        )
    by_task = {
        task.name: [s for s in studies if s.event.task == task.name] for task in record.tasks
    }
    by_task = {name: found for name, found in by_task.items() if found}
    tasks = [task for task in record.tasks if task.name in by_task]
    rows = pd.concat([tabulate(by_task[t.name], t.scale, t.epochs) for t in tasks])
    wanted = pairs({name: p for name, p in record.parts.items() if name in set(rows.strategy)})
    shares = pd.concat(
        shares_to_reach(by_task[task.name], task.scale, wanted).assign(task=task.name)
        for task in tasks
    )
    return Evidence(
        record,
        by_task,
        rows,
        {measure: compare(rows, measure, wanted) for measure in MEASURES},
        {measure: rank(rows, measure) for measure in MEASURES},
        shares,
    )


def write_report(folder: Path) -> dict[str, Any]:
    """Write ``report.html`` and ``report.json`` into a benchmark's folder; return the latter."""
    evidence = gather(folder)
    summary = summarise(evidence)
    place = BenchmarkFolder(folder)
    write_whole(place.summary, msgspec.json.format(msgspec.json.encode(summary)))
    write_whole(place.report, render(evidence, summary))
    return summary


def summarise(evidence: Evidence) -> dict[str, Any]:
    """Say everything as plain values; what JSON cannot say (infinity) is null."""
    comparisons = evidence.comparisons[PRIMARY]
    alarms = false_alarm(comparisons)
    summary = {
        "tasks": [{"name": t.name, "epochs": t.epochs, **t.about} for t in evidence.record.tasks],
        "skipped": list(evidence.record.skipped),
        "seeds": evidence.record.seeds,
        "budget": msgspec.to_builtins(evidence.record.budget),
        "studies": len(evidence.rows),
        "seconds": evidence.record.seconds,
        "machine": evidence.record.machine,
        "versions": evidence.record.versions,
        "a_a": _a_a_sentence(comparisons, alarms),
        "a_a_holds": not alarms,
        "claims": claims(comparisons, evidence.shares, evidence.record.parts),
        "sentences": sentences(comparisons, evidence.shares),
        "strategies": _strategy_rows(evidence),
        "by_task": _task_rows(evidence),
        "comparisons": {
            measure: [asdict(c) | {"verdict": c.verdict} for c in found]
            for measure, found in evidence.comparisons.items()
        },
        "rankings": {measure: asdict(r) for measure, r in evidence.rankings.items()},
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(summary))
    return plain


def _a_a_sentence(
    comparisons: Sequence[StrategyComparison], alarms: Sequence[StrategyComparison]
) -> str:
    tasks = sum((c.strategy, c.other) == (AGAIN, BASELINE) for c in comparisons)
    if alarms:
        names = ", ".join(c.task for c in alarms)
        return (
            f"The A/A pair, one strategy under two names, differs on {names}: "
            "trust no difference of this size there."
        )
    return f"The A/A pair, one strategy under two names, does not differ on any of {tasks} tasks."


def _strategy_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Return one row a strategy over all tasks, best mean rank first."""
    ranks = evidence.rankings[PRIMARY].ranks
    rows = []
    for name, mine in evidence.rows.groupby("strategy", sort=False):
        shares = evidence.shares
        reach = shares[(shares.strategy == name) & (shares.other == BASELINE)].share
        stopped, front = mine.stopped.sum(), mine.front.sum()
        judged = bool(mine.front.notna().any())
        rows.append(
            {
                "strategy": name,
                "mean_rank": ranks.get(str(name)),
                "regret": float(mine.regret.median()),
                "area": float(mine.area.median()),
                "share_to_random": float(reach.median()) if len(reach) else None,
                "reached_random": float((reach < float("inf")).mean()) if len(reach) else None,
                "trials": float(mine.trials.median()),
                "stopped": float(mine.stopped.median()) if judged else None,
                "saved_epochs": float(mine.saved_epochs.median()) if judged else None,
                "false_prunes": float(mine.lost.sum() / stopped) if judged and stopped else None,
                "front_lost": float(mine.lost.sum() / front) if judged and front else None,
                "strategy_ms_a_trial": float(
                    1e3 * mine.strategy_seconds.sum() / max(1, mine.trials.sum())
                ),
                "strategy_share": float(
                    mine.strategy_seconds.sum()
                    / max(1e-9, mine.strategy_seconds.sum() + mine.seconds.sum())
                ),
                "peak_mib": float(mine.peak_mib.max()),
            }
        )
    return sorted(rows, key=lambda row: row["mean_rank"] or float("inf"))


def _task_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Return one row a task and strategy: median and quartiles over seeds."""
    rows = []
    for (task, name), mine in evidence.rows.groupby(["task", "strategy"], sort=False):
        row: dict[str, Any] = {"task": task, "strategy": name, "seeds": len(mine)}
        for measure in MEASURES:
            low, middle, high = mine[measure].quantile([0.25, 0.5, 0.75])
            row[measure] = {"median": middle, "quartiles": [low, high]}
        rows.append(row)
    return rows


def render(evidence: Evidence, summary: dict[str, Any]) -> str:
    """Return the report as one HTML page that needs nothing from outside."""
    source = (files("lstmopt_benchmarks") / "report.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(source).render(
        summary=summary,
        rank_figure=_embed(figures.ranks(evidence.rankings[PRIMARY])),
        task_figures=[
            (task.name, [_embed(figure) for figure in _task_figures(task, evidence)])
            for task in evidence.record.tasks
            if task.name in evidence.studies
        ],
        plotly_js=plotly.offline.get_plotlyjs(),
        measures=MEASURES,
        primary=PRIMARY,
    )


def _task_figures(task: TaskRecord, evidence: Evidence) -> list[go.Figure]:
    studies = evidence.studies[task.name]
    found = [c for c in evidence.comparisons[PRIMARY] if c.task == task.name]
    drawn = [
        figures.regrets(studies, task.scale),
        figures.effects([c for c in found if c.other == BASELINE]),
        figures.attainment(studies, task.scale, task.about["objectives"]),
    ]
    if task.about["kind"] == "real":
        drawn.insert(1, figures.regrets(studies, task.scale, axis="seconds"))
    return drawn


def _embed(figure: go.Figure) -> str:
    html: str = figure.to_html(full_html=False, include_plotlyjs=False)
    return html


def print_summary(summary: dict[str, Any], folder: Path) -> None:
    """Print the strategies, best first, and what can be said of them."""
    console = Console(width=None if Console().is_terminal else 160)
    columns = {
        "strategy": "strategy",
        "mean_rank": "mean rank",
        "area": "mean regret",
        "regret": "final regret",
        "share_to_random": "budget to random's front",
        "front_lost": "front lost",
        "saved_epochs": "epochs saved",
        "strategy_ms_a_trial": "own ms a trial",
    }
    table = Table(*columns.values())
    for row in summary["strategies"]:
        table.add_row(*(_cell(row[key]) for key in columns))
    console.print(table)
    for sentence in [*summary["claims"], summary["a_a"], *summary["skipped"]]:
        console.print(f"- {sentence}", highlight=False)
    console.print(f"report: {folder / 'report.html'}", highlight=False)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.3g}"
