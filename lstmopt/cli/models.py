"""Commands that make models and forecast with them: ``fit``, ``predict``."""

from __future__ import annotations

from pathlib import Path

import click

from lstmopt.cli.shared import (
    PICKS,
    as_json,
    engine_option,
    make_console,
    print_results,
    read_finished,
    run_folder,
    write_report,
)


@click.command()
@run_folder
@click.option("--trial", type=int, help="A complete trial; without it the choice is made again.")
@click.option("--pick", type=PICKS, help="How to choose where no trial is named.")
@engine_option
@as_json
def fit(run_folder: Path, trial: int | None, as_json: bool, **options: str | None) -> None:
    """Refit a trial over several seeds, test it and save it in the run's folder."""
    from lstmopt.workflow.run_study import refit_trial

    config = read_finished(run_folder, options)
    results = refit_trial(config, run_folder, trial)
    print_results(results, make_console(stderr=as_json), run_folder, as_json)
    write_report(run_folder)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("csv", type=click.Path(path_type=Path))
@as_json
def predict(model: Path, csv: Path, as_json: bool) -> None:
    """Forecast beyond the end of CSV with a run's MODEL (its folder or .pth file)."""
    from lstmopt.data.csv_reader import without_formula
    from lstmopt.forecasting.forecaster import Forecaster

    forecast = Forecaster.load(model).predict(csv)
    if as_json:
        click.echo(forecast.to_json(orient="records", date_format="iso"))
    else:
        forecast = forecast.rename(columns=without_formula)
        click.echo(forecast.to_csv(index=False), nl=False)
