"""Choose among refitted candidates on validation, open the test part once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lstmopt.data.series_features import SeriesFeatures
from lstmopt.data.split import Split
from lstmopt.data.windows import Part
from lstmopt.forecasting.baselines import FittedBaseline, Forecast
from lstmopt.forecasting.forecast_table import last_origins, tabulate
from lstmopt.forecasting.verdict import Comparison, compare
from lstmopt.networks.lstm import LSTMForecaster
from lstmopt.objectives import Goals
from lstmopt.results.document import (
    BaselineEntry,
    ChosenEntry,
    FinalistEntry,
    Outcome,
    Spread,
    VerdictEntry,
    finite,
)
from lstmopt.results.selection import pick_index
from lstmopt.training.batches import DevicePart
from lstmopt.training.own_units import OwnUnits
from lstmopt.training.scores import predict
from lstmopt.training.trainer import one_thread
from lstmopt.workflow.forecast_errors import PartErrors, summarise
from lstmopt.workflow.refits import Finalist, Refit


def choose(finalists: Sequence[Finalist], goals: Goals, pick: str) -> Finalist:
    """Choose among finalists by their means on validation.

    ``knee`` weighs every objective (see `pareto.knee`), ``best`` takes the first learned one,
    ``fastest`` the first static one (the first objective where there is none).
    """
    index = pick_index([f.values for f in finalists], goals, pick)
    return finalists[index]


@dataclass(frozen=True)
class Verdict:
    """What the test part said, after the choice was made.

    ``forecasts`` holds the last ones row by row (see `forecast_table.tabulate`): on the validation
    part every finalist's, on the test part those of the network to deploy; the baselines' on both.
    ``test`` are the refits' errors there and ``errors`` the baselines', ``comparison`` is with the
    one that is best on validation.
    """

    chosen: Finalist
    finalists: tuple[Finalist, ...]
    test: tuple[PartErrors, ...]
    baselines: tuple[FittedBaseline, ...]
    errors: dict[str, PartErrors | None]
    comparison: Comparison | None
    forecasts: pd.DataFrame

    @property
    def deployed(self) -> Refit:
        return self.chosen.best


def open_test(
    chosen: Finalist,
    finalists: Sequence[Finalist],
    split: Split,
    baselines: Sequence[FittedBaseline],
) -> Verdict:
    """Score the chosen candidate's refits and the fitted baselines on the test part.

    Of the refits, the one that is best on validation is to be deployed, and compared with the
    baseline that is.
    """
    test = split.open_test()
    units, origins = OwnUnits.of(split, split.ends[2]), test.origins()
    usable = {b.name: b.forecast for b in baselines if b.forecast}
    networks = {f.trial.number: _network(f.best) for f in finalists}
    seen = _tabulate_last(split, split.validation, "validation", usable, networks)
    kept = {chosen.trial.number: networks[chosen.trial.number]}
    shown = _tabulate_last(split, test, "test", usable, kept)
    return Verdict(
        chosen,
        tuple(finalists),
        tuple(PartErrors.of(_network(r)(test, origins), test, units) for r in chosen.refits),
        tuple(baselines),
        {
            b.name: PartErrors.of(b.forecast(test), test, units) if b.forecast else None
            for b in baselines
        },
        _compare(networks[chosen.trial.number], baselines, test, split.series.season),
        pd.concat([seen, shown], ignore_index=True),
    )


def _compare(
    network: Network, baselines: Sequence[FittedBaseline], test: Part, seasons: tuple[int, ...]
) -> Comparison | None:
    """Compare a network with the best baseline on validation; None where there is none."""
    rivals = [b for b in baselines if b.forecast and b.validation]
    if not rivals:
        return None
    best = min(rivals, key=lambda b: b.validation.mse if b.validation else math.inf)
    origins = test.origins()
    targets, mask = test.gather_targets(origins)
    own, other = (
        _window_errors(forecasts, targets, mask)
        for forecasts in (network(test, origins), best.forecast(test) if best.forecast else targets)
    )
    lags = max(test.shape.horizon, min(seasons, default=0))
    return compare(best.name, own, other, lags)


def _window_errors(
    forecasts: NDArray[np.float32], targets: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the mean squared error of each window [windows] over its observed leads."""
    squares = np.where(mask, (forecasts.astype(np.float64) - targets) ** 2, 0.0)
    errors: NDArray[np.float64] = squares.sum(axis=1) / mask.sum(axis=1)
    return errors


Network = Callable[[Part, NDArray[np.int64]], NDArray[np.float32]]
"""Maps a part and origins to forecasts [windows, horizon] of its scaled target."""


def _network(refit: Refit) -> Network:
    def forecast(part: Part, origins: NDArray[np.int64]) -> NDArray[np.float32]:
        shape, features = part.shape, part.inputs.shape[1]
        model = LSTMForecaster(refit.candidate.architecture, features, shape.horizon)
        model.load_state_dict(refit.weights)
        with one_thread():
            forecasts = predict(model, DevicePart(part, "cpu"), torch.from_numpy(origins))
        answer: NDArray[np.float32] = forecasts.numpy()
        return answer

    return forecast


def _tabulate_last(
    split: Split,
    part: Part,
    name: str,
    baselines: Mapping[str, Forecast],
    networks: Mapping[int, Network],
) -> pd.DataFrame:
    """Tabulate a part's last forecasts, networks by the number of their trial."""
    origins = last_origins(part, name)
    predicted = {b: forecast(part)[-len(origins) :] for b, forecast in baselines.items()}
    predicted |= {f"trial {n}": network(part, origins) for n, network in networks.items()}
    return tabulate(split, part, name, predicted)


def describe(
    verdict: Verdict, pick: str, latency_ms: float, target_std: float, features: SeriesFeatures
) -> Outcome:
    """Say a verdict as plain values, for the record.

    ``pick`` says how the choice was made, ``latency_ms`` is what a forecast of the chosen
    architecture takes, ``target_std`` the standard deviation of the target in its own units.
    """
    chosen = verdict.chosen
    return Outcome(
        chosen=ChosenEntry(
            trial=chosen.trial.number,
            params=dict(chosen.trial.params),
            validation={name: finite(value) for name, value in chosen.values.items()},
            test=summarise(verdict.test, target_std),
            latency_ms=latency_ms,
            pick=pick,
        ),
        finalists=tuple(
            FinalistEntry(
                trial=finalist.trial.number,
                seeds=finalist.seeds,
                validation={
                    name: Spread(mean=finite(mean), std=finite(finalist.spread[name]))
                    for name, mean in finalist.values.items()
                },
            )
            for finalist in verdict.finalists
        ),
        baselines={
            name: None if errors is None else summarise([errors], target_std)
            for name, errors in verdict.errors.items()
        },
        bar={
            b.name: BaselineEntry(
                validation_mse=finite(b.validation.mse) if b.validation else None,
                latency_ms=b.latency_ms,
            )
            for b in verdict.baselines
        },
        verdict=None if verdict.comparison is None else VerdictEntry(**asdict(verdict.comparison)),
        features=features,
    )
