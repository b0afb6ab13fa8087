"""What a sampler is shown of other studies beside its own."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from lstmopt.objectives import CandidateCosts, Goals
from lstmopt.pruning.trial_curves import Floats, Trials
from lstmopt.search_space import Space, draw
from lstmopt.storage.optuna_internals import changed
from lstmopt.warm_start.protocols import Beginning, Observation, PastTrial


class WarmStartObservations:
    """The trials that a sampler is shown besides the study's own, on behalf of a warm start.

    They have no place in the storage, and their numbers are negative. *Observations* have the
    learned objectives that this study's own trials of the same rank have, so that other data's
    units never matter (Salinas, Shen and Perrone, A quantile-based approach for hyperparameter
    transfer learning, ICML 2020).

    Candidates without observations claim to be better than others, and a sampler that compares
    good trials with bad ones would learn the opposite: among good candidates alone, most are its
    bad ones. So a *background* is shown with them, drawn at random and ranked last, as long as the
    study has few trials of its own that are not the warm start's.
    """

    def __init__(self, beginning: Beginning, goals: Goals, costs: CandidateCosts) -> None:
        self._adviser, self._goals, self._costs = beginning.adviser, goals, costs
        self._observations = [_with_all_ranks(o, goals) for o in beginning.observations]
        self._background = bool(beginning.candidates) and not self._observations
        if self._background:
            drawn = draw(beginning.space, _BACKGROUND, np.random.default_rng(0))
            # last in everything: a small network alone would be on a front for its speed
            there = [params for params in drawn if costs.is_known(params)] or drawn[:1]
            static = (goals.minimised_static(costs.static(params)) for params in there)
            worst = tuple(max(column) for column in zip(*static, strict=True))
            last = (1.0,) * len(goals.learned)
            self._observations = [Observation(params, last, worst) for params in drawn]
        self._made = [_unseen(n, o, beginning.space) for n, o in enumerate(self._observations, 1)]
        self._known: tuple[tuple[int, int], list[FrozenTrial]] = ((-1, -1), [])

    def trials(
        self, own: Sequence[PastTrial], learned: Trials, begun: int, breeds: bool = False
    ) -> list[FrozenTrial]:
        """Return what to show beside a study's ``own`` finished trials, among all in ``learned``.

        Where no adviser chooses, ``own`` may be left empty.
        ``begun`` counts its trials that are not the warm start's; a sampler that ``breeds`` sees no
        background, which would be parents.
        """
        if self._background:
            count = 0 if breeds else max(0, len(self._made) - begun)
            return [self._as_trial(n, learned) for n in range(count)]
        if not self._made:
            return []
        state = len(own), int(learned.finished.sum())
        if self._known[0] != state:
            every = range(len(self._made))
            chosen = every if self._adviser is None else self._adviser.shown(own)
            self._known = state, [self._as_trial(n, learned) for n in chosen]
        return self._known[1]

    def _as_trial(self, index: int, learned: Trials) -> FrozenTrial:
        observation = self._observations[index]
        ranks, static = iter(observation.ranks), iter(self._static(observation))
        values = []
        for objective in self._goals.objectives:
            if objective.kind == "static":
                values.append(objective.minimised(next(static)))
                continue
            ends = learned.best(objective.name)[learned.finished, -1]
            values.append(objective.minimised(_value_of(next(ranks), ends)))
        return changed(self._made[index], values=values)

    def _static(self, observation: Observation) -> tuple[float, ...]:
        """Return what a forecast costs here; it is measured where nothing says it."""
        static = self._costs.static
        return observation.static or self._goals.minimised_static(static(observation.params))


_BACKGROUND = 20
"""Random candidates that stand for all those that a warm start did not choose."""


_LEAST_FINISHED = 3
"""Own trials from which on a rank can be turned into a loss."""


def _value_of(rank: float, ends: Floats) -> float:
    """Return the loss that a rank stands for among own trials that ended with ``ends``."""
    if len(ends) >= _LEAST_FINISHED:
        return float(np.quantile(ends, rank))
    if not len(ends):
        return rank
    middle = float(np.median(ends))
    return middle + (rank - 0.5) * (float(np.ptp(ends)) or abs(middle) or 1.0)


def _with_all_ranks(observation: Observation, goals: Goals) -> Observation:
    """Return an observation with a rank for each learned objective, alike where there was one."""
    if len(observation.ranks) > 1:
        return observation
    return replace(observation, ranks=observation.ranks * len(goals.learned))


def _unseen(index: int, observation: Observation, space: Space) -> FrozenTrial:
    now = datetime.datetime(1970, 1, 1)
    return FrozenTrial(
        number=-index,
        trial_id=-index,
        state=TrialState.COMPLETE,
        value=None,
        values=[0.0],
        datetime_start=now,
        datetime_complete=now,
        params=dict(observation.params),
        distributions=space.distributions(observation.params),
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )
