"""One short function a command: parse, call, print."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from lstmopt_benchmarks.cli import bench

from lstmopt.errors import LstmoptError, printable
from lstmopt.system.signals import ignore_from_now_on, terminate_as_interrupt

if TYPE_CHECKING:
    from rich.console import Console

    from lstmopt.config.study_file import Config
    from lstmopt.plugin.registry import Kind
    from lstmopt.search.observer import Observer

KINDS = click.Choice(["sampler", "pruner", "warm-start", "objective"])
PICKS = click.Choice(["knee", "best", "fastest"])
run_folder = click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
engine_option = click.option(
    "--engine",
    metavar="URL",
    help="A Dask scheduler such as tcp://host:8786, dask for a cluster here, or local.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lstmopt")
def cli() -> None:
    """Which LSTM should I deploy, given that it must be accurate and fast?"""


@cli.command()
@click.argument("study", required=False, type=click.Path(path_type=Path))
@click.option("--data", help="CSV (also .gz) or Parquet file.")
@click.option("--target", help="Column to forecast.")
@click.option("--time", "time_columns", multiple=True, help="Time column; twice for date and hour.")
@click.option("--feature", "features", multiple=True, help="Column used as input; repeatable.")
@click.option("--drop", multiple=True, help="Column left out; repeatable.")
@click.option("--window", type=int, help="Input steps of a forecast.")
@click.option("--horizon", type=int, help="Steps forecast at once.")
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
@click.option("--timeout", help="For instance 90s, 10m, 1h.")
@click.option("--workers", type=int, help="Worker processes; one a core by default.")
@engine_option
@click.option("--latency-on", metavar="WORKER", help="Time forecasts there, not on this machine.")
@click.option("--storage", help="Database URL; a journal in the run's folder by default.")
@click.option("--device", help="auto, cpu or cuda.")
@click.option("--seed", type=int)
@click.option("--pick", type=PICKS, help="How the model is chosen from the front.")
@click.option("--plugin", "plugins", multiple=True, metavar="FILE", help="Plug-in for this run.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder.")
@click.option("--report/--no-report", default=True, help="Draw report.html and the pictures.")
@as_json
def run(study: Path | None, out: Path | None, report: bool, as_json: bool, **options: Any) -> None:
    """Search, choose, test and save; the same command goes on where it stopped.

    With neither STUDY (a TOML file) nor --data it runs the shipped example.
    """
    config = _read_study(study, options)
    out = out or Path("runs") / config.name
    console = _console(stderr=as_json)
    click.echo(f"study {config.name}: {config.budget.trials} trials, all in {out}", err=as_json)
    if config.workers != 1:
        from lstmopt.execution.forkserver import start_forkserver

        start_forkserver()
    from lstmopt.workflow.run_study import run as run_study

    with _progress(config, console) as observer:
        document = run_study(config, out, observer=observer)
    _print_run(document, console, out, as_json)
    if report:
        _write_report(out)


@cli.command()
@run_folder
@click.option("--pick", help="knee, best, fastest or a trial's number.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV and nothing else.")
@as_json
def pareto(run_folder: Path, pick: str | None, as_csv: bool, as_json: bool) -> None:
    """Print the front of a run."""
    from lstmopt.results.document import front_rows
    from lstmopt.results.run import load
    from lstmopt.results.selection import pick_row

    document = dict(load(run_folder).document)
    rows, explanation, picked = front_rows(document), "", (document["chosen"] or {}).get("trial")
    if pick:
        row, explanation = pick_row(document, pick)
        rows, picked = [row], row["trial"]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif as_csv:
        import pandas as pd

        click.echo(pd.json_normalize(rows).to_csv(index=False), nl=False)
    else:
        from lstmopt.report.terminal import front_plot, print_front

        console = _console()
        print_front(document | {"front": [row["trial"] for row in rows]}, console)
        if plot := front_plot(document, console, picked):
            click.echo(plot)
        if explanation:
            click.echo(explanation)


@cli.command()
@run_folder
@click.option("--trial", type=int, help="A complete trial; without it the choice is made again.")
@click.option("--pick", type=PICKS, help="How to choose where no trial is named.")
@engine_option
@as_json
def fit(run_folder: Path, trial: int | None, as_json: bool, **options: str | None) -> None:
    """Refit a trial over several seeds, test it and save it in the run's folder."""
    from lstmopt.config.study_file import override, read_config
    from lstmopt.workflow.run_study import refit_trial

    _results(run_folder)
    config = override(read_config(run_folder / "study.toml"), options)
    console = _console(stderr=as_json)
    document = refit_trial(config, run_folder, trial)
    _print_run(document, console, run_folder, as_json)
    _write_report(run_folder)


@cli.command()
@run_folder
@click.option("--sample", type=click.IntRange(1), default=20, show_default=True)
@click.option("--seed", type=int, default=0, help="Draws the sample.")
@engine_option
@as_json
def audit(run_folder: Path, sample: int, seed: int, engine: str | None, as_json: bool) -> None:
    """Say how often pruning was wrong: train a sample of stopped trials to their end."""
    from lstmopt.cli.progress import LineProgress
    from lstmopt.config.study_file import override, read_config
    from lstmopt.report.terminal import audit_lines
    from lstmopt.results.run import load
    from lstmopt.workflow.pruning_audit import audit_run

    _results(run_folder)
    config = override(read_config(run_folder / "study.toml"), {"engine": engine})
    observer = LineProgress(_console(stderr=True), config.budget.trials)
    document = audit_run(config, run_folder, sample, seed, observer)
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(audit_lines(document)))
    click.echo(f"report: {load(run_folder).write_report()}", err=True)


@cli.command()
@run_folder
@click.option("--png", is_flag=True, help="Draw every figure as a PNG file too.")
def report(run_folder: Path, png: bool) -> None:
    """Write report.html and the pictures of a run, finished or not."""
    _write_report(run_folder, png, sys.stdout)


@cli.command()
@run_folder
@as_json
def importance(run_folder: Path, as_json: bool) -> None:
    """Say how much each hyperparameter mattered, objective by objective."""
    from dataclasses import asdict

    from lstmopt.results.run import load

    judged = load(run_folder).importances
    if as_json:
        click.echo(json.dumps([asdict(found) for found in judged], indent=2))
        return
    from lstmopt.report.terminal import print_importance

    print_importance(judged, _console())


@cli.command()
@click.argument("runs", metavar="RUN RUN…", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("comparison.html"),
    show_default=True,
    help="The figure: .html, or .png where there is a browser.",
)
@as_json
def compare(runs: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Put the fronts of several runs beside each other: one figure, hypervolumes, coverage."""
    from lstmopt.report.comparison_figure import write_comparison
    from lstmopt.report.terminal import print_comparison
    from lstmopt.results.comparison import compare as compare_runs
    from lstmopt.results.run import load

    compared = compare_runs([load(run) for run in runs])
    write_comparison(compared, out)
    if as_json:
        click.echo(json.dumps(compared.as_json(), indent=2))
        return
    print_comparison(compared, _console())
    click.echo(f"figure: {out}")


@cli.command()
@run_folder
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0 takes a free one.",
)
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
def dashboard(run_folder: Path, host: str, port: int, open_it: bool) -> None:
    """Serve optuna-dashboard on the run's storage until Ctrl-C, also while the run goes on."""
    from lstmopt.report.dashboard import serve
    from lstmopt.results.run import load

    def announce(address: str) -> None:
        click.echo(f"dashboard: {address} (Ctrl-C ends it)")
        if open_it:
            click.launch(address)

    with contextlib.suppress(KeyboardInterrupt):
        serve(load(run_folder), host, port, announce)


@cli.command("copy-study")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy_study(source: str, target: str) -> None:
    """Copy a study between storages: FROM and TO are a run's folder or URL#NAME of a database."""
    from lstmopt.storage.copy_study import copy_study as copy

    trials, place = copy(source, target)
    click.echo(f"copied {trials} trials: {place}")


@cli.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("csv", type=click.Path(path_type=Path))
@as_json
def predict(model: Path, csv: Path, as_json: bool) -> None:
    """Forecast beyond the end of CSV with a run's MODEL (its folder or .pth file)."""
    from lstmopt.data.csv_reader import without_formula
    from lstmopt.forecasting.forecaster import Forecaster

    forecast = Forecaster.load(model).predict(csv)
    if not as_json:  # a name that a spreadsheet would compute
        forecast = forecast.rename(columns=without_formula)
    if as_json:
        click.echo(forecast.to_json(orient="records", date_format="iso"))
    else:
        click.echo(forecast.to_csv(index=False), nl=False)


@cli.group(invoke_without_command=True)
@click.option("--plugin", "files", multiple=True, type=click.Path(path_type=Path))
@as_json
@click.pass_context
def plugins(context: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """List samplers, pruners, warm starts and objectives with the package that brings each."""
    if context.invoked_subcommand is not None:
        return
    from lstmopt.plugin.registry import load_registry

    rows = load_registry(files).table()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    table = Table("name", "kind", "supports", "package", "summary")
    for row in rows:
        table.add_row(*row.values())
    _console().print(table)


@plugins.command()
@click.argument("name")
@click.option("--kind", required=True, type=KINDS)
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="The folder for it.")
def new(name: str, kind: Kind, out: Path) -> None:
    """Write a package NAME for a plug-in of your own, which passes its tests as it is."""
    from lstmopt.scaffold import write_package

    for path in write_package(name, kind, out):
        click.echo(path)
    click.echo(f"next: pip install -e '{out / name}[test]' && python -m pytest {out / name}")


@plugins.command()
@click.argument("name", metavar="NAME[:KEY=VALUE,…]")
@click.option("--plugin", "files", multiple=True, type=click.Path(path_type=Path))
@as_json
def check(name: str, files: tuple[Path, ...], as_json: bool) -> None:
    """Hold a plug-in, or all of a package, to the contract of its kind; exit with 1 if it fails."""
    from dataclasses import asdict

    from lstmopt.testing.check import check_plugins

    checked = []
    for law in check_plugins(name, files):
        checked.append(law)
        if not as_json:
            verdict = f"broken: {law.broken}" if law.broken else "ok"
            click.echo(f"{law.kind} {law.name}: {law.law}: {verdict}")
    if as_json:
        click.echo(json.dumps([asdict(law) for law in checked], indent=2))
    sys.exit(1 if any(law.broken for law in checked) else 0)


cli.add_command(bench)


def main() -> None:
    """Run a command; say an error in one sentence and exit with 2, 1 or 130."""
    warnings.showwarning = _one_line
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what it cannot say is no reason to stop
            stream.reconfigure(errors="replace")
    terminate_as_interrupt()
    try:
        cli(standalone_mode=False)
    except LstmoptError as error:
        click.echo(f"lstmopt: {error}", err=True)
        sys.exit(error.exit_status)
    except BrokenPipeError:  # who read has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        place = f" ({printable(error.filename)})" if error.filename else ""
        click.echo(f"lstmopt: the system refused: {error.strerror or error}{place}", err=True)
        sys.exit(1)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        ignore_from_now_on()
        click.echo(
            "lstmopt: stopped; everything finished is kept, the same command goes on", err=True
        )
        sys.exit(130)


def _one_line(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {printable(message)}", err=True)


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 160)


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


def _print_run(document: dict[str, Any], console: Console, folder: Path, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    from lstmopt.report.terminal import print_result

    print_result(document, console, str(folder))


def _write_report(folder: Path, every_figure: bool = False, stream: Any = None) -> None:
    """Write what is to be looked at, and say where; without a browser say what is missing."""
    from lstmopt.report.png import write_every_figure, write_sheets
    from lstmopt.results.run import load

    run = load(folder)
    stream = stream or sys.stderr
    click.echo(f"report: {run.write_report()}", file=stream)
    if missing := write_sheets(run):
        click.echo(f"note: {missing}", err=True)
    elif every_figure:
        for path in write_every_figure(run):
            click.echo(path, file=stream)


def _results(folder: Path) -> dict[str, Any]:
    from lstmopt.results.document import read_document
    from lstmopt.storage.run_folder import RunFolder

    return read_document(RunFolder(folder).results)


def _read_study(study: Path | None, options: dict[str, Any]) -> Config:
    """Read the study file, the shipped one, or none, and lay the options over it."""
    from lstmopt.config.study_file import make_config, override, read_config, shipped_study

    if study is not None:
        return override(read_config(study), options)
    if options["data"]:
        name = Path(options["data"]).name.split(".")[0]
        return override(make_config({"name": name or "study"}), options)
    return override(read_config(shipped_study()), options)
