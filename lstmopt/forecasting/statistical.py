"""Statistical models of one series: fitted once, then carried on to every origin."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Part
from lstmopt.forecasting.judging import Forecast

_FEWEST_ROWS = 20
_FEWEST_SEASONS = 3
"""What a model is fitted on at least, and a season."""

Floats = NDArray[np.float64]


class Model(Protocol):
    """A model of statsforecast."""

    def fit(self, y: Floats) -> Any:
        """Fit to a series [rows]."""

    def forward(self, y: Floats, h: int) -> Mapping[str, Floats]:
        """Apply the fitted parameters to another series; ``mean`` holds the forecasts [h]."""


@dataclass(frozen=True)
class StatisticalBaseline:
    """A model of statsforecast on the target alone, in units in which 0 is the target's own 0.

    Fitted on the last ``most_rows`` of training, with the shortest season that is at most
    ``longest_season`` rows and comes three times there. A gap is filled by the value before it.
    ``make`` gives a model of a season. With ``forgets``, its state no longer depends on where it
    began after ``most_rows``, and a forecast is from that many rows before its origin; otherwise
    from the first row that it was fitted on.

    References:
        https://nixtlaverse.nixtla.io/statsforecast/src/core/models.html
    """

    make: Callable[[int], Model]
    most_rows: int
    longest_season: int
    forgets: bool

    def fit(self, train: Part, validation: Part, seasons: Sequence[int]) -> Forecast | None:
        """Fit a model; None where training is too short, does not vary, or no model fits it.

        None of a panel too, whose every series would have to be fitted by itself.
        """
        if train.panel is not None:
            return None
        end = train.rows[1]
        first = max(0, end - self.most_rows)
        if not _trusted(train, first, end).any():
            return None
        rows = history(train, first, end)
        if len(rows) < _FEWEST_ROWS or not np.ptp(rows):
            return None
        longest = min(self.longest_season, len(rows) // _FEWEST_SEASONS)
        model = self.make(min((s for s in seasons if 1 < s <= longest), default=1))
        try:
            with _quiet():
                model.fit(rows)
        except Exception:  # statsforecast says by a bare one that no model fits
            return None
        return Carried(model, first, self.most_rows if self.forgets else None)


@dataclass(frozen=True)
class Carried:
    """A fitted model, applied to rows from ``first`` or to the ``most_rows`` before an origin.

    Attributes:
        model: It.
        first: The first row that it was fitted on.
        most_rows: How many rows it is applied to, None for all from ``first``.
    """

    model: Model
    first: int
    most_rows: int | None

    def __call__(self, part: Part) -> NDArray[np.float32]:
        """Forecast [windows, horizon]; the last value where the model gives no number."""
        origins, horizon = part.origins(), part.shape.horizon
        starts = np.full_like(origins, self.first)
        if self.most_rows:
            starts = np.maximum(origins + 1 - self.most_rows, 0)
        begin = int(starts.min())
        rows = history(part, begin, int(origins.max()) + 1)
        found = np.array(
            [
                self._forward(rows[start - begin : origin + 1 - begin], horizon)
                for start, origin in zip(starts, origins, strict=True)
            ]
        )
        found += part.zero
        return np.where(np.isfinite(found), found, part.targets[origins][:, None]).astype("f4")

    def _forward(self, rows: Floats, horizon: int) -> Floats:
        if not np.ptp(rows):  # which statsforecast would divide by
            return np.full(horizon, rows[-1])
        with _quiet():
            return self.model.forward(rows, h=horizon)["mean"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep a fit's warnings from the user.

    By a filter that stays: ``warnings.catch_warnings`` would take those of other threads too, and
    baselines are fitted in a thread of their own.
    """
    warnings.filterwarnings("ignore", module="statsforecast")
    with np.errstate(all="ignore"):
        yield


def _trusted(part: Part, first: int, end: int) -> NDArray[np.bool_]:
    """Say of each row whether its target was observed, or filled over a short gap."""
    trusted: NDArray[np.bool_] = part.usable[first:end] | part.scored[first:end]
    return trusted


def history(part: Part, first: int, end: int) -> Floats:
    """Return the target from its own 0 [rows], with gaps filled by the value before them."""
    rows = part.targets[first:end].astype(np.float64) - part.zero
    trusted = _trusted(part, first, end)
    if trusted.all():
        return rows
    latest = np.maximum.accumulate(np.where(trusted, np.arange(len(rows)), -1))
    filled: Floats = rows[np.where(latest < 0, trusted.argmax(), latest)]
    return filled
