"""The bar: forecasts that a network has to beat, fitted, chosen on validation, and timed."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lstmopt.data.windows import Fold, Part
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baseline_state import BaselineState, SavableBaseline
from lstmopt.forecasting.judging import MOST_SECONDS, Forecast, Judged, judge
from lstmopt.plugin.failures import PluginErrors, wrong_answer
from lstmopt.plugin.options import make
from lstmopt.plugin.registry import Registry
from lstmopt.plugin.strategy import Named, described
from lstmopt.training.metrics import Scores, score

_TIMINGS = 20


class Baseline(Protocol):
    """What a baseline's strategy makes.

    One that is a `baseline_state.SavableBaseline` too may be part of an average that is deployed.
    """

    def fit(self, train: Part, validation: Part, seasons: Sequence[int]) -> Forecast | None:
        """Fit on training rows; what it has to choose, it chooses on validation.

        Args:
            train: Windows and their targets, scaled; see `data.windows.Part`.
            validation: What follows, with inputs that reach back into ``train``.
            seasons: Plausible season lengths, in rows; there may be none.

        Returns:
            The forecast, None where this series cannot have one.
        """


@dataclass(frozen=True)
class FittedBaseline:
    """A baseline ready to forecast.

    ``judged`` is what it came to on the newest fold's validation part, ``validation`` are its
    scores over all folds, ``latency_ms`` what one forecast takes. All four are None for a baseline
    that the series cannot have. ``fitting_seconds`` and ``scoring_seconds`` are what that took.
    ``text`` is what it is made from, ``NAME`` or ``NAME:KEY=VALUE,…``; ``state`` is None where it
    cannot be saved. ``older`` is what it came to on the other folds, the newest first, None where
    it cannot be had there.
    """

    name: str
    forecast: Forecast | None
    judged: Judged | None = None
    validation: Scores | None = None
    latency_ms: float | None = None
    scoring_seconds: float = 0.0
    fitting_seconds: float = 0.0
    text: str = ""
    state: BaselineState | None = None
    older: tuple[Judged | None, ...] = ()


def fit_baselines(
    registry: Registry,
    names: Iterable[str] | None,
    train: Part,
    validation: Part,
    seasons: Sequence[int],
    older: Sequence[Fold] = (),
) -> list[FittedBaseline]:
    """Fit baselines by name, ``NAME`` or ``NAME:KEY=VALUE,…``; for None see `default_names`.

    Their scores on validation are means over ``train`` and ``validation`` and the ``older`` folds,
    on each of which they are fitted anew, as far as it can have them. Raises LstmoptError for a
    name that is not registered, and where a plug-in fails.
    """
    folds = (Fold(train, validation), *older)
    return [
        with_latency(fit_baseline(registry, text, folds, seasons), validation)
        for text in baseline_names(registry, names)
    ]


def baseline_names(registry: Registry, names: Iterable[str] | None) -> list[str]:
    """Return what a study's baselines are called: for None, see `default_names`."""
    return default_names(registry) if names is None else list(names)


def default_names(registry: Registry) -> list[str]:
    """Name the baselines of a study that names none: those whose packages are installed.

    Those that need one come last: where time is short, the others are there.
    """
    needs = {n: registry.strategy("baseline", n).needs for n in registry.names("baseline")}
    there = [name for name, package in needs.items() if not package or find_spec(package)]
    return sorted(there, key=lambda name: bool(needs[name]))


def make_baseline(registry: Registry, text: str) -> Baseline:
    """Make a baseline, ``NAME`` or ``NAME:KEY=VALUE,…``.

    Raises LstmoptError for a name that is not registered, for options that it cannot take, and
    where a plug-in makes no baseline.
    """
    named = Named.parse(text)
    strategy = registry.strategy("baseline", named.name)
    made: Baseline = make(strategy, "baseline", named.options)
    if not callable(getattr(made, "fit", None)):
        rule, who = "a baseline strategy makes what has fit", described("baseline", strategy)
        raise LstmoptError(wrong_answer(rule, type(made).__name__, who))
    return made


def fit_baseline(
    registry: Registry,
    text: str,
    folds: Sequence[Fold],
    seasons: Sequence[int],
    most_seconds: float = math.inf,
) -> FittedBaseline:
    """Fit one baseline on each fold and score it there; its forecasts are not timed yet.

    Those of the newest fold are what it has to offer. Where all forecasts of a validation part take
    more than ``most_seconds`` (or ten), a sample is looked at. Raises LstmoptError for a name that
    is not registered, and where a plug-in fails.
    """
    named, who = Named.parse(text), ""
    fitted: dict[int, tuple[CheckedForecast, Fold]] = {}
    state, began = None, time.perf_counter()
    for place, fold in enumerate(folds):
        made = make_baseline(registry, text)
        who = described("baseline", registry.strategy("baseline", named.name))
        with PluginErrors(who):
            forecast = made.fit(fold.train, fold.validation, tuple(seasons))
            if place == 0 and forecast is not None and isinstance(made, SavableBaseline):
                state = made.state(forecast)
        if forecast is not None:
            fitted[place] = CheckedForecast(forecast, who), fold
        elif place == 0:
            return FittedBaseline(named.name, None)
    with PluginErrors(who):
        start = time.perf_counter()
        most = min(MOST_SECONDS["validation"], most_seconds)
        judged = {
            place: judge(forecast, fold.validation, most, "validation", seasons)
            for place, (forecast, fold) in fitted.items()
        }
        scores = mean_scores(
            [found.scores for found in judged.values()], [fold for _, fold in fitted.values()]
        )
        took = time.perf_counter() - start
        return FittedBaseline(
            named.name,
            fitted[0][0],
            judged[0],
            scores,
            scoring_seconds=took,
            fitting_seconds=start - began,
            text=text,
            state=state,
            older=tuple(judged.get(place) for place in range(1, len(folds))),
        )


@dataclass(frozen=True)
class CheckedForecast:
    """A plug-in's forecast, held to a finite number a window and lead."""

    forecast: Forecast
    who: str

    def __call__(self, part: Part) -> NDArray[np.float32]:
        with PluginErrors(self.who):
            found = np.asarray(self.forecast(part), np.float32)
        shape = (len(part.origins()), part.shape.horizon)
        if found.shape != shape or not np.isfinite(found).all():
            rule = f"a baseline forecasts a finite number for each of [windows, horizon] {shape}"
            raise LstmoptError(wrong_answer(rule, f"shape {found.shape}", self.who))
        return found


def with_latency(baseline: FittedBaseline, part: Part) -> FittedBaseline:
    """Return a baseline with what one forecast takes, where it has any."""
    if baseline.forecast is None:
        return baseline
    return replace(baseline, latency_ms=time_forecast(baseline.forecast, part))


def time_forecast(forecast: Forecast, part: Part) -> float:
    """Return what one forecast from a part's last window takes, in milliseconds (the median)."""
    one = part.at(part.origins()[-1:])
    taken = []
    for _ in range(_TIMINGS):
        start = time.perf_counter()
        forecast(one)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


def score_part(forecast: Forecast, part: Part) -> Scores:
    """Score a baseline on every window of a part, in the scaled target's units."""
    targets, mask = part.gather_targets(part.origins())
    return score(forecast(part), targets, mask)


def score_folds(forecasts: Sequence[Forecast], folds: Sequence[Fold]) -> Scores:
    """Score a forecast of each fold on its validation part; means, in the newest fold's units."""
    scores = [score_part(f, fold.validation) for f, fold in zip(forecasts, folds, strict=True)]
    return mean_scores(scores, folds)


def mean_scores(scores: Sequence[Scores], folds: Sequence[Fold]) -> Scores:
    """Return the means of scores on folds, in the newest fold's units."""
    return Scores(
        statistics.fmean(s.mse * fold.unit**2 for s, fold in zip(scores, folds, strict=True)),
        statistics.fmean(s.mae * fold.unit for s, fold in zip(scores, folds, strict=True)),
        statistics.fmean(s.r2 for s in scores),
    )


def best_on(validation: Part, forecasts: Iterable[Forecast]) -> Forecast | None:
    """Return the forecast whose squared error on validation is lowest, None where there is none."""
    return min(forecasts, key=lambda f: score_part(f, validation).mse, default=None)


def window_lengths(train: Part, seasons: Sequence[int], most: int) -> list[int]:
    """Return lengths to look back: the network's window, one season and two, up to ``most`` rows.

    None is longer than a quarter of the training part.
    """
    longest = min(most, train.spans.length // 4)
    wanted = {train.shape.window, *seasons, *(2 * season for season in seasons)}
    return sorted(n for n in wanted if n <= longest) or [train.shape.window]


def repeat(part: Part) -> NDArray[np.float32]:
    """Repeat the last value [windows, horizon]."""
    return np.repeat(part.targets[part.origins()][:, None], part.shape.horizon, axis=1)
