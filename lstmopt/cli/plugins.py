"""``lstmopt plugins``: what there is, what it can be asked for, and packages of one's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lstmopt.cli.shared import as_json, make_console
from lstmopt.cli.strict_group import StrictGroup

if TYPE_CHECKING:
    from lstmopt.plugin.strategy import Kind

KINDS = click.Choice(["sampler", "pruner", "warm-start", "objective", "network", "baseline"])
_WIDTH, _MARGIN = 100, " " * 6
"""Of what is said of an option."""

plugin_files = click.option(
    "--plugin", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE"
)


@click.group(cls=StrictGroup, invoke_without_command=True)
@plugin_files
@as_json
@click.pass_context
def plugins(context: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """List samplers, pruners, warm starts, objectives, networks and baselines, and who brings each.

    Of a network its hyperparameters stand under "supports".
    """
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
    make_console().print(table)


@plugins.command()
@click.argument("name")
@plugin_files
@as_json
def show(name: str, files: tuple[Path, ...], as_json: bool) -> None:
    """Say what NAME does, where it comes from, and what each of its options means."""
    from lstmopt.plugin.registry import load_registry

    described = [entry.describe() for entry in load_registry(files).find(name)]
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    for number, about in enumerate(described):
        if number:
            click.echo()
        click.echo(f"{about['name']} ({about['kind']}, {about['package']}): {about['summary']}")
        for fact in ("reference", "supports"):
            if about[fact]:
                click.echo(f"{fact}: {about[fact]}")
        for option in about["options"]:
            default = f" = {option['default']}" if option["default"] else ", must be given"
            click.echo(f"  {option['name']}: {option['type']}{default}")
            if option["meaning"]:
                click.echo(click.wrap_text(option["meaning"], _WIDTH, _MARGIN, _MARGIN))
        for hyperparameter, said in about["hyperparameters"].items():
            click.echo(f"  {hyperparameter}: {said['takes']} = {_in_words(said['default'])}")
            click.echo(click.wrap_text(_facts(said), _WIDTH, _MARGIN, _MARGIN))


def _facts(said: Mapping[str, Any]) -> str:
    """Say where a hyperparameter varies, whether it decides a cost, and when it applies."""
    cost = "Decides what a forecast costs." if said["costs"] else "Of training alone."
    when = " and ".join(f"{name} is {values}" for name, values in said["when"].items())
    applies = f" Applies where {when}." if when else ""
    varies = f" Varies over {said['domain']} by default." if said["domain"] else ""
    return f"{cost}{varies}{applies}"


def _in_words(value: object) -> str:
    """Return a value as a study file has it, names without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@plugins.command()
@click.argument("name")
@click.option("--kind", required=True, type=KINDS)
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="The folder for it.")
def new(name: str, kind: Kind, out: Path) -> None:
    """Write a package NAME for a plug-in of your own, which passes its tests as it is."""
    from lstmopt.scaffold.package import write_package

    for path in write_package(name, kind, out):
        click.echo(path)
    click.echo(f"next: pip install -e '{out / name}[test]' && python -m pytest {out / name}")


@plugins.command()
@click.argument("name", metavar="NAME[:KEY=VALUE,…]")
@plugin_files
@as_json
def check(name: str, files: tuple[Path, ...], as_json: bool) -> None:
    """Hold a plug-in, or all of a package, to the contract of its kind; exit with 1 if it fails."""
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
