"""Gradient boosting on lags, calendar and what is known in advance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lstmopt import Strategy, hookimpl
from lstmopt.data.windows import Part
from lstmopt.forecasting.baseline_state import BaselineState
from lstmopt.forecasting.baselines import best_on
from lstmopt.forecasting.judging import Forecast, even_sample

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import ThreadpoolController

_TREES = (50, 100, 200)
"""How many trees validation may choose."""
_JUDGED = 20_000
"""Targets of validation, evenly spread, that the number of trees is chosen on."""
_VISITED = 20_000
"""Trees times rows that are gone through at once: few enough to stay in a cache."""


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
        seen = _Seen(
            tuple(range(min(self.lags, train.shape.window))),
            tuple(season for season in seasons if season < train.spans.length // 4),
        )
        model = self._model(train, seen, max(_TREES))
        if model is None:
            return None
        some = even_sample(validation.origins(), _JUDGED // validation.shape.horizon, seasons)
        forecasts = [BoostingForecast(_Trees.of(model, n), seen) for n in _TREES]
        return best_on(validation.at(some), forecasts)

    def _model(self, train: Part, seen: _Seen, trees: int) -> HistGradientBoostingRegressor | None:
        """Fit so many trees.

        Returns:
            The model, None where no target was observed.
        """
        from sklearn.ensemble import HistGradientBoostingRegressor  # takes most of a second

        origins = train.origins()
        targets, mask = train.gather_targets(origins)
        windows, leads = np.nonzero(mask)
        if not len(windows):
            return None
        some = np.linspace(0, len(windows) - 1, min(self.most_samples, len(windows))).astype(int)
        windows, leads = windows[some], leads[some]
        differences = targets[windows, leads] - train.targets[origins[windows]]
        model = HistGradientBoostingRegressor(
            max_iter=trees,
            learning_rate=self.learning_rate,
            early_stopping=False,
            random_state=0,
        )
        with _threads().limit(limits=1):
            model.fit(seen.features(train, origins[windows], leads), differences)
        return model

    def state(self, forecast: BoostingForecast) -> BaselineState:
        """Return the trees of a forecast, and what they see.

        Args:
            forecast: What was fitted.

        Returns:
            The state.
        """
        trees, seen = forecast.trees, forecast.seen
        arrays = {name: getattr(trees, name) for name in _ARRAYS}
        settings = {
            "lags": len(seen.lags),
            "seasons": list(seen.seasons),
            "start": trees.start,
            "depth": trees.depth,
        }
        return BaselineState(max(len(seen.lags), *seen.seasons, 1), arrays, settings)

    def restore(self, state: BaselineState) -> BoostingForecast:
        """Return the forecast of a state.

        Args:
            state: What `state` returned.

        Returns:
            The forecast.
        """
        settings = state.settings
        trees = _Trees(**state.arrays, start=settings["start"], depth=settings["depth"])
        seen = _Seen(tuple(range(settings["lags"])), tuple(settings["seasons"]))
        return BoostingForecast(trees, seen)

    def refit(self, forecast: BoostingForecast, train: Part) -> BoostingForecast:
        """Fit as many trees on another part.

        Args:
            forecast: What was fitted.
            train: Windows and targets, scaled.

        Returns:
            The forecast; the given one where no target was observed.
        """
        trees = len(forecast.trees.roots)
        model = self._model(train, forecast.seen, trees)
        return forecast if model is None else replace(forecast, trees=_Trees.of(model, trees))


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
        last, first = part.targets[origins], part.first_rows(origins)
        back = part.inputs[origins[:, None] - np.array(self.lags), 0]
        columns = [back - last[:, None]]
        for season in self.seasons:
            rows = origins + leads + 1 - season * -(-(leads + 1) // season)
            there = (rows >= first) & part.usable[np.maximum(rows, 0)]
            before = np.where(there, part.targets[np.maximum(rows, 0)], last)
            columns.append((before - last)[:, None])
        columns += [last[:, None], part.inputs[origins], leads[:, None]]
        return np.column_stack(columns).astype(np.float32)


@dataclass(frozen=True)
class _Trees:
    """The trees of a model as arrays, which a model holds without code and which are faster.

    A node is at its own place in the arrays [nodes]; both children of a leaf are the leaf. A row
    goes left at a node where its feature is at most the threshold; no feature is missing.

    Attributes:
        feature: Which feature a node looks at.
        threshold: What it compares it with.
        children: The right and the left child of each node [2 * nodes].
        value: What a leaf adds.
        roots: The first node of each tree [trees].
        start: What the leaves are added to.
        depth: The longest way from a root to a leaf.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    children: NDArray[np.int32]
    value: NDArray[np.float64]
    roots: NDArray[np.int32]
    start: float
    depth: int

    @classmethod
    def of(cls, model: HistGradientBoostingRegressor, count: int) -> _Trees:
        """Return the first trees of a model."""
        # scikit-learn has no public name for them
        trees = [predictor.nodes for (predictor,) in model._predictors[:count]]
        sizes = [len(nodes) for nodes in trees]
        roots = np.cumsum([0, *sizes[:-1]])
        nodes, before = np.concatenate(trees), np.repeat(roots, sizes)
        own, leaf = np.arange(len(nodes)), nodes["is_leaf"].astype(bool)
        sides = [np.where(leaf, own, nodes[side] + before) for side in ("right", "left")]
        return cls(
            nodes["feature_idx"].astype(np.int32),
            np.where(leaf, np.inf, nodes["num_threshold"]),
            np.column_stack(sides).ravel().astype(np.int32),
            nodes["value"].astype(np.float64),
            roots.astype(np.int32),
            float(np.ravel(model._baseline_prediction)[0]),
            int(max(each["depth"].max() for each in trees)),
        )

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what the trees say of features [rows, features]."""
        found = np.empty(len(features))
        rows = max(1, _VISITED // len(self.roots))
        for first in range(0, len(features), rows):
            some = features[first : first + rows]
            numbers = some.ravel()
            begins = np.arange(len(some))[:, None] * some.shape[1]
            at = np.repeat(self.roots[None], len(some), axis=0)  # [rows, trees]
            for _ in range(self.depth):
                left = numbers[begins + self.feature[at]] <= self.threshold[at]
                at = self.children[2 * at + left]
            found[first : first + rows] = self.start + self.value[at].sum(axis=1)
        return found


_ARRAYS = ("feature", "threshold", "children", "value", "roots")


@dataclass(frozen=True)
class BoostingForecast:
    """Trees, and what they see of a window and a lead."""

    trees: _Trees
    seen: _Seen

    def __call__(self, part: Part) -> NDArray[np.float32]:
        """Forecast [windows, horizon] of the scaled target at ``part.origins()``.

        Args:
            part: Windows, scaled.

        Returns:
            The forecasts.
        """
        origins, horizon = part.origins(), part.shape.horizon
        each = np.repeat(origins, horizon)
        features = self.seen.features(part, each, np.tile(np.arange(horizon), len(origins)))
        found = self.trees.predict(features).reshape(len(origins), horizon)
        return (found + part.targets[origins][:, None]).astype(np.float32)


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
