"""What several commands share: their options, the console, what is printed at their end."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from lstmopt.config.options import Config
    from lstmopt.results.document import StudyResults

PICKS = click.Choice(["knee", "best", "near_best", "fastest"])
run_folder = click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
engine_option = click.option(
    "--engine",
    metavar="URL",
    help="A Dask scheduler such as tcp://host:8786, dask for a cluster here, or local.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


def make_console(stderr: bool = False) -> Console:
    """Return a console as wide as the terminal, or wide enough for tables in a pipe."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 160)


def read_finished(folder: Path, options: dict[str, str | None]) -> Config:
    """Return the study of a finished run, with options laid over it.

    Raises LstmoptError where the run is not finished.
    """
    from lstmopt.config.overrides import override
    from lstmopt.config.study_file import read_config
    from lstmopt.results.document import read_results
    from lstmopt.storage.run_folder import RunFolder

    run = RunFolder(folder)
    read_results(run.results)
    return override(read_config(run.study_file), options)


def print_results(results: StudyResults, console: Console, folder: Path, as_json: bool) -> None:
    """Print what a study found, as JSON or as tables."""
    if as_json:
        from lstmopt.results.document import as_document

        click.echo(json.dumps(as_document(results), indent=2))
        return
    from lstmopt.report.terminal import print_result

    print_result(results, console, str(folder))


def write_report(
    folder: Path,
    every_figure: bool = False,
    stream: IO[str] | None = None,
    pictures: bool = True,
) -> None:
    """Write what is to be looked at, and say where; without a browser say what is missing.

    Without ``pictures``, for which there is no time, say how they are drawn later.
    """
    from lstmopt.report.page import write_report
    from lstmopt.report.png import write_every_figure, write_sheets
    from lstmopt.results.run import read_run

    run = read_run(folder)
    stream = stream or sys.stderr
    click.echo(f"report: {write_report(run)}", file=stream)
    if not pictures:
        command = f"lstmopt report {shlex.quote(str(folder))}"
        click.echo(f"note: no time was left to draw pictures: {command}", err=True)
        return
    if missing := write_sheets(run):
        click.echo(f"note: {missing}", err=True)
    elif every_figure:
        for path in write_every_figure(run):
            click.echo(path, file=stream)
