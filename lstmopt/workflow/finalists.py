"""Choose among refitted candidates on validation, open the test part once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lstmopt.data.series_features import SeriesFeatures
from lstmopt.data.split import Split
from lstmopt.data.windows import Part
from lstmopt.forecasting.baselines import FittedBaseline
from lstmopt.forecasting.forecast_table import tabulate
from lstmopt.forecasting.judging import MOST_SECONDS, Judged, judge, last_origins
from lstmopt.forecasting.verdict import Comparison, compare, window_errors
from lstmopt.networks.families import Families
from lstmopt.objectives import Goals
from lstmopt.results.document import (
    BaselineEntry,
    ChosenEntry,
    FinalistEntry,
    Outcome,
    SampleEntry,
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
    ``test`` are the refits' errors there and ``errors`` the baselines', ``judged`` says on which
    windows; ``comparison`` is with the one that is best on validation.
    """

    chosen: Finalist
    finalists: tuple[Finalist, ...]
    test: tuple[PartErrors, ...]
    baselines: tuple[FittedBaseline, ...]
    judged: dict[str, Judged | None]
    errors: dict[str, PartErrors | None]
    comparison: Comparison | None
    forecasts: pd.DataFrame
    most_seconds: float

    @property
    def deployed(self) -> Refit:
        return self.chosen.best

    def notices(self) -> list[str]:
        """Say of each baseline that was tested on a sample how large it was."""
        return [
            f"baseline {name} is tested on {len(judged.origins):,} of {judged.windows:,} origins, "
            f"evenly spread: from all of them it would take more than "
            f"{self.most_seconds:.2g} seconds"
            for name, judged in self.judged.items()
            if judged and judged.sampled
        ]


def open_test(
    chosen: Finalist,
    finalists: Sequence[Finalist],
    split: Split,
    baselines: Sequence[FittedBaseline],
    families: Families,
    most_seconds: float = MOST_SECONDS["test"],
) -> Verdict:
    """Score the chosen candidate's refits and the fitted baselines on the test part.

    Of the refits, the one that is best on validation is to be deployed, and compared with the
    baseline that is. Forecasting the test part takes each baseline ``most_seconds`` at most: where
    that is not enough for all windows, an even sample is looked at.
    """
    test = split.open_test()
    units, origins = OwnUnits.of(split, split.ends[2]), test.origins()
    kept, seasons = len(last_origins(test, "test")), split.series.season
    judged = {
        b.name: judge(b.forecast, test, most_seconds, kept, seasons) if b.forecast else None
        for b in baselines
    }
    networks = {f.trial.number: _network(f.best, families) for f in finalists}
    before = {b.name: b.judged for b in baselines}
    seen = _tabulate_last(split, split.validation, "validation", before, networks)
    own = networks[chosen.trial.number]
    shown = _tabulate_last(split, test, "test", judged, {chosen.trial.number: own})
    return Verdict(
        chosen,
        tuple(finalists),
        tuple(
            PartErrors.of(_network(refit, families)(test, origins), test, units)
            for refit in chosen.refits
        ),
        tuple(baselines),
        judged,
        {
            name: PartErrors.of(found.forecasts, test.at(found.origins), units) if found else None
            for name, found in judged.items()
        },
        _compare(own, baselines, judged, test, seasons),
        pd.concat([seen, shown], ignore_index=True),
        most_seconds,
    )


def _compare(
    network: Network,
    baselines: Sequence[FittedBaseline],
    judged: Mapping[str, Judged | None],
    test: Part,
    seasons: tuple[int, ...],
) -> Comparison | None:
    """Compare a network with the best baseline on validation, on the windows that it forecast.

    None where there is none.
    """
    mse = {b.name: b.validation.mse for b in baselines if b.validation}
    best = min(mse, key=lambda name: mse[name], default="")
    rival = judged.get(best)
    if rival is None:
        return None
    targets, mask = test.gather_targets(rival.origins)
    own = window_errors(network(test, rival.origins), targets, mask)
    lags = max(test.shape.horizon, min(seasons, default=0))
    return compare(best, own, rival.errors, rival.lags(lags))


Network = Callable[[Part, NDArray[np.int64]], NDArray[np.float32]]
"""Maps a part and origins to forecasts [windows, horizon] of its scaled target."""


def _network(refit: Refit, families: Families) -> Network:
    def forecast(part: Part, origins: NDArray[np.int64]) -> NDArray[np.float32]:
        model = families.build(refit.candidate.params, part.columns)
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
    baselines: Mapping[str, Judged | None],
    networks: Mapping[int, Network],
) -> pd.DataFrame:
    """Tabulate a part's last forecasts, networks by the number of their trial."""
    origins = last_origins(part, name)
    predicted = {name: judged.last for name, judged in baselines.items() if judged}
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
        bar={b.name: _bar_entry(b, verdict.judged[b.name]) for b in verdict.baselines},
        verdict=None if verdict.comparison is None else VerdictEntry(**asdict(verdict.comparison)),
        features=features,
    )


def _bar_entry(baseline: FittedBaseline, test: Judged | None) -> BaselineEntry:
    scores = baseline.validation
    return BaselineEntry(
        validation_mse=finite(scores.mse) if scores else None,
        validation_mae=finite(scores.mae) if scores else None,
        validation_r2=finite(scores.r2) if scores else None,
        latency_ms=baseline.latency_ms,
        validation_sample=_sample(baseline.judged),
        test_sample=_sample(test),
    )


def _sample(judged: Judged | None) -> SampleEntry | None:
    """Say on how many windows a baseline was judged, None where on all."""
    if judged is None or not judged.sampled:
        return None
    return SampleEntry(origins=len(judged.origins), of=judged.windows)
