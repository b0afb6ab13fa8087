"""The command ``lstmopt``: which commands there are, and how an error is said."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Any

import click

from lstmopt.cli.lazy_commands import LazyCommands
from lstmopt.cli.strict_group import StrictGroup
from lstmopt.errors import LstmoptError, printable
from lstmopt.system.signals import ignore_signals, interrupt_on_sigterm

COMMANDS = LazyCommands(
    {
        "audit": "lstmopt.cli.studies:audit",
        "bench": "lstmopt_benchmarks.cli:bench",
        "compare": "lstmopt.cli.results:compare",
        "copy-study": "lstmopt.cli.studies:copy_study",
        "dashboard": "lstmopt.cli.studies:dashboard",
        "fit": "lstmopt.cli.models:fit",
        "importance": "lstmopt.cli.results:importance",
        "pareto": "lstmopt.cli.results:pareto",
        "plugins": "lstmopt.cli.plugins:plugins",
        "predict": "lstmopt.cli.models:predict",
        "report": "lstmopt.cli.results:report",
        "run": "lstmopt.cli.run:run",
        "update": "lstmopt.cli.models:update",
    }
)
"""Where each command is."""


@click.group(
    cls=StrictGroup,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="lstmopt")
def cli() -> None:
    """Which LSTM should I deploy, given that it must be accurate and fast?"""


def main() -> None:
    """Run a command; say an error in one sentence and exit with 2, 1 or 130."""
    warnings.showwarning = _one_line
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what it cannot say is no reason to stop
            stream.reconfigure(errors="replace")
    interrupt_on_sigterm()
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
        ignore_signals()
        click.echo(
            "lstmopt: stopped; everything finished is kept, the same command goes on", err=True
        )
        sys.exit(130)


def _one_line(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {printable(message)}", err=True)
