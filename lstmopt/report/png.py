"""Figures -> PNG files, where there is a browser to draw them."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmopt.errors import MachineError
from lstmopt.report.figures import Figures

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from lstmopt.results.run import RunData

NO_BROWSER = (
    "pictures are drawn by Chrome or Chromium, found none on this machine: "
    "run `apt-get install chromium` or `kaleido_get_chrome`"
)
_SCALE = 2
_SECONDS, _SECONDS_EACH = 60.0, 5.0
"""How long a browser may take to start, and for each picture."""


def find_browser() -> str | None:
    """Return the path of the browser that kaleido would start, or None where there is none.

    Asked first, because kaleido without a browser raises from deep inside or waits for ever.
    """
    from choreographer.browsers.chromium import Chromium

    path = Chromium.find_browser(skip_local=False)
    return str(path) if path and os.path.isfile(path) else None


def write_png(figures: Mapping[Path, go.Figure]) -> None:
    """Write each figure to its path, all with one browser.

    Raises MachineError where there is no browser or it draws nothing.
    """
    if not find_browser():
        raise MachineError(NO_BROWSER)
    for path in figures:
        path.parent.mkdir(parents=True, exist_ok=True)
    drawings = [
        {"fig": figure, "path": str(path), "opts": {"format": "png", "scale": _SCALE}}
        for path, figure in figures.items()
    ]
    failures = _draw(drawings)
    if failures:
        raise MachineError(
            f"pictures need a browser that draws, found {find_browser()} failing ({failures[0]}): "
            "start it once by hand, or install another"
        )


def write_sheets(run: RunData) -> str | None:
    """Draw the two sheets of a run into its folder; say in one sentence why it cannot be done."""
    if not find_browser():
        return NO_BROWSER
    sheets = {
        run.folder.results_png: Figures(run).sheet(),
        run.folder.correlations_png: Figures(run).correlations(),
    }
    try:
        write_png(sheets)
    except MachineError as error:
        return str(error)
    return None


def write_every_figure(run: RunData) -> list[Path]:
    """Draw every figure of a run into ``figures`` in its folder; return the paths.

    Raises MachineError where there is no browser or it draws nothing.
    """
    folder = run.path / "figures"
    drawn: dict[Path, go.Figure] = {}
    for name, figure in Figures(run).all().items():
        path = folder / f"{_file_name(name)}.png"
        taken = path in drawn
        drawn[path.with_stem(f"{path.stem}_{len(drawn)}") if taken else path] = figure
    write_png(drawn)
    return list(drawn)


def _file_name(name: str) -> str:
    """Make a name from a user's own data fit for a file."""
    return re.sub(r"[^\w-]+", "_", name)


def _draw(drawings: list[dict[str, Any]]) -> list[str]:
    """Draw in a thread of its own, which a notebook's event loop does not reach; say what failed.

    Not through kaleido's server, whose callers wait for ever once its browser died. The thread is
    given up when the browser starts and never answers.
    """
    import kaleido

    failures = ["no answer in time"]

    def work() -> None:
        options = {"mathjax": False, "n": 1}
        try:
            asyncio.run(
                kaleido.write_fig_from_object(drawings, cancel_on_error=True, kopts=options)
            )
            failures.clear()
        except Exception as error:
            failures[:] = [str(error.args[0] if error.args else repr(error)).splitlines()[0]]

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(_SECONDS + _SECONDS_EACH * len(drawings))
    return failures[:]
