"""Commands that show what runs found: ``pareto``, ``report``, ``importance``, ``compare``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from lstmopt.cli.shared import as_json, make_console, run_folder, write_report
from lstmopt.errors import printable


@click.command()
@run_folder
@click.option(
    "--pick", help="knee, best, near_best, fastest, a trial's number or an average ('average 3')."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV and nothing else.")
@as_json
def pareto(run_folder: Path, pick: str | None, as_csv: bool, as_json: bool) -> None:
    """Print the front of a run, the averages, and the baselines."""
    from lstmopt.results.document import pareto_document
    from lstmopt.results.run import read_run

    run = read_run(run_folder)
    picked, explanation = run.pick(pick) if pick else (None, "")
    points = (picked,) if picked else run.results.points
    if as_json:
        click.echo(json.dumps(pareto_document(run.results, points), indent=2))
    elif as_csv:
        from lstmopt.results.points import printed_points

        click.echo(printed_points(run.results, picked).to_csv(index=False), nl=False)
    else:
        from lstmopt.report.terminal import front_plot, print_front

        console = make_console()
        print_front(run.results, console, points)
        if plot := front_plot(run.results, console, picked):
            click.echo(plot)
        if explanation:
            click.echo(printable(explanation))


@click.command()
@run_folder
@click.option("--png", is_flag=True, help="Draw every figure as a PNG file too.")
def report(run_folder: Path, png: bool) -> None:
    """Write report.html and the pictures of a run, finished or not."""
    write_report(run_folder, png, sys.stdout)


@click.command()
@run_folder
@as_json
def importance(run_folder: Path, as_json: bool) -> None:
    """Say how much each hyperparameter mattered, objective by objective."""
    from lstmopt.results.run import read_run

    judged = read_run(run_folder).importances
    if as_json:
        click.echo(json.dumps([asdict(found) for found in judged], indent=2))
        return
    from lstmopt.report.terminal import print_importance

    print_importance(judged, make_console())


@click.command()
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
    from lstmopt.results.comparison import compare_fronts
    from lstmopt.results.run import read_run

    compared = compare_fronts([read_run(run) for run in runs])
    write_comparison(compared, out)
    if as_json:
        click.echo(json.dumps(compared.as_json(), indent=2))
        return
    from lstmopt.report.terminal import print_comparison

    print_comparison(compared, make_console())
    click.echo(f"figure: {out}")
