"""What was forecast, row by row, in the target's own units: kept beside the record to be seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lstmopt.data.split import Split
from lstmopt.data.windows import Part
from lstmopt.forecasting.judging import last_origins

COLUMNS = ("part", "origin", "lead", "time", "truth")


def tabulate(
    split: Split, part: Part, name: str, predicted: Mapping[str, NDArray[np.float32]]
) -> pd.DataFrame:
    """Tabulate scaled forecasts [windows, horizon] at a part's last origins, a column a model.

    A row is a window and a lead: the time of its last input, the time it is for, the target there
    (missing where none was observed) and every forecast, in the target's own units.
    """
    origins = last_origins(part, name)
    targets, mask = part.gather_targets(origins)
    leads = np.arange(1, part.shape.horizon + 1)
    times = split.series.times
    columns = {
        "part": name,
        "origin": times[np.repeat(origins, len(leads))],
        "lead": np.tile(leads, len(origins)),
        "time": times[(origins[:, None] + leads).ravel()],
        "truth": _own(split, np.where(mask, targets, np.nan)),
    }
    return pd.DataFrame(columns | {n: _own(split, rows) for n, rows in predicted.items()})


def _own(split: Split, scaled: NDArray[np.float32]) -> NDArray[np.float64]:
    own: NDArray[np.float64]
    own = scaled.ravel().astype(np.float64) * split.scaling.target_std + split.scaling.target_mean
    return own
