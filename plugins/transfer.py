"""Show a sampler what was learnt on other data, as long as it agrees with what is seen here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from lstmopt import Strategy, hookimpl
from lstmopt.space import Params, Space
from lstmopt.warm_start import Beginning, Observation, PastStudy, PastTrial

Floats = NDArray[np.float64]

_FEWEST = 5
"""Finished trials that an earlier study needs to be worth a rank, or a model."""
_UNKNOWN = 0.5
"""The similarity of two series of which one is not known."""
_BANDWIDTH = 0.5
"""The share of discordant pairs at which an earlier study counts for nothing: that of chance."""


@dataclass(frozen=True)
class Source:
    """An earlier study, and where its observations stand in the list of all, best first."""

    space: Space
    study: PastStudy
    indices: tuple[int, ...]

    @cached_property
    def _predict(self) -> Callable[[Sequence[Params]], Floats]:
        from lstmopt.surrogate import Surrogate

        params = [trial.params for trial in self.study.trials]
        return Surrogate(self.space, params, ranks_of(self.study.trials)).predict

    def agreement(self, own: Sequence[PastTrial]) -> float:
        """Say how far this study orders ``own`` trials as they are ordered, 1 for all pairs.

        Epanechnikov's kernel over the share of discordant pairs (Wistuba, Schilling and
        Schmidt-Thieme, Scalable Gaussian process-based transfer surrogates for hyperparameter
        optimization, Machine Learning 107, 2018).
        """
        predicted = self._predict([trial.params for trial in own])
        found = np.array([trial.losses for trial in own])
        discordant = np.mean(list(map(_discordant, predicted.T, found.T)))
        return max(0.0, 1 - float(discordant / _BANDWIDTH) ** 2)


def _discordant(one: Floats, other: Floats) -> float:
    first, second = np.triu_indices(len(one), 1)
    signs = np.sign(one[first] - one[second]) * np.sign(other[first] - other[second])
    return float(np.mean((signs < 0) + 0.5 * (signs == 0)))


def ranks_of(trials: Sequence[PastTrial]) -> Floats:
    """Return the share of trials with a lower loss [trials, learned objectives], 0 for the best."""
    losses = np.array([trial.losses for trial in trials])
    ranks: Floats = (losses[:, None] > losses[None]).mean(1)
    return ranks


class Weighing:
    """Shows fewer observations the more trials there are, and fewer of studies that disagree."""

    def __init__(self, sources: Sequence[Source], most: int, fade: int) -> None:
        self.sources, self.most, self.fade = sources, most, fade

    def shown(self, own: Sequence[PastTrial]) -> list[int]:
        weights = [self._weight(source, own) for source in self.sources]
        share = self.most * self.fade / (self.fade + len(own)) / max(1.0, sum(weights))
        found: list[int] = []
        for source, weight in zip(self.sources, weights, strict=True):
            count = min(len(source.indices), round(share * weight))
            # evenly from the best to the worst, both of which a sampler learns from
            places = np.linspace(0, len(source.indices) - 1, count).round().astype(int)
            found += [source.indices[place] for place in places.tolist()]
        return sorted(found)

    def _weight(self, source: Source, own: Sequence[PastTrial]) -> float:
        alike = _UNKNOWN if source.study.similarity is None else source.study.similarity
        if len(own) < _FEWEST:
            return alike
        seen = len(own) / (len(own) + _FEWEST)
        return (1 - seen) * alike + seen * source.agreement(own)


class Transfer:
    """Shows earlier trials as observations, and tries the best of the most similar studies."""

    def __init__(self, most: int, fade: int, candidates: int) -> None:
        self.most, self.fade, self.candidates = most, fade, candidates

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        useful = [study for study in past if len(study.trials) >= _FEWEST]
        observations: list[Observation] = []
        sources = []
        for study in useful:
            ranks, first = ranks_of(study.trials), len(observations)
            observations += [
                Observation(trial.params, tuple(rank.tolist()), trial.static)
                for trial, rank in zip(study.trials, ranks, strict=True)
            ]
            order = first + np.lexsort(ranks.T[::-1])
            sources.append(Source(space, study, tuple(order.tolist())))
        return Beginning(
            space,
            tuple(self._first(useful)),
            observations=tuple(observations),
            adviser=Weighing(sources, self.most, self.fade),
        )

    def _first(self, studies: Sequence[PastStudy]) -> list[Params]:
        alike = sorted(studies, key=lambda study: -(study.similarity or 0.0))
        turns = zip_longest(*(study.front for study in alike))
        first = [trial.params for turn in turns for trial in turn if trial]
        return first[: self.candidates]


def make(*, most: int = 40, fade: int = 10, candidates: int = 4) -> Transfer:
    return Transfer(most, fade, candidates)


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    return [
        Strategy(
            "transfer",
            make,
            "shows the sampler trials on other data, weighted by how far they agree",
            "Wistuba et al., Machine Learning 107, 2018; Salinas et al., ICML 2020",
        )
    ]
