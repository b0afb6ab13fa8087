"""Gradient boosting on lags, calendar and what is known in advance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lstmopt import Strategy, hookimpl
from lstmopt.data.windows import Part
from lstmopt.forecasting.baselines import best_on
from lstmopt.forecasting.judging import Forecast

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import ThreadpoolController

_TREES = (50, 100, 200)
"""How many trees validation may choose."""


@dataclass(frozen=True)
class Boosting:
    """Forecasts differences to the last value by trees, one model for all leads."""

    lags: int
    most_samples: int
    learning_rate: float

    def fit(self, train: Part, validation: Part, seasons: Sequence[int]) -> Forecast | None:
        """Fit on windows and leads drawn from training; validation chooses how many trees.

        Args:
            train: Windows and targets, scaled.
            validation: What follows.
            seasons: Season lengths, in rows.

        Returns:
            The forecast, None where no target was observed.
        """
        from sklearn.ensemble import HistGradientBoostingRegressor  # takes most of a second

        origins = train.origins()
        targets, mask = train.gather_targets(origins)
        windows, leads = np.nonzero(mask)
        if not len(windows):
            return None
        some = np.linspace(0, len(windows) - 1, min(self.most_samples, len(windows))).astype(int)
        windows, leads = windows[some], leads[some]
        last = train.targets[origins[windows]]
        differences = targets[windows, leads] - last
        seen = _Seen(
            tuple(range(min(self.lags, train.shape.window))),
            tuple(season for season in seasons if season < train.rows[1] // 4),
        )
        model = HistGradientBoostingRegressor(
            max_iter=max(_TREES),
            learning_rate=self.learning_rate,
            early_stopping=False,
            random_state=0,
        )
        with _threads().limit(limits=1):
            model.fit(seen.features(train, origins[windows], leads), differences)
        return best_on(validation, [_Trees(model, count, seen) for count in _TREES])


@dataclass(frozen=True)
class _Seen:
    """What trees see of a window and a lead: how far back, and which seasons."""

    lags: tuple[int, ...]
    seasons: tuple[int, ...]

    def features(
        self, part: Part, origins: NDArray[np.int64], leads: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return lags and seasons less the last value, the last row of inputs, and the lead.

        A lead [forecasts] counts from 0; of each season the value one or more before the target.
        """
        last = part.targets[origins]
        back = part.inputs[origins[:, None] - np.array(self.lags), 0]
        columns = [back - last[:, None]]
        for season in self.seasons:
            rows = origins + leads + 1 - season * -(-(leads + 1) // season)
            there = (rows >= 0) & part.usable[np.maximum(rows, 0)]
            before = np.where(there, part.targets[np.maximum(rows, 0)], last)
            columns.append((before - last)[:, None])
        columns += [last[:, None], part.inputs[origins], leads[:, None]]
        return np.column_stack(columns).astype(np.float32)


@dataclass(frozen=True)
class _Trees:
    model: HistGradientBoostingRegressor
    count: int
    seen: _Seen

    def __call__(self, part: Part) -> NDArray[np.float32]:
        origins, horizon = part.origins(), part.shape.horizon
        each = np.repeat(origins, horizon)
        features = self.seen.features(part, each, np.tile(np.arange(horizon), len(origins)))
        with _threads().limit(limits=1):
            found = self._predict(features).reshape(len(origins), horizon)
        return (found + part.targets[origins][:, None]).astype(np.float32)

    def _predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        stages = self.model.staged_predict(features)
        for _ in range(self.count - 1):
            next(stages)
        answer: NDArray[np.float64] = next(stages)
        return answer


@cache
def _threads() -> ThreadpoolController:
    """Return what bounds scikit-learn's threads.

    One of them waits for another at every node and tree, which takes 40 times as long on cores that
    train networks.
    """
    import sklearn.ensemble  # noqa: F401 - its threads are found once it is loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def make(*, lags: int = 48, most_samples: int = 50_000, learning_rate: float = 0.08) -> Boosting:
    """Make gradient boosting of differences to the last value.

    Args:
        lags: The latest values that are looked at, beside the value one season before the target.
        most_samples: Windows and leads that are fitted on, evenly spread.
        learning_rate: What a tree adds of what it found.

    Returns:
        The baseline.

    References:
        Ke et al., LightGBM: a highly efficient gradient boosting decision tree, NeurIPS 2017,
        https://scikit-learn.org/stable/modules/ensemble.html#histogram-based-gradient-boosting
    """
    return Boosting(lags, most_samples, learning_rate)


@hookimpl
def lstmopt_baselines() -> list[Strategy]:
    """Return ``boosting``."""
    return [
        Strategy(
            "boosting",
            make,
            "gradient boosting on lags, calendar and what is known in advance",
            "Ke et al., LightGBM: a highly efficient gradient boosting decision tree, NeurIPS 2017",
        )
    ]
