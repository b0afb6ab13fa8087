"""A baseline's errors on a part: over every window, or an even sample where that takes too long."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Part
from lstmopt.forecasting.verdict import window_errors
from lstmopt.training.metrics import Scores, score

Forecast = Callable[[Part], NDArray[np.float32]]
"""Maps a part to forecasts [windows, horizon] of its scaled target, at ``part.origins()``."""

MOST_SECONDS = {"validation": 10.0, "test": 60.0}
"""What forecasting every window of a part may take; beyond it a sample is looked at."""

ROWS = {"test": 5_000, "validation": 1_000}
"""Rows kept of each part, at most: its last windows, so that the file of forecasts stays small."""

_TRIED = 8
"""Windows from which it is predicted what all of them take."""
_REPEATS = 3
_FEWEST = 20
"""Windows that are looked at, whatever they take."""


@dataclass(frozen=True)
class Judged:
    """What a baseline's forecasts of a part came to.

    Attributes:
        origins: Those that were forecast [windows].
        windows: How many the part has.
        forecasts: What was forecast there [windows, horizon].
        scores: Errors over them.
        errors: The mean squared error of each window over its observed leads [windows].
        last: Forecasts of the last windows [kept, horizon], NaN for those that were left out.
    """

    origins: NDArray[np.int64]
    windows: int
    forecasts: NDArray[np.float32]
    scores: Scores
    errors: NDArray[np.float64]
    last: NDArray[np.float32]

    @property
    def sampled(self) -> bool:
        """Whether windows were left out."""
        return len(self.origins) < self.windows

    def lags(self, rows: int) -> int:
        """Return over how many neighbouring origins so many rows reach."""
        return -(-rows * len(self.origins) // self.windows)


def last_origins(part: Part, name: str) -> NDArray[np.int64]:
    """Return the origins of a part's last windows whose forecasts are kept.

    Of a panel the last one of each series, of an even choice of them where there are many.
    """
    windows, origins = max(1, ROWS[name] // part.shape.horizon), part.origins()
    of = part.series_of(origins)
    if of is None:
        return origins[-windows:]
    last = origins[np.append(np.diff(of) > 0, True)]
    chosen = np.linspace(0, len(last) - 1, min(windows, len(last))).astype(np.int64)
    found: NDArray[np.int64] = last[chosen]
    return found


def judge(
    forecast: Forecast, part: Part, most_seconds: float, name: str, seasons: Sequence[int] = ()
) -> Judged:
    """Forecast a part once, and score it.

    ``name`` is the part's, ``test`` or ``validation``, which says how many of the last windows'
    forecasts are kept (see `last_origins`); ``seasons`` are lengths in rows that an even sample
    must not go along with; for the rest see `affordable`.
    """
    everything = part.origins()
    some = affordable(forecast, part, most_seconds, seasons)
    forecasts = forecast(some)
    origins = some.origins()
    targets, mask = part.gather_targets(origins)
    kept = last_origins(part, name)
    last = np.full((len(kept), part.shape.horizon), np.nan, np.float32)
    recent = np.isin(origins, kept)
    last[np.searchsorted(kept, origins[recent])] = forecasts[recent]
    scores = score(forecasts, targets, mask)
    errors = window_errors(forecasts, targets, mask)
    return Judged(origins, len(everything), forecasts, scores, errors, last)


def affordable(
    forecast: Forecast, part: Part, most_seconds: float, seasons: Sequence[int] = ()
) -> Part:
    """Return a part with as many windows as are forecast in ``most_seconds``, evenly spread.

    That is the part itself where one window's time, or a prediction from a few, says that all of
    them are.
    """
    origins = part.origins()
    alone = _seconds(forecast, part.at(origins[-1:]))
    if alone * len(origins) <= most_seconds:
        return part
    few = origins[:: -(-len(origins) // _TRIED)]
    more = max(_seconds(forecast, part.at(few)) - alone, 1e-9)
    each = more / max(1, len(few) - 1)
    if alone + each * len(origins) <= most_seconds:
        return part
    return part.at(even_sample(origins, int((most_seconds - alone) / each), seasons))


def _seconds(forecast: Forecast, part: Part) -> float:
    """Return what a part takes, at best of a few times: a busy machine decides nothing."""
    taken = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        forecast(part)
        taken.append(time.perf_counter() - start)
    return min(taken)


def even_sample(
    origins: NDArray[np.int64], most: int, seasons: Sequence[int] = ()
) -> NDArray[np.int64]:
    """Return every n-th origin up to the last, about ``most`` of them, but 20 where there are.

    n has no divisor in common with a season, so that every time of a day or a week has its turn.
    """
    step = -(-len(origins) // max(most, _FEWEST))
    while step > 1 and any(math.gcd(step, season) > 1 for season in seasons):
        step += 1
    return origins[(len(origins) - 1) % step :: step]
