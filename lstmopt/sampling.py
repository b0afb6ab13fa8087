"""What a sampler is told of trials that have no values of their own.

In a study of several objectives Optuna's samplers learn nothing from a stopped trial, and nothing
at all from one that is paused. Here a sampler asks of the study's storage through a view in which
such trials carry stand-ins, in which a warm start's observations stand beside the study's own
trials, and in which what a warm start brought is a first generation: the storage itself, and
whoever else reads it, never sees any of it.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from lstmopt.errors import MachineError
from lstmopt.record import CANDIDATE, TAKEN_OVER
from lstmopt.registry import TellStopped
from lstmopt.trials import Floats, Trials

if TYPE_CHECKING:
    from lstmopt.objectives import Goals

_LEAST_FINISHED = 3
"""Finished trials needed before anything is extrapolated from them."""


_DRAWN = -(2**31)
"""The id of a trial that is being drawn; what a warm start shows has small negative ones."""


def _delegate(name: str) -> Callable[..., Any]:
    def call(self: SamplerView, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.storage, name)(*args, **kwargs)

    call.__name__ = name
    return call


_Delegating: Any = type(
    "_Delegating", (BaseStorage,), {n: _delegate(n) for n in BaseStorage.__abstractmethods__}
)


class SamplerView(_Delegating):  # type: ignore[misc]
    """A storage in which trials without values show ``stand_ins``, by trial number.

    Once shown, a trial needs a value whatever becomes of it: NSGA-II may have bred from it.
    """

    def __init__(self, storage: BaseStorage, study_name: str) -> None:
        self.storage = storage
        self._study_id = storage.get_study_id_from_name(study_name)
        self.stand_ins: Mapping[int, tuple[float, ...]] = {}
        self._listed: list[FrozenTrial] | None = None
        self._count = 0
        self._drawn: FrozenTrial | None = None
        self._parents: dict[int, set[int]] = {}
        self._shown: dict[int, tuple[FrozenTrial, tuple[float, ...], FrozenTrial]] = {}

    def get_trial(self, trial_id: int) -> FrozenTrial:
        if trial_id == _DRAWN and self._drawn is not None:
            return self._drawn
        return self._show(self.storage.get_trial(trial_id))

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        trials = self._listed
        if trials is None:
            trials = self._shown_of(self.storage.get_all_trials(study_id, deepcopy=False))
        found = [t for t in trials if states is None or t.state in states]
        return copy.deepcopy(found) if deepcopy else found

    @contextmanager
    def asking(
        self,
        stand_ins: Mapping[int, tuple[float, ...]],
        sees: int | None = None,
        always: Collection[int] = (),
        stopped_per_finished: int | None = None,
        observations: Sequence[FrozenTrial] = (),
        sampler: optuna.samplers.BaseSampler | None = None,
    ) -> Iterator[None]:
        """Show the trials as they stand now while a sampler proposes the next one.

        Where it ``sees`` so many trials only, these are the latest, as many of the latest that have
        values, and those numbered ``always``.
        Of the stopped ones without values at most ``stopped_per_finished`` for each that has them.
        A warm start's ``observations`` stand before them, and a ``sampler`` that breeds generations
        finds a first one of what a warm start brought.
        """
        self.stand_ins = stand_ins
        trials = self.storage.get_all_trials(self._study_id, deepcopy=False)
        self._count = len(trials)
        if sees is not None and len(trials) > sees:
            older = trials[:-sees]
            finished = [trial.number for trial in older if trial.state == TrialState.COMPLETE]
            kept = {*finished[-sees:], *(n for n in always if n < len(older))}
            kept |= self.parents(sampler)
            trials = [trial for trial in older if trial.number in kept] + trials[-sees:]
        shown = self._shown_of(trials)
        if stopped_per_finished is not None:
            shown = _with_latest_stopped(shown, stopped_per_finished)
        shown = [*observations, *shown]
        if isinstance(sampler, optuna.samplers.BaseGASampler):
            shown = _with_first_generation(shown, sampler)
        self._listed = shown
        try:
            yield
        finally:
            self._listed = None

    def parents(self, sampler: optuna.samplers.BaseSampler | None) -> set[int]:
        """Number the trials from which a genetic sampler breeds now, as it has noted them."""
        if not isinstance(sampler, optuna.samplers.BaseGASampler):
            return set()
        prefix = sampler._get_parent_cache_key_prefix()
        noted = self.storage.get_study_system_attrs(self._study_id)
        generations = sorted(int(k.removeprefix(prefix)) for k in noted if k.startswith(prefix))
        numbers: set[int] = set()
        for generation in generations[-2:]:
            if generation not in self._parents:
                # what a warm start only showed has a negative id, and no place in the storage
                ids = [n for n in noted[f"{prefix}{generation}"] if n >= 0]
                known = {self.storage.get_trial_number_from_id(n) for n in ids}
                self._parents[generation] = known
            numbers |= self._parents[generation]
        return numbers

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Begin a trial that is drawn here, and is in the storage when it is kept: all at once.

        So a driver that dies leaves none half drawn, and a trial costs a database one transaction.
        """
        if self._listed is None or template_trial is not None:
            created: int = self.storage.create_new_trial(study_id, template_trial)
            return created
        self._drawn = FrozenTrial(
            number=self._count,
            trial_id=_DRAWN,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=datetime.now(),
            datetime_complete=None,
            params={},
            distributions={},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        self._listed.append(self._drawn)
        return _DRAWN

    def keep_drawn(self) -> None:
        """Put the trial that was drawn here into the storage; nothing where it is there already.

        Raises MachineError where another program has put trials there meanwhile.
        """
        drawn, self._drawn = self._drawn, None
        if drawn is None:
            return
        trial_id = self.storage.create_new_trial(self._study_id, drawn)
        if self.storage.get_trial_number_from_id(trial_id) != drawn.number:
            raise MachineError(
                "a study's trials are its driver's alone, found one that another program began: "
                "let it end, and run the same command again"
            )

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        if trial_id != _DRAWN or self._drawn is None:
            self.storage.set_trial_param(trial_id, param_name, param_value_internal, distribution)
            return
        self._drawn.params[param_name] = distribution.to_external_repr(param_value_internal)
        self._drawn.distributions[param_name] = distribution

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        if trial_id == _DRAWN and self._drawn is not None:
            self._drawn.user_attrs[key] = value
        else:
            self.storage.set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        if trial_id == _DRAWN and self._drawn is not None:
            self._drawn.system_attrs[key] = value
        else:
            self.storage.set_trial_system_attr(trial_id, key, value)

    def _shown_of(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        return [self._show(trial) for trial in trials] if self.stand_ins else trials

    def _show(self, trial: FrozenTrial) -> FrozenTrial:
        values = self.stand_ins.get(trial.number)
        if values is None or trial.state in (TrialState.COMPLETE, TrialState.WAITING):
            return trial
        known = self._shown.get(trial.number)
        if known is None or known[0] is not trial or known[1] != values:
            shown = copy.copy(trial)
            shown.state, shown.values = TrialState.COMPLETE, values
            shown.datetime_complete = trial.datetime_complete or trial.datetime_start
            known = self._shown[trial.number] = (trial, values, shown)
        return known[2]


def _with_latest_stopped(trials: list[FrozenTrial], most_each: int) -> list[FrozenTrial]:
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    feasible = sum(all(value <= 0 for value in t.constraints.values()) for t in complete)
    stopped = [trial.number for trial in trials if trial.state == TrialState.PRUNED]
    hidden = set(stopped[: max(0, len(stopped) - most_each * feasible)])
    return [trial for trial in trials if trial.number not in hidden]


def _with_first_generation(
    trials: list[FrozenTrial], sampler: optuna.samplers.BaseGASampler
) -> list[FrozenTrial]:
    """Let what a warm start brought be a full first generation, from which the next is bred.

    Optuna's genetic samplers know the trials only that they proposed themselves, and draw at random
    until a generation is full. So what is finished of a warm start counts as of generation 0, and
    stands there more than once where it is fewer than a population; it waits for its candidates.
    """
    key = sampler._get_generation_key()
    waiting = any(CANDIDATE in t.user_attrs and t.state == TrialState.WAITING for t in trials)
    founders, generation = [], []
    for place, trial in enumerate(trials):
        if trial.state != TrialState.COMPLETE:
            continue
        if is_founder(trial):
            if key not in trial.system_attrs:
                trial = copy.copy(trial)
                trial.system_attrs = trial.system_attrs | {key: 0}
                trials[place] = trial
            founders.append(trial)
        generation.append(trial.system_attrs.get(key, -1))
    if waiting or len(founders) < _LEAST_FOUNDERS or max(generation) > 0:
        return trials
    missing = (sampler.population_size or 0) - generation.count(0)
    return [*itertools.islice(itertools.cycle(founders), max(0, missing)), *trials]


_LEAST_FOUNDERS = 2
"""Parents that a crossover needs."""


def is_founder(trial: FrozenTrial) -> bool:
    """Say whether a warm start brought a trial, or shows it."""
    attributes = trial.user_attrs
    return trial.number < 0 or CANDIDATE in attributes or TAKEN_OVER in attributes


def open_view(study: optuna.Study, storage: BaseStorage) -> tuple[optuna.Study, SamplerView]:
    """Return the study that a sampler is asked on, and the view that it reads."""
    view = SamplerView(storage, study.study_name)
    sampler = optuna.samplers.RandomSampler(seed=0)  # each ask sets its own
    return optuna.load_study(study_name=study.study_name, storage=view, sampler=sampler), view


def stand_ins(
    trials: Trials,
    goals: Goals,
    tell: TellStopped,
    latest: int | None = None,
    also: Collection[int] = (),
) -> dict[int, tuple[float, ...]]:
    """Return the values in the goals' order, by trial number, that unfinished trials stand for.

    Of the ``latest`` of them, all where that is None, and of those numbered ``also``.
    """
    if tell == "nothing" or not len(trials):
        return {}
    rows = np.flatnonzero(~trials.finished & (trials.reports > 0))
    is_late = np.arange(len(rows)) >= len(rows) - (latest or len(rows))
    rows = rows[is_late | np.isin(trials.numbers[rows], list(also))]
    columns = []
    for objective in goals.objectives:
        if objective.kind == "static":
            values = trials.static[rows, trials.static_names.index(objective.name)]
        else:
            values = _reached(trials, objective.name, rows)
            if tell == "extrapolated":
                values = _extrapolated(trials, objective.name, rows, values)
        columns.append([objective.minimised(value) for value in values.tolist()])
    found = zip(trials.numbers[rows].tolist(), zip(*columns, strict=True), strict=True)
    return {number: values for number, values in found if np.isfinite(values).all()}


def _reached(trials: Trials, objective: str, rows: np.ndarray) -> Floats:
    """Return the best value of each row's trial at its last report."""
    reached: Floats = trials.best(objective)[rows, trials.reports[rows] - 1]
    return reached


def _extrapolated(trials: Trials, objective: str, rows: np.ndarray, reached: Floats) -> Floats:
    """Map what was reached to an end by the straight line that fits finished trials best.

    A line for each report, so that no unit matters; never worse than what was reached.
    """
    finished = np.flatnonzero(trials.finished)
    if len(finished) < _LEAST_FINISHED:
        return reached
    best = trials.best(objective)
    ends, expected = best[finished, -1], reached.copy()
    for report in np.unique(trials.reports[rows]):
        then = best[finished, report - 1]
        mine = trials.reports[rows] == report
        spread = then.var()
        slope = max(0.0, float(np.cov(then, ends, bias=True)[0, 1] / spread)) if spread else 0.0
        expected[mine] = ends.mean() + slope * (reached[mine] - then.mean())
    return np.minimum(expected, reached)
