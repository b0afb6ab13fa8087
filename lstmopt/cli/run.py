"""``lstmopt run``."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lstmopt.cli.shared import (
    PICKS,
    as_json,
    engine_option,
    make_console,
    print_results,
    write_report,
)
from lstmopt.errors import LstmoptError

_REPORT_SECONDS, _PICTURE_SECONDS = 4.0, 8.0
"""What the report takes, and the pictures beside it, which are drawn where so much is left."""
ORDERS = ["keep", "sort", "midnight_ends_day"]

if TYPE_CHECKING:
    from rich.console import Console

    from lstmopt.config.options import Config
    from lstmopt.search.observer import Observer


@click.command()
@click.argument("study", required=False, type=click.Path(path_type=Path))
@click.option("--data", help="A CSV, Excel, Parquet or Feather file, also .gz or .zip.")
@click.option("--target", help="Column to forecast.")
@click.option("--name", help="The study's; its table's or its file's by default.")
@click.option("--time", "time_columns", multiple=True, help="Time column; twice for date and hour.")
@click.option("--time-format", help="As for strptime, or ISO8601, quarter, week, s, ms, us, ns.")
@click.option("--timezone", help="Of the times, for instance Europe/Berlin.")
@click.option("--order", type=click.Choice(ORDERS), help="What is made of rows in no order.")
@click.option("--id", multiple=True, help="Column that tells series apart; one model for all.")
@click.option("--wide", is_flag=True, default=None, help="Each column of numbers is a series.")
@click.option("--series", multiple=True, metavar="[COLUMN=]VALUE", help="One of several series.")
@click.option("--feature", "features", multiple=True, help="Column used as input; repeatable.")
@click.option("--known", multiple=True, help="Column known in advance; repeatable.")
@click.option("--holidays", metavar="COUNTRY", help="Known in advance, for instance US or DE-BY.")
@click.option("--drop", multiple=True, help="Column left out; repeatable.")
@click.option("--missing", multiple=True, metavar="VALUE", help="Stands for none; repeatable.")
@click.option("--resample", metavar="STEP", help="Brings rows together, for instance to 1h.")
@click.option("--resample-with", type=click.Choice(["mean", "sum", "last"]))
@click.option("--window", type=int, help="Input steps of a forecast.")
@click.option("--horizon", type=int, help="Steps forecast at once.")
@click.option("--transform", type=click.Choice(["none", "log1p", "box_cox"]), help="Of the target.")
@click.option("--lower", type=float, help="What no forecast is below.")
@click.option("--upper", type=float, help="What no forecast is above.")
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=float,
    metavar="PER CENT",
    help="Intervals of this level, 80 and 90 by default; repeatable.",
)
@click.option(
    "--calibration", type=float, metavar="SHARE", help="Of validation, for intervals alone."
)
@click.option("--adaptive/--fixed", default=None, help="Whether intervals follow later errors.")
@click.option(
    "--scale",
    type=click.Choice(["constant", "ensemble", "bayesian", "dropout", "quantile"]),
    help="What makes some intervals wider than others.",
)
@click.option(
    "--quantiles",
    metavar="levels|none|SHARE,…",
    help="What networks are trained to forecast too: the intervals' ends, nothing, or others.",
)
@click.option(
    "--scale-by", type=click.Choice(["series", "all"]), help="What of a panel is scaled together."
)
@click.option("--validation-rows", type=int, help="Of each series, in place of a share.")
@click.option("--test-rows", type=int, help="Of each series, its last ones.")
@click.option("--validation-from", metavar="TIME", help="Where validation begins.")
@click.option("--test-from", metavar="TIME", help="Where the test part begins.")
@click.option("--folds", type=int, help="Trainings a candidate is judged by, each of earlier rows.")
@click.option("--gap", type=int, help="Rows left out between training and validation.")
@click.option("--network", "networks", multiple=True, help="Family of networks; repeatable.")
@click.option("--sampler", help="tpe, random, grid, nsga2 or a plug-in's.")
@click.option("--sampler-option", multiple=True, metavar="NAME=VALUE")
@click.option("--pruner", help="auto, none, median, halving, … or a plug-in's: lstmopt plugins.")
@click.option("--pruner-option", multiple=True, metavar="NAME=VALUE")
@click.option(
    "--tell-stopped",
    type=click.Choice(["nothing", "last", "extrapolated"]),
    help="What the sampler is told of stopped trials.",
)
@click.option("--max-latency-ms", type=float, help="What is slower is never trained.")
@click.option("--max-parameters", type=int, help="What is larger is never trained.")
@click.option("--max-memory", help="What training a candidate may take, for instance 2GB.")
@click.option("--max-trial-time", help="What takes longer is stopped, for instance 5m.")
@click.option(
    "--warm-start",
    multiple=True,
    metavar="RUN",
    help="An earlier run's folder or results, an Optuna storage's URL, or auto; repeatable.",
)
@click.option(
    "--warm-start-strategy", metavar="NAME[:KEY=VALUE,…]", help="What is made of earlier runs."
)
@click.option("--objective", "objectives", multiple=True, help="Repeatable.")
@click.option("--trials", type=int, help="Trials in all.")
@click.option("--epochs", type=int, help="Most epochs a trial.")
@click.option("--report-every", type=int, help="Optimiser steps; once an epoch by default.")
@click.option("--timeout", help="For instance 90s, 10m, 1h: from start to report.")
@click.option("--workers", type=int, help="Worker processes; one a core by default.")
@engine_option
@click.option("--latency-on", metavar="WORKER", help="Time forecasts there, not on this machine.")
@click.option("--storage", help="Database URL; a journal in the run's folder by default.")
@click.option("--device", help="auto, cpu or cuda.")
@click.option("--seed", type=int)
@click.option("--pick", type=PICKS, help="How the model is chosen from the front.")
@click.option(
    "--refit",
    type=click.Choice(["train", "all"]),
    help="Rows that the deployed network is trained on, after the test.",
)
@click.option("--plugin", "plugins", multiple=True, metavar="FILE", help="Plug-in for this run.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder.")
@click.option("--report/--no-report", default=True, help="Draw report.html and the pictures.")
@as_json
def run(study: Path | None, out: Path | None, report: bool, as_json: bool, **options: Any) -> None:
    """Search, choose, test and save; the same command goes on where it stopped.

    With neither STUDY (a TOML file) nor --data it runs the shipped example.
    """
    began = time.monotonic()
    config = _read_study(study, options)
    out = out or Path("runs") / config.name
    console = make_console(stderr=as_json)
    click.echo(f"study {config.name}: {config.budget.trials} trials, all in {out}", err=as_json)
    if config.workers != 1:
        from lstmopt.execution.forkserver import start_forkserver

        start_forkserver()
    from lstmopt.system.deadline import Deadline
    from lstmopt.workflow.run_study import run_study

    whole = Deadline(config.budget.seconds or math.inf, began)
    deadline = whole.keeping(_REPORT_SECONDS) if report else whole
    with _progress(config, console) as observer:
        results = run_study(config, out, observer=observer, deadline=deadline)
    print_results(results, console, out, as_json)
    if report:
        write_report(out, pictures=whole.left > _PICTURE_SECONDS)


def _read_study(study: Path | None, options: dict[str, Any]) -> Config:
    """Read the study file, the shipped one, or none, and lay the options over it.

    A table in place of a study file is taken as ``--data``.
    """
    from lstmopt.config.overrides import override
    from lstmopt.config.study_file import (
        TABLES,
        make_config,
        read_config,
        shipped_study,
        study_name,
    )

    if study is not None and study.suffix.lower() in TABLES:
        if options["data"]:
            raise LstmoptError(
                f"a study is of one table, found {study} and --data {options['data']}: give one"
            )
        options["data"], study = str(study), None
    if study is not None:
        return override(read_config(study), options)
    if options["data"]:
        return override(make_config({"name": study_name(options["data"])}), options)
    return override(read_config(shipped_study()), options)


@contextlib.contextmanager
def _progress(config: Config, console: Console) -> Iterator[Observer]:
    from lstmopt.cli.progress import LineProgress, LiveProgress

    trials = config.budget.trials
    if not console.is_terminal:
        yield LineProgress(console, trials)
        return
    from lstmopt.objectives import make_goals
    from lstmopt.plugin.registry import load_registry

    registry = load_registry(tuple(Path(p) for p in config.plugins))
    goals = make_goals([registry.objective(name) for name in config.objectives])
    with LiveProgress(console, trials, goals) as live:
        yield live
