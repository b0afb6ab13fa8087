"""The commands of ``lstmopt bench``: parse, call, print."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from lstmopt.cli.strict_group import StrictGroup
from lstmopt.errors import LstmoptError

if TYPE_CHECKING:
    from .benchmark import Task
    from .events import Study


@click.group(cls=StrictGroup, invoke_without_command=True)
@click.option("--replay", multiple=True, metavar="TABLE", help="A table's name or file; FILE#NAME.")
@click.option("--rows", is_flag=True, help="Candidates are recorded rows, none between them.")
@click.option("--real", multiple=True, metavar="STUDY", help="A study file to train; repeatable.")
@click.option("--device", "devices", multiple=True, help="For real work: cpu, cuda; repeatable.")
@click.option("--sampler", "samplers", multiple=True, metavar="NAME[:KEY=VALUE,…]")
@click.option("--pruner", "pruners", multiple=True, metavar="NAME[:KEY=VALUE,…]")
@click.option("--warm-start", "warm_starts", multiple=True, metavar="NAME", help="Or none.")
@click.option(
    "--tell-stopped",
    "tell",
    multiple=True,
    type=click.Choice(["nothing", "last", "extrapolated"]),
    help="What samplers are told of stopped trials; repeatable.",
)
@click.option(
    "--past",
    multiple=True,
    metavar="RUN|WORD",
    help="What warm starts learn from: runs for real work; for tables all others of the same space "
    "(all), those of the same series, of others, or of others with losses shuffled or reversed.",
)
@click.option("--past-trials", type=int, help="Of each table: 50 unless given, 0 for its rows.")
@click.option("--budget", type=float, help="Full trials' worth of epochs a study; 50 unless given.")
@click.option("--seconds", type=float, help="For real work: wall-clock of one study as well.")
@click.option(
    "--same-trials", type=int, help="Begin exactly so many trials, within --budget if given."
)
@click.option("--seeds", type=int, help="20 on tables, 5 on real work unless given.")
@click.option("--workers", type=int, help="Processes that replay; one a core by default.")
@click.option("--plugin", "plugins", multiple=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/bench"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def bench(context: click.Context, /, out: Path, as_json: bool, **options: Any) -> None:
    """Compare strategies on the same work at the same budget, with statistics.

    The same command goes on where it stopped; more strategies, tasks or seeds may be added.
    """
    if missing := [name for name in ("scipy", "statsmodels", "jinja2") if find_spec(name) is None]:
        raise LstmoptError(
            f"lstmopt bench needs packages of its own, found no {missing[0]}: "
            "pip install 'lstmopt[bench]'"
        )
    if context.invoked_subcommand is None:
        _run(out, options)
        _print_report(out, as_json)


def _run(out: Path, options: dict[str, Any]) -> None:
    from lstmopt.execution.local_engine import default_workers

    from .benchmark import StudyBudget, run_benchmark
    from .contenders import contenders

    tasks, skipped = _tasks(options)
    real = bool(options["real"])
    chosen = contenders(
        options["samplers"] or ("tpe",),
        options["pruners"] or ("none",),
        options["warm_starts"] or ("none",),
        options["tell"] or (None,),
    )
    run_benchmark(
        tasks,
        chosen,
        options["seeds"] or (5 if real else 20),
        StudyBudget(options["budget"] or options["same_trials"] or 50, options["same_trials"]),
        out,
        # real studies use the machine's cores themselves, one study after the other
        workers=1 if real else options["workers"] or default_workers("cpu"),
        plugins=options["plugins"],
        skipped=skipped,
        progress=_progress,
    )


def _tasks(options: dict[str, Any]) -> tuple[list[Task], list[str]]:
    """Make the tasks that were asked for; say which could not be had here, and why."""
    from lstmopt.config.study_file import read_config
    from lstmopt.workflow.job import choose_device

    from .real import RealTask
    from .replay import PAST_TRIALS, Past, make_tasks

    if not (options["replay"] or options["real"]):
        raise LstmoptError(
            "a benchmark needs work, found none: give --replay TABLE (bike_sharing and nyc_taxi "
            "come with the program) or --real STUDY.toml"
        )
    words = [word for word in options["past"] if word in get_args(Past)]
    runs = [place for place in options["past"] if place not in words]
    if len(words) > 1 or (runs and not options["real"]):
        raise LstmoptError(
            f"tables have one past, found {', '.join(options['past'])}: give one of "
            f"{', '.join(get_args(Past))}, and runs for real work only"
        )
    trials = PAST_TRIALS if options["past_trials"] is None else options["past_trials"]
    past: Past = words[0] if words else "all"
    tasks: list[Task] = [*make_tasks(options["replay"], options["rows"], past, trials)]
    skipped = []
    for path in options["real"]:
        config = read_config(Path(path))
        for device in options["devices"] or ("cpu",):
            try:
                choose_device(device)
            except LstmoptError as error:
                skipped.append(f"{config.name} on {device}: {error}")
                continue
            real = RealTask(config, device, options["seconds"], runs, options["plugins"])
            tasks.append(real)
    if not tasks:
        raise LstmoptError(f"a benchmark needs a device that is there, found none: {skipped[0]}")
    return tasks, skipped


def _progress(done: int, total: int, study: Study | None) -> None:
    if study is None:
        click.echo(f"{total} studies to do", err=True)
    elif done % max(1, total // 20) == 0 or done == total:
        event = study.event
        click.echo(
            f"{done}/{total} studies, the last {event.strategy} on {event.task}, seed {event.seed}",
            err=True,
        )


@bench.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def report(folder: Path, as_json: bool) -> None:
    """Draw every figure of a benchmark again from its raw events."""
    _print_report(folder, as_json)


def _print_report(folder: Path, as_json: bool) -> None:
    from .report import print_summary, write_report

    summary = write_report(folder)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        print_summary(summary, folder)


@bench.command()
@click.argument("studies", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Folder of tables.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"))
def record(studies: tuple[Path, ...], out: Path, runs: Path) -> None:
    """Train random candidates of each study file to their end and write a table of curves.

    Studies live in the folder --runs; what was interrupted goes on.
    """
    from rich.console import Console

    from lstmopt.cli.progress import LineProgress
    from lstmopt.config.study_file import read_config

    from .recording import record as record_table
    from .tables import write_table

    for path in studies:
        config = read_config(path)
        observer = LineProgress(Console(stderr=True, width=160), config.budget.trials)
        table = record_table(config, runs / config.name, observer)
        target = out / f"{table.name}.npz"
        write_table(table, target)
        click.echo(f"{target}: {table.rows} candidates, {table.epochs} epochs")


@bench.command()
@click.argument("tables", nargs=-1, required=True)
@click.option("--size", type=click.IntRange(1), default=12, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("plugins/shipped.json"))
def portfolio(tables: tuple[str, ...], size: int, out: Path) -> None:
    """Choose a few candidates that together cover the fronts of recorded TABLES."""
    from lstmopt.search_space import describe_params

    from .portfolio import write_portfolio

    content = write_portfolio(tables, size, out)
    for params in content["candidates"]:
        click.echo(describe_params(params))
    click.echo(f"{out}: {len(content['candidates'])} candidates of {len(tables)} tables")
