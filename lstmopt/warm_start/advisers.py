"""What an earlier study's trials say of candidates here, and for how long they are believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from lstmopt.search_space import Architecture, Params, Space, draw
from lstmopt.warm_start.protocols import Observation, PastStudy, PastTrial

Floats = NDArray[np.float64]

FEWEST = 5
"""Finished trials that a study needs to be worth a rank, or a model."""
_DRAWN = 2000
"""Candidates that a model is asked about."""
_LATEST = 100
"""Own trials whose order is compared: pairs grow with their square."""
_UNKNOWN = 0.5
"""The similarity of two series of which one is not known."""
_BANDWIDTH = 0.5
"""The share of discordant pairs at which an earlier study counts for nothing: that of chance."""


@dataclass(frozen=True)
class SourceStudy:
    """An earlier study of `FEWEST` trials or more, and a model of how it would rank others.

    ``costs`` gives the static objectives of any candidate in that study; without it they are known
    of its own trials alone.
    """

    space: Space
    study: PastStudy
    costs: Callable[[Params], tuple[float, ...]] | None = None

    def static(self, params: Params) -> tuple[float, ...] | None:
        """Return the static objectives of a candidate, None where they are not known."""
        return self.costs(params) if self.costs else self._measured.get(Architecture.of(params))

    @cached_property
    def _measured(self) -> dict[Architecture, tuple[float, ...]]:
        return {Architecture.of(trial.params): trial.static for trial in self.study.trials}

    @cached_property
    def ranks(self) -> Floats:
        """The share of trials with a lower loss [trials, learned objectives], 0 for the best."""
        losses = np.array([trial.losses for trial in self.study.trials])
        ranks: Floats = (losses[:, None] > losses[None]).mean(1)
        return ranks

    @cached_property
    def predict(self) -> Callable[[Sequence[Params]], Floats]:
        """Predicts ranks [candidates, learned objectives].

        Of ranks and not of losses: a few diverged trials would bend a model of those.
        """
        from lstmopt.warm_start.surrogate import Surrogate

        params = [trial.params for trial in self.study.trials]
        return Surrogate(self.space, params, self.ranks).predict

    def expected(self) -> PastStudy:
        """Return the study with the ranks that its model expects, and candidates drawn besides.

        Fifty random trials rarely hold the best; a model knows where to look between them.
        """
        pool = [trial.params for trial in self.study.trials]
        pool += draw(self.space, _DRAWN, np.random.default_rng(0))
        costs = [(params, self.static(params)) for params in pool]
        known = [(params, static) for params, static in costs if static is not None]
        ranks = self.predict([params for params, _ in known])
        trials = (
            PastTrial(n, params, tuple(rank.tolist()), static)
            for n, ((params, static), rank) in enumerate(zip(known, ranks, strict=True))
        )
        return PastStudy(self.study.name, tuple(trials))

    def candidates(self) -> list[Params]:
        """List what is worth trying: the study's front and the one that its model expects, in turn.

        What was seen to be good may be beaten by what is expected, and the other way round.
        """
        turns = zip_longest(self.study.front, self.expected().front)
        return [trial.params for turn in turns for trial in turn if trial]

    def observations(self) -> list[Observation]:
        """Return the study's trials as a sampler may be shown them, the best first."""
        order = np.lexsort(self.ranks.T[::-1]).tolist()
        trials = self.study.trials
        return [
            Observation(trials[n].params, tuple(self.ranks[n].tolist()), trials[n].static)
            for n in order
        ]

    def agreement(self, own: Sequence[PastTrial]) -> float:
        """Say how far this study orders ``own`` trials as they are ordered, 1 for all pairs.

        Epanechnikov's kernel over the share of discordant pairs (Wistuba, Schilling and
        Schmidt-Thieme, Scalable Gaussian process-based transfer surrogates for hyperparameter
        optimization, Machine Learning 107, 2018).
        """
        predicted = self.predict([trial.params for trial in own])
        found = np.array([trial.losses for trial in own])
        apart = np.mean([_discordant(p, f) for p, f in zip(predicted.T, found.T, strict=False)])
        return max(0.0, 1 - float(apart / _BANDWIDTH) ** 2)


def too_small(past: Sequence[PastStudy]) -> tuple[str, ...]:
    """Say of each study that has too few finished trials that it is left out."""
    return tuple(
        f"{study.name} has {len(study.trials)} finished trials, fewer than {FEWEST}: left out"
        for study in past
        if len(study.trials) < FEWEST
    )


def _discordant(one: Floats, other: Floats) -> float:
    """Return the share of pairs that two orders disagree on; a tie is half of one."""
    first, second = np.triu_indices(len(one), 1)
    signs = np.sign(one[first] - one[second]) * np.sign(other[first] - other[second])
    return float(np.mean((signs < 0) + 0.5 * (signs == 0)))


class WeightedAdviser:
    """Shows fewer observations the more trials there are, and fewer of studies that disagree.

    ``most`` in the beginning, half of them once ``fade`` trials are finished; each source's share
    by the similarity of its series and, from five finished trials on, by how far its ranks agree
    with theirs. ``observations`` are those of all sources, in their order.
    """

    def __init__(self, sources: Sequence[SourceStudy], most: int = 40, fade: int = 10) -> None:
        self.sources, self.most, self.fade = sources, most, fade
        self._each = [source.observations() for source in sources]

    @property
    def observations(self) -> tuple[Observation, ...]:
        return tuple(observation for each in self._each for observation in each)

    def shown(self, own: Sequence[PastTrial]) -> list[int]:
        left = self.most * self.fade / (self.fade + len(own))
        if left < 0.5:
            return []
        weights = [self._weight(source, own) for source in self.sources]
        share = left / max(1.0, sum(weights))
        found: list[int] = []
        first = 0
        for each, weight in zip(self._each, weights, strict=True):
            count = min(len(each), round(share * weight))
            # evenly from the best to the worst, both of which a sampler learns from
            places = np.linspace(0, len(each) - 1, count).round().astype(int)
            found += (first + places).tolist()
            first += len(each)
        return found

    def _weight(self, source: SourceStudy, own: Sequence[PastTrial]) -> float:
        alike = _UNKNOWN if source.study.similarity is None else source.study.similarity
        if len(own) < FEWEST:
            return alike
        seen = len(own) / (len(own) + FEWEST)
        latest = sorted(own, key=lambda trial: trial.number)[-_LATEST:]
        return (1 - seen) * alike + seen * source.agreement(latest)
