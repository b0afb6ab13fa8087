"""The forecasts that a network has to beat: repeat, seasonal naive, ridge on the window."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Part
from lstmopt.training.scores import Scores, score

Forecast = Callable[[Part], NDArray[np.float32]]
"""Maps a part to forecasts [windows, horizon] of its scaled target, at ``part.origins()``."""

_ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)


def fit_baselines(
    train: Part, validation: Part, seasons: tuple[int, ...]
) -> dict[str, Forecast | None]:
    """Return each baseline ready to forecast; None for a season that the series does not have.

    The season and ridge's penalty are chosen on the validation part; nothing is fitted after it.
    """
    usable = [s for s in seasons if s < validation.rows[0] - validation.shape.window]
    seasonal = [_seasonal_naive(season) for season in usable]
    return {
        "repeat": repeat,
        "seasonal_naive": _best(seasonal, validation),
        "ridge": _best([f for a in _ALPHAS if (f := _ridge(train, a)) is not None], validation),
    }


def score_part(forecast: Forecast, part: Part) -> Scores:
    """Score a baseline on every window of a part, in the scaled target's units."""
    targets, mask = part.gather_targets(part.origins())
    return score(forecast(part), targets, mask)


def _best(forecasts: list[Forecast], validation: Part) -> Forecast | None:
    return min(forecasts, key=lambda f: score_part(f, validation).mse, default=None)


def repeat(part: Part) -> NDArray[np.float32]:
    """Repeat the last value [windows, horizon]."""
    return np.repeat(part.targets[part.origins()][:, None], part.shape.horizon, axis=1)


def _seasonal_naive(season: int) -> Forecast:
    """Repeat the value one season before (Hyndman and Athanasopoulos, FPP3, section 5.2)."""

    def forecast(part: Part) -> NDArray[np.float32]:
        origins, leads = part.origins(), np.arange(1, part.shape.horizon + 1)
        rows = origins[:, None] + leads - season * -(-leads // season)  # [windows, horizon]
        there = (rows >= 0) & part.usable[np.maximum(rows, 0)]
        return np.where(there, part.targets[np.maximum(rows, 0)], repeat(part))

    return forecast


def _ridge(train: Part, alpha: float) -> Forecast | None:
    """Regress every lead on the flattened window: the same inputs as the network's.

    On the most windows that fit in the memory of a small machine, evenly spread: those with all of
    their targets, or where there are none, for each lead those that have it. None where a lead has
    no target at all.
    """
    from scipy.linalg import LinAlgWarning
    from sklearn.linear_model import Ridge  # takes most of a second

    origins = train.origins()
    origins = origins[:: -(-len(origins) // _MOST_WINDOWS)]
    targets, mask = train.gather_targets(origins)
    whole = mask.all(axis=1)
    there: NDArray[np.bool_] = whole.reshape(-1, 1) if whole.any() else mask
    if not there.any(0).all():
        return None
    leads = np.array_split(np.arange(targets.shape[1]), there.shape[1])
    with warnings.catch_warnings():
        # of columns that repeat each other, which the penalty is for
        warnings.simplefilter("ignore", LinAlgWarning)
        models = [
            Ridge(alpha=alpha).fit(_flatten(train, origins[rows]), targets[rows][:, of])
            for rows, of in zip(there.T, leads, strict=True)
        ]

    def forecast(part: Part) -> NDArray[np.float32]:
        origins = part.origins()
        every = np.array_split(origins, -(-len(origins) // _MOST_WINDOWS))
        answer: NDArray[np.float32] = np.empty((len(origins), part.shape.horizon), np.float32)
        first = 0
        for some in every:
            inputs = _flatten(part, some)
            for model, of in zip(models, leads, strict=True):
                predicted = model.predict(inputs)
                answer[first : first + len(some), of] = predicted.reshape(len(some), -1)
            first += len(some)
        return answer

    return forecast


_MOST_WINDOWS = 100_000
"""Windows that ridge looks at in one go, the most that it is fitted on."""


def _flatten(part: Part, origins: NDArray[np.int64]) -> NDArray[np.float32]:
    inputs = part.gather_inputs(origins)  # [windows, window, features]
    return inputs.reshape(len(inputs), -1)
