"""The cycles of a series' calendar as inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lstmopt.data.steps import fixed_length


def calendar_features(times: pd.DatetimeIndex, step: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and values [rows, features] in -1 … 1 of the cycles that the step resolves.

    Sine and cosine of the time of day, the day of the week and the day of the year, by the clock on
    the wall.
    """
    name = step.split("-")[0].removeprefix("B")
    if name in ("YS", "YE"):
        return (), np.empty((len(times), 0))
    wall = times.tz_localize(None)
    cycles = {"year": (wall.day_of_year.to_numpy() - 1) / 365.25}
    length = fixed_length(step)
    if name != "W" and length is not None:
        seconds = (wall - wall.normalize()).total_seconds().to_numpy()
        if length <= 86400:
            cycles["week"] = (wall.day_of_week.to_numpy() + seconds / 86400) / 7
        if length < 86400:
            cycles["day"] = seconds / 86400
    waves = {"sin": np.sin, "cos": np.cos}
    table = {
        f"{cycle}_{wave}": f(2 * np.pi * phase)
        for cycle, phase in cycles.items()
        for wave, f in waves.items()
    }
    return tuple(table), np.column_stack(list(table.values()))
