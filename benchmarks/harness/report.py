"""``bench report``: every figure and sentence, drawn from a benchmark's raw events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import jinja2
import msgspec
import pandas as pd
import plotly
import plotly.graph_objects as go
from rich.console import Console
from rich.table import Column, Table

from lstmopt.errors import LstmoptError
from lstmopt.system.atomic_write import write_whole

from . import figures
from .benchmark import BenchmarkFolder, Record, TaskRecord
from .contenders import AGAIN, BASELINE
from .events import read_studies
from .measures import FRONTS, Front, TaskResults, shares_to_reach, tabulate
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

Measure = Literal["area", "regret"]
MEASURES: dict[Measure, str] = {
    "regret": "regret at the end of the budget",
    "area": "mean regret over the whole budget",
}
PRIMARY: Measure = "area"
WORDS: dict[Front, str] = {"trained": "everything trained", "finished": "finished trials"}


@dataclass(frozen=True)
class Evidence:
    """Everything that a report says, before it is said; by front and measure where they differ."""

    record: Record
    results: dict[str, TaskResults]
    rows: pd.DataFrame
    comparisons: dict[Front, dict[Measure, list[StrategyComparison]]]
    rankings: dict[Front, dict[Measure, MeanRanks]]
    shares: pd.DataFrame

    def shares_of(self, front: Front) -> pd.DataFrame:
        """Return when strategies hold what others end with, by one front."""
        return self.shares[self.shares.front == front]


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
        task.name: TaskResults(found, task.scale, task.epochs)
        for task in record.tasks
        if (found := [study for study in studies if study.event.task == task.name])
    }
    rows = pd.concat(map(tabulate, by_task.values()))
    wanted = pairs({name: p for name, p in record.parts.items() if name in set(rows.strategy)})
    shares = pd.concat(
        shares_to_reach(results, wanted).assign(task=task) for task, results in by_task.items()
    )
    return Evidence(
        record,
        by_task,
        rows,
        {f: {m: compare(rows, f"{f}_{m}", wanted) for m in MEASURES} for f in FRONTS},
        {f: {m: rank(rows, f"{f}_{m}") for m in MEASURES} for f in FRONTS},
        shares,
    )


def write_report(folder: Path) -> dict[str, Any]:
    """Write a report into a benchmark's folder: a page, its figures as JSON and a row a study.

    Returns what ``report.json`` holds.
    """
    evidence = gather(folder)
    summary = summarise(evidence)
    place = BenchmarkFolder(folder)
    write_whole(place.rows, evidence.rows.to_csv(index=False))
    write_whole(place.summary, msgspec.json.format(msgspec.json.encode(summary)))
    write_whole(place.report, render(evidence, summary))
    return summary


def summarise(evidence: Evidence) -> dict[str, Any]:
    """Say everything as plain values; what JSON cannot say (infinity) is null."""
    alarms = {f: false_alarm(evidence.comparisons[f][PRIMARY]) for f in FRONTS}
    summary = {
        "tasks": [{"name": t.name, "epochs": t.epochs, **t.about} for t in evidence.record.tasks],
        "skipped": list(evidence.record.skipped),
        "seeds": evidence.record.seeds,
        "budget": msgspec.to_builtins(evidence.record.budget),
        "studies": len(evidence.rows),
        "seconds": evidence.record.seconds,
        "machine": evidence.record.machine,
        "versions": evidence.record.versions,
        "a_a": [_a_a_sentence(front, evidence, alarms[front]) for front in FRONTS],
        "a_a_holds": not any(alarms.values()),
        "claims": {front: _claims(front, evidence) for front in FRONTS},
        "sentences": {front: _sentences(front, evidence) for front in FRONTS},
        "strategies": _strategy_rows(evidence),
        "by_task": _task_rows(evidence),
        "comparisons": {
            front: {
                measure: [asdict(c) | {"verdict": c.verdict} for c in found]
                for measure, found in by_measure.items()
            }
            for front, by_measure in evidence.comparisons.items()
        },
        "rankings": {
            front: {measure: asdict(found) for measure, found in by_measure.items()}
            for front, by_measure in evidence.rankings.items()
        },
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(summary))
    return plain


def _claims(front: Front, evidence: Evidence) -> list[str]:
    comparisons = evidence.comparisons[front][PRIMARY]
    return claims(comparisons, evidence.shares_of(front), evidence.record.parts)


def _sentences(front: Front, evidence: Evidence) -> list[str]:
    return sentences(evidence.comparisons[front][PRIMARY], evidence.shares_of(front))


def _a_a_sentence(front: Front, evidence: Evidence, alarms: Sequence[StrategyComparison]) -> str:
    comparisons = evidence.comparisons[front][PRIMARY]
    tasks = sum((c.strategy, c.other) == (AGAIN, BASELINE) for c in comparisons)
    pair = f"By {WORDS[front]}, the A/A pair, one strategy under two names,"
    if alarms:
        names = ", ".join(c.task for c in alarms)
        return f"{pair} differs on {names}: trust no difference of this size there."
    return f"{pair} does not differ on any of {tasks} tasks."


def _strategy_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Return one row a strategy over all tasks, best mean rank by everything trained first."""
    rows = []
    for name, mine in evidence.rows.groupby("strategy", sort=False):
        stopped = mine.stopped.sum()
        judged = bool(mine.front.notna().any())
        by_front: dict[str, Any] = {
            front: _front_row(str(name), mine, front, evidence) for front in FRONTS
        }
        rows.append(
            {"strategy": name}
            | by_front
            | {
                "trials": float(mine.trials.median()),
                "stopped": float(mine.stopped.median()) if judged else None,
                "saved_epochs": float(mine.saved_epochs.median()) if judged else None,
                "false_prunes": float(mine.finished_lost.sum() / stopped)
                if judged and stopped
                else None,
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
    return sorted(rows, key=lambda row: row[FRONTS[0]]["mean_rank"] or float("inf"))


def _front_row(
    name: str, mine: pd.DataFrame, front: Front, evidence: Evidence
) -> dict[str, float | None]:
    """Return what a strategy did by one front, over all tasks."""
    shares = evidence.shares_of(front)
    reach = shares[(shares.strategy == name) & (shares.other == BASELINE)].share
    whole = mine.front.sum()
    return {
        "mean_rank": evidence.rankings[front][PRIMARY].ranks.get(name),
        "regret": float(mine[f"{front}_regret"].median()),
        "area": float(mine[f"{front}_area"].median()),
        "share_to_random": float(reach.median()) if len(reach) else None,
        "reached_random": float((reach < float("inf")).mean()) if len(reach) else None,
        "front_lost": float(mine[f"{front}_lost"].sum() / whole) if whole else None,
    }


def _task_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Return one row a task, strategy and front: median and quartiles over seeds."""
    rows = []
    for (task, name), mine in evidence.rows.groupby(["task", "strategy"], sort=False):
        for front in FRONTS:
            row: dict[str, Any] = {"task": task, "strategy": name, "front": front}
            row["seeds"] = len(mine)
            for measure in MEASURES:
                low, middle, high = mine[f"{front}_{measure}"].quantile([0.25, 0.5, 0.75])
                row[measure] = {"median": middle, "quartiles": [low, high]}
            rows.append(row)
    return rows


def render(evidence: Evidence, summary: dict[str, Any]) -> str:
    """Return the report as one HTML page that needs nothing from outside."""
    source = (files("lstmopt_benchmarks") / "report.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(source).render(
        summary=summary,
        rank_figures=[
            _embed(figures.ranks(evidence.rankings[front][PRIMARY], WORDS[front]))
            for front in FRONTS
        ],
        task_figures=[
            (task.name, [_embed(figure) for figure in _task_figures(task, evidence)])
            for task in evidence.record.tasks
            if task.name in evidence.results
        ],
        plotly_js=plotly.offline.get_plotlyjs(),
        fronts=WORDS,
        measures=MEASURES,
        primary=PRIMARY,
    )


def _task_figures(task: TaskRecord, evidence: Evidence) -> list[go.Figure]:
    axes = ("epochs", "seconds") if task.about["kind"] == "real" else ("epochs",)
    drawn = []
    for front, words in WORDS.items():
        results = evidence.results[task.name]
        found = [c for c in evidence.comparisons[front][PRIMARY] if c.task == task.name]
        drawn += [figures.regrets(results, front, words, axis) for axis in axes]
        drawn.append(figures.effects([c for c in found if c.other == BASELINE], words))
        drawn.append(figures.attainment(results, front, words, task.about["objectives"]))
    return drawn


def _embed(figure: go.Figure) -> str:
    html: str = figure.to_html(full_html=False, include_plotlyjs=False)
    return html


FRONT_COLUMNS = {
    "mean_rank": "mean rank",
    "area": "mean regret",
    "regret": "final regret",
    "share_to_random": "budget to random's front",
    "front_lost": "front lost",
}
COLUMNS = {"saved_epochs": "epochs saved", "strategy_ms_a_trial": "own ms a trial"}


def print_summary(summary: dict[str, Any], folder: Path) -> None:
    """Print the strategies, best first, and what can be said of them; a table a front."""
    console = Console(width=None if Console().is_terminal else 160)
    for front, words in WORDS.items():
        console.print(_front_table(summary["strategies"], front, words))
        for sentence in summary["claims"][front]:
            console.print(f"- {sentence}", highlight=False)
    for sentence in [*summary["a_a"], *summary["skipped"]]:
        console.print(f"- {sentence}", highlight=False)
    console.print(f"report: {folder / 'report.html'}", highlight=False)


def _front_table(strategies: Sequence[dict[str, Any]], front: Front, words: str) -> Table:
    name = Column("strategy", overflow="fold")  # what tells two apart is often at the end
    table = Table(
        name,
        *FRONT_COLUMNS.values(),
        *COLUMNS.values(),
        title=f"by {words}",
        title_justify="left",
    )
    for row in sorted(strategies, key=lambda row: row[front]["mean_rank"] or float("inf")):
        cells = [row[front][key] for key in FRONT_COLUMNS] + [row[key] for key in COLUMNS]
        table.add_row(row["strategy"], *map(_cell, cells))
    return table


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
