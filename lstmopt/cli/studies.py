"""Commands on a study and its storage: ``audit``, ``dashboard``, ``copy-study``."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import click

from lstmopt.cli.shared import as_json, engine_option, make_console, read_finished, run_folder


@click.command()
@run_folder
@click.option("--sample", type=click.IntRange(1), default=20, show_default=True)
@click.option("--seed", type=int, default=0, help="Draws the sample.")
@engine_option
@as_json
def audit(run_folder: Path, sample: int, seed: int, engine: str | None, as_json: bool) -> None:
    """Say how often pruning was wrong: train a sample of stopped trials to their end."""
    from lstmopt.cli.progress import LineProgress
    from lstmopt.report.page import write_report
    from lstmopt.report.terminal import audit_lines
    from lstmopt.results.document import as_document
    from lstmopt.results.run import read_run
    from lstmopt.workflow.pruning_audit import audit_run

    config = read_finished(run_folder, {"engine": engine})
    observer = LineProgress(make_console(stderr=True), config.budget.trials)
    found = audit_run(config, run_folder, sample, seed, observer)
    said = json.dumps(as_document(found), indent=2) if as_json else "\n".join(audit_lines(found))
    click.echo(said)
    click.echo(f"report: {write_report(read_run(run_folder))}", err=True)


@click.command()
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
    from lstmopt.results.run import read_run

    def announce(address: str) -> None:
        click.echo(f"dashboard: {address} (Ctrl-C ends it)")
        if open_it:
            click.launch(address)

    with contextlib.suppress(KeyboardInterrupt):
        serve(read_run(run_folder), host, port, announce)


@click.command("copy-study")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy_study(source: str, target: str) -> None:
    """Copy a study between storages: FROM and TO are a run's folder or URL#NAME of a database."""
    from lstmopt.storage.copy_study import copy_study as copy

    trials, place = copy(source, target)
    click.echo(f"copied {trials} trials: {place}")
