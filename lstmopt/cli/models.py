"""Commands that make models and forecast with them: ``fit``, ``update``, ``predict``."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

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
from lstmopt.errors import LstmoptError, printable
from lstmopt.forecasting.model_history import UPDATE_EPOCHS
from lstmopt.search.observer import Observer


class _Notices(Observer):
    """Prints what the user should read."""

    def notice(self, text: str) -> None:
        click.echo(f"note: {printable(text)}", err=True)


@click.command()
@run_folder
@click.option("--trial", type=int, help="One that has trained; without it the choice is made anew.")
@click.option("--pick", type=PICKS, help="How to choose where no trial is named.")
@click.option(
    "--all/--train",
    "all_rows",
    default=None,
    help="Train the network on all rows after the test; --all alone takes the one deployed.",
)
@engine_option
@as_json
def fit(
    run_folder: Path,
    trial: int | None,
    all_rows: bool | None,
    as_json: bool,
    **options: str | None,
) -> None:
    """Refit a trial over several seeds, test it and save it in the run's folder."""
    from lstmopt.workflow.deployed_model import refit_deployed
    from lstmopt.workflow.run_study import refit_trial

    refit = None if all_rows is None else ("all" if all_rows else "train")
    config = read_finished(run_folder, options | {"refit": refit})
    observer = _Notices()
    if all_rows and trial is None and options["pick"] is None:
        results = refit_deployed(config, run_folder, observer)
    else:
        results = refit_trial(config, run_folder, trial, observer)
    print_results(results, make_console(stderr=as_json), run_folder, as_json)
    write_report(run_folder)


@click.command()
@run_folder
@click.argument("table", metavar="TABLE", type=click.Path(path_type=Path))
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=UPDATE_EPOCHS,
    show_default=True,
    help="Passes over the new rows, at most.",
)
@as_json
def update(run_folder: Path, table: Path, epochs: int, as_json: bool) -> None:
    """Go on from a run's deployed weights with the new rows of TABLE; nothing is searched.

    The newest of them are held back: where the weights do not get better there, they stay.
    """
    from lstmopt.report.deployed import update_line
    from lstmopt.report.page import write_report
    from lstmopt.results.run import read_run
    from lstmopt.workflow.deployed_model import update as update_model

    made = update_model(run_folder, table, epochs, _Notices())
    said = json.dumps(msgspec.to_builtins(made), indent=2) if as_json else update_line(made)
    click.echo(said if as_json else printable(said))
    click.echo(f"report: {write_report(read_run(run_folder))}", err=True)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--future",
    multiple=True,
    metavar="FILE|COLUMN=VALUE",
    help="What is known in advance of the rows that are forecast; COLUMN=VALUE is repeatable.",
)
@click.option(
    "--origins", type=click.IntRange(1), metavar="N", help="The last N forecasts and what came."
)
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=float,
    metavar="PER CENT",
    help="Intervals of this level, such as 90; repeatable.",
)
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The plug-in that brings the model's family of networks, where that is a file.",
)
@as_json
def predict(
    model: Path,
    table: Path,
    future: tuple[str, ...],
    origins: int | None,
    levels: tuple[float, ...],
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Forecast beyond the end of TABLE with a run's MODEL (its folder or .pth file)."""
    from lstmopt.data.csv_reader import without_formula
    from lstmopt.forecasting.forecaster import Forecaster

    if origins and future:
        raise LstmoptError(
            f"--origins looks back and --future ahead, found both ({', '.join(future)}): give one"
        )
    forecaster = Forecaster.load(model, plugins)
    series = forecaster.read(table, _parse_future(future), forecaster.follows(levels))
    for notice in series.notices:
        click.echo(f"note: {printable(notice)}", err=True)
    forecast = (
        forecaster.look_back(series, origins, levels)
        if origins
        else forecaster.forecast_next(series, levels)
    )
    if as_json:
        for name in forecast.select_dtypes("datetimetz"):  # pandas would say it in UTC
            forecast[name] = forecast[name].map(lambda time: time.isoformat())
        click.echo(forecast.to_json(orient="records", date_format="iso"))
    else:
        forecast = forecast.rename(columns=without_formula)
        click.echo(forecast.to_csv(index=False), nl=False)


def _parse_future(given: tuple[str, ...]) -> Path | dict[str, float | str] | None:
    """Return the table of the future, or the values of columns."""
    from lstmopt.config.overrides import as_value

    files = [text for text in given if "=" not in text or Path(text).is_file()]
    if not files:
        values: dict[str, float | str] = {}
        for name, _, value in (text.partition("=") for text in given):
            if name in values:
                raise LstmoptError(
                    f"--future gives a column one value, found {name} twice: leave one out"
                )
            values[name] = as_value(value)
        return values or None
    if len(given) > 1:
        raise LstmoptError(
            f"--future is one table or COLUMN=VALUE for each column, found {', '.join(given)}: "
            "give one kind"
        )
    return Path(files[0])
