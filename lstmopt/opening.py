"""How what a study begins with enters its storage, and what its sampler is shown besides."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from lstmopt.objectives import Goals, Limits
from lstmopt.record import CANDIDATE, TAKEN_OVER
from lstmopt.segments import Segment
from lstmopt.space import Params, Space
from lstmopt.storage import StoredStudy
from lstmopt.trials import Trials
from lstmopt.warm_start import Beginning, Observation, PastTrial

CostOf = Callable[[Params], Any]


def enter(
    stored: StoredStudy, beginning: Beginning, goals: Goals, limits: Limits, cost_of: CostOf
) -> list[str]:
    """Put a beginning into a new study's storage; return what the user should know.

    Called again, it adds what is missing: a study may have been killed in between.
    """
    known = stored.study.get_trials(deepcopy=False)
    there = {trial.user_attrs.get(TAKEN_OVER, {}).get("index") for trial in known}
    allowed = [
        (n, past) for n, past in enumerate(beginning.finished) if _is_allowed(past, limits, cost_of)
    ]
    for n, past in allowed:
        if n not in there:
            stored.study.add_trial(_taken_over(n, past, beginning.space, goals, cost_of))
    there = {trial.user_attrs.get(CANDIDATE) for trial in known}
    for n, params in enumerate(beginning.candidates):
        if n not in there:
            stored.study.enqueue_trial(params, user_attrs={CANDIDATE: n})
    notices = []
    if allowed:
        notices.append(f"{len(allowed)} finished trials of earlier runs are taken over")
    if len(allowed) < len(beginning.finished):
        notices.append(f"{len(beginning.finished) - len(allowed)} of them exceed a limit")
    if beginning.candidates:
        notices.append(f"{len(beginning.candidates)} candidates are tried first")
    if beginning.observations:
        notices.append(f"{len(beginning.observations)} observations of other data may be shown")
    return notices


def _is_allowed(past: PastTrial, limits: Limits, cost_of: CostOf) -> bool:
    return all(excess <= 0 for excess in limits.excess(cost_of(past.params)).values())


def _taken_over(
    index: int, past: PastTrial, space: Space, goals: Goals, cost_of: CostOf
) -> FrozenTrial:
    """Make the trial that a finished one of an earlier study becomes."""
    cost = cost_of(past.params)
    learned = iter(past.losses)
    values = [
        o.measure(cost) if o.kind == "static" else o.minimised(next(learned))
        for o in goals.objectives
    ]
    attributes = {
        TAKEN_OVER: {"index": index, "number": past.number},
        "static": goals.static_values(cost),
        "epochs_trained": 0,
        "reason": f"taken over from trial {past.number} of an earlier run",
        "closed_at": 0,
        **Segment(0, past.curve).attribute(0),
    }
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE,
        params=past.params,
        distributions=_distributions(space, past.params),
        values=values,
        user_attrs=attributes,
    )


def _distributions(
    space: Space, params: Params
) -> dict[str, optuna.distributions.BaseDistribution]:
    return {name: space.parameters[name].distribution() for name in params}


class Shown:
    """The trials that a sampler is shown of a warm start's observations.

    They have no place in the storage: their numbers are negative, and their learned objectives are
    what this study's own trials of the same rank have, so that other data's units never matter
    (Salinas, Shen and Perrone, A quantile-based approach for hyperparameter transfer learning,
    ICML 2020). Until there are such trials the ranks themselves stand there.
    """

    def __init__(self, beginning: Beginning, goals: Goals) -> None:
        self._beginning, self._goals = beginning, goals
        self._made = [
            _unseen(n, o, beginning.space) for n, o in enumerate(beginning.observations, 1)
        ]
        self._known: tuple[int, list[FrozenTrial]] = (-1, [])

    def trials(self, own: Sequence[PastTrial], learned: Trials) -> list[FrozenTrial]:
        """Return what to show beside a study's ``own`` finished trials."""
        if not self._made:
            return []
        if self._known[0] != len(own):
            adviser = self._beginning.adviser
            chosen = range(len(self._made)) if adviser is None else adviser.shown(own)
            self._known = len(own), [self._as_trial(n, learned) for n in chosen]
        return self._known[1]

    def _as_trial(self, index: int, learned: Trials) -> FrozenTrial:
        observation = self._beginning.observations[index]
        ranks, static = iter(observation.ranks), iter(observation.static)
        values = []
        for objective in self._goals.objectives:
            if objective.kind == "static":
                values.append(objective.minimised(next(static)))
                continue
            rank = next(ranks)
            ends = learned.best(objective.name)[learned.finished, -1] if len(learned) else ()
            value = float(np.quantile(ends, rank)) if len(ends) >= _LEAST_FINISHED else rank
            values.append(objective.minimised(value))
        trial = self._made[index]
        trial.values = values
        return trial


_LEAST_FINISHED = 3
"""Own trials from which on a rank can be turned into a loss."""


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
        distributions=_distributions(space, observation.params),
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )
