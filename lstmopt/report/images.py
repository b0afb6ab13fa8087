"""Figures -> PNG, where a browser is found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lstmopt.errors import MachineError

if TYPE_CHECKING:
    import plotly.graph_objects as go

NO_BROWSER = (
    "a PNG is drawn by Chrome or Chromium, found none: install one, for instance with "
    "apt-get install chromium or kaleido_get_chrome"
)


def find_browser() -> str | None:
    """Return the browser that kaleido would start, None where there is none."""
    from choreographer.browsers.chromium import Chromium

    found = Chromium.find_browser(skip_local=False)
    return found if found and os.path.isfile(found) else None


def write_png(figures: Mapping[Path, go.Figure]) -> None:
    """Write each figure to its path with one browser process. Raises MachineError without one."""
    # kaleido without a browser waits for ever once its server was asked to start: ask first
    if find_browser() is None:
        raise MachineError(NO_BROWSER)
    import kaleido

    # the default page loads MathJax from outside
    kaleido.start_sync_server(mathjax=False)
    try:
        for path, figure in figures.items():
            kaleido.write_fig_sync(figure, str(path))
    finally:
        kaleido.stop_sync_server()
