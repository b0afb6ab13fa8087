"""Panels: series of different lengths and levels that rise and fall alike."""

from __future__ import annotations

import numpy as np
import pandas as pd


def panel_table(
    lengths: tuple[int, ...] = (120, 90, 150, 60), seed: int = 0, start: str = "2024-01-01"
) -> pd.DataFrame:
    """Daily waves in long format, of levels that are far apart, each from another day on."""
    rng = np.random.default_rng(seed)
    tables = []
    for number, length in enumerate(lengths):
        first = pd.Timestamp(start) + pd.Timedelta(days=3 * number)
        times = pd.date_range(first, periods=length, freq="D")
        wave = np.sin(2 * np.pi * times.day_of_week.to_numpy() / 7)
        values = 10.0 ** (number % 3) * (5 + wave + 0.1 * rng.standard_normal(length))
        tables.append(pd.DataFrame({"unique_id": f"s{number}", "ds": times, "y": values}))
    return pd.concat(tables, ignore_index=True)
