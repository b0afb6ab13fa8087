"""How what a study begins with enters its storage, and what its sampler is shown besides."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from lstmopt.objectives import Goals, Limits
from lstmopt.pruning.trial_curves import Floats, Trials
from lstmopt.search.search_plan import Plan
from lstmopt.search_space import Params, Space, draw
from lstmopt.storage.segments import Segment
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import CANDIDATE, END, TAKEN_OVER
from lstmopt.warm_start.protocols import Beginning, Observation, PastTrial

CostOf = Callable[[Params], Any]


def enter(stored: StoredStudy, plan: Plan, cost_of: CostOf) -> list[str]:
    """Put a plan's beginning into a study's storage; return what the user should know.

    No more candidates than the study may begin trials. Called again, it adds what is missing: a
    study may have been killed in between, and may have more trials now.
    """
    beginning = plan.beginning
    if beginning is None:
        return []
    goals, limits, trials = plan.goals, plan.limits, plan.trials
    known = stored.study.get_trials(deepcopy=False)
    there = {trial.user_attrs.get(TAKEN_OVER, {}).get("index") for trial in known}
    allowed = [
        (n, past) for n, past in enumerate(beginning.finished) if _is_allowed(past, limits, cost_of)
    ]
    for n, past in allowed:
        if n not in there:
            stored.study.add_trial(_taken_over(n, past, beginning.space, goals, cost_of))
    there = {trial.user_attrs.get(CANDIDATE) for trial in known}
    for n, params in enumerate(beginning.candidates[:trials]):
        if n not in there:
            stored.study.enqueue_trial(params, user_attrs={CANDIDATE: n})
    notices = []
    if allowed:
        notices.append(f"{len(allowed)} finished trials of earlier runs are taken over")
    if len(allowed) < len(beginning.finished):
        slow = len(beginning.finished) - len(allowed)
        notices.append(f"{slow} finished trials of earlier runs exceed a limit")
    if beginning.candidates:
        notices.append(f"{len(beginning.candidates[:trials])} candidates are tried first")
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
        END: {"at": 0, "reason": f"taken over from trial {past.number} of an earlier run"},
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

    def __init__(self, beginning: Beginning, goals: Goals, cost_of: CostOf) -> None:
        self._adviser, self._goals = beginning.adviser, goals
        self._observations = [_completed(o, goals, cost_of) for o in beginning.observations]
        self._background = bool(beginning.candidates) and not self._observations
        if self._background:
            drawn = draw(beginning.space, _BACKGROUND, np.random.default_rng(0))
            # last in everything: a small network alone would be on a front for its speed
            costs = zip(*(_static(goals, cost_of(params)) for params in drawn), strict=True)
            worst, last = tuple(max(column) for column in costs), (1.0,) * len(goals.learned)
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
        ranks, static = iter(observation.ranks), iter(observation.static)
        values = []
        for objective in self._goals.objectives:
            if objective.kind == "static":
                values.append(objective.minimised(next(static)))
                continue
            ends = learned.best(objective.name)[learned.finished, -1]
            values.append(objective.minimised(_value_of(next(ranks), ends)))
        trial = self._made[index]
        trial.values = values
        return trial


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


def _completed(observation: Observation, goals: Goals, cost_of: CostOf) -> Observation:
    """Fill in what an observation leaves to be known here: ranks alike, costs of this machine."""
    ranks, static = observation.ranks, observation.static
    if len(ranks) == 1:
        ranks *= len(goals.learned)
    return Observation(
        observation.params, ranks, static or _static(goals, cost_of(observation.params))
    )


def _static(goals: Goals, cost: Any) -> tuple[float, ...]:
    return tuple(o.minimised(o.measure(cost)) for o in goals.static)


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
