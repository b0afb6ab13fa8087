"""The storage that a sampler reads: its study as it is shown it, in the driver's memory.

Here trials that have no values carry imputed ones (see `imputation`), a warm start's observations
stand beside the study's own trials, and what a warm start brought is a first generation: the
storage itself, and whoever else reads it, never sees any of it.
"""

from __future__ import annotations

import bisect
import copy
import itertools
from array import array
from collections.abc import (
    Collection,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from lstmopt.errors import MachineError
from lstmopt.storage.driver_storage import Delegating
from lstmopt.storage.optuna_internals import changed, generation_key, id_of, parents_prefix
from lstmopt.storage.segments import is_segment
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import CANDIDATE, TAKEN_OVER

Distributions = dict[str, BaseDistribution]

_DRAWN = -(2**31)
"""The id of a trial that is being drawn; what a warm start shows has small negative ones."""


class SamplerStorage(Delegating):
    """A storage in which trials without values show ``imputed`` ones, by trial number.

    Once shown, a trial needs a value whatever becomes of it: NSGA-II may have bred from it.

    A driver is alone in writing to its study. So trials are read once and then kept as they are
    written, without their curves, which are most of a trial. Where a sampler sees the latest only,
    older ones are let go, and read again should one of them be asked for: what a sampler costs in
    memory, and of a storage's time, does not grow with the study.
    """

    def __init__(self, storage: BaseStorage, study_name: str, known: Iterable[FrozenTrial]) -> None:
        super().__init__(storage)
        self._study_id = storage.get_study_id_from_name(study_name)
        self._system_attrs = dict(storage.get_study_system_attrs(self._study_id))
        self.imputed: Mapping[int, tuple[float, ...]] = {}
        self._distributions: dict[tuple[tuple[str, BaseDistribution], ...], Distributions] = {}
        self._ids = array("q")
        self._held: dict[int, FrozenTrial] = {}
        self._complete: list[int] = []
        self._listed: list[FrozenTrial] | None = None
        self._drawn: FrozenTrial | None = None
        self._shown: dict[int, tuple[FrozenTrial, tuple[float, ...], FrozenTrial]] = {}
        for trial in known:
            self._append(trial)

    def __len__(self) -> int:
        return len(self._ids)

    def _end(self, trial: FrozenTrial) -> None:
        """Take note of a trial of the study that has been closed."""
        self._held[trial.number] = self._without_curve(trial)
        if trial.state == TrialState.COMPLETE:
            bisect.insort(self._complete, trial.number)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._show(self._known(trial_id))

    def get_trial_number_from_id(self, trial_id: int) -> int:
        return self._known(trial_id).number

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        trials = self._listed
        if trials is None:
            trials = self._shown_of([self._trial(number) for number in range(len(self))])
        found = [t for t in trials if states is None or t.state in states]
        return copy.deepcopy(found) if deepcopy else found

    @contextmanager
    def asking(
        self,
        imputed: Mapping[int, tuple[float, ...]],
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
        self.imputed = imputed
        first = 0 if sees is None else max(0, len(self) - sees)
        older = bisect.bisect_left(self._complete, first)
        kept = set(self._complete[max(0, older - (sees or 0)) : older])
        kept |= {n for n in (*always, *self.parents(sampler)) if n < first}
        trials = [self._trial(n) for n in (*sorted(kept), *range(first, len(self)))]
        self._held = {trial.number: trial for trial in trials}
        shown = self._shown_of(trials)
        if stopped_per_finished is not None:
            shown = _with_latest_stopped(shown, stopped_per_finished)
        shown = [*observations, *shown]
        if isinstance(sampler, optuna.samplers.BaseGASampler):
            shown = _with_first_generation(shown, sampler)
        self._listed = shown
        listed = (trial.number for trial in trials if trial.number in self._shown)
        self._shown = {number: self._shown[number] for number in listed}
        try:
            yield
        finally:
            self._listed = None

    def parents(self, sampler: optuna.samplers.BaseSampler | None) -> set[int]:
        """Number the trials from which a genetic sampler breeds now, as it has noted them."""
        if not isinstance(sampler, optuna.samplers.BaseGASampler):
            return set()
        prefix = parents_prefix(sampler)
        noted = self._system_attrs
        generations = sorted(int(k.removeprefix(prefix)) for k in noted if k.startswith(prefix))
        ids = itertools.chain.from_iterable(noted[f"{prefix}{g}"] for g in generations[-2:])
        # what a warm start only showed has a negative id, and no place in the storage
        return {self._number(n) for n in ids if n >= 0}

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._system_attrs

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self.storage.set_study_system_attr(study_id, key, value)
        self._system_attrs[key] = value

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Begin a trial that is drawn here, and is in the storage when it is kept: all at once.

        So a driver that dies leaves none half drawn, and a trial costs a database one transaction.
        """
        if self._listed is None or template_trial is not None:
            trial_id: int = self.storage.create_new_trial(study_id, template_trial)
            self._append(self.storage.get_trial(trial_id))
            return trial_id
        self._drawn = FrozenTrial(
            number=len(self),
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
        number_to_id = self.storage.get_trial_id_from_study_id_trial_number
        if number_to_id(self._study_id, drawn.number) != trial_id:
            raise MachineError(
                "a study's trials are its driver's alone, found one that another program began: "
                "let it end, and run the same command again"
            )
        self._append(changed(drawn, trial_id=trial_id))

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        if trial_id != _DRAWN:
            self.storage.set_trial_param(trial_id, param_name, param_value_internal, distribution)
        trial = self._known(trial_id)
        trial.params[param_name] = distribution.to_external_repr(param_value_internal)
        trial.distributions = trial.distributions | {param_name: distribution}

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        done: bool = self.storage.set_trial_state_values(trial_id, state, values)
        if state.is_finished():
            self._end(self.storage.get_trial(trial_id))
        elif done:
            number = self._number(trial_id)
            self._held[number] = changed(self._trial(number), state=state)
        return done

    def close(
        self, number: int, state: TrialState, values: Sequence[float] | None = None
    ) -> FrozenTrial:
        """Close a trial in the storage, and return it as it is there."""
        self.storage.set_trial_state_values(self._ids[number], state, values)
        trial: FrozenTrial = self.storage.get_trial(self._ids[number])
        self._end(trial)
        return trial

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        if trial_id != _DRAWN:
            self.storage.set_trial_user_attr(trial_id, key, value)
        self._known(trial_id).user_attrs[key] = value

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        if trial_id != _DRAWN:
            self.storage.set_trial_system_attr(trial_id, key, value)
        self._known(trial_id).system_attrs[key] = value

    def _known(self, trial_id: int) -> FrozenTrial:
        if trial_id == _DRAWN and self._drawn is not None:
            return self._drawn
        return self._trial(self._number(trial_id))

    def trial_id(self, number: int) -> int:
        """Return what the storage knows a trial by."""
        return self._ids[number]

    def _number(self, trial_id: int) -> int:
        number = bisect.bisect_left(self._ids, trial_id)  # they ascend
        if number == len(self) or self._ids[number] != trial_id:
            raise KeyError(f"no trial of this id: {trial_id}")
        return number

    def _trial(self, number: int) -> FrozenTrial:
        if number not in self._held:
            trial = self.storage.get_trial(self._ids[number])
            self._held[number] = self._without_curve(trial)
        return self._held[number]

    def _append(self, trial: FrozenTrial) -> None:
        self._ids.append(id_of(trial))
        self._held[trial.number] = self._without_curve(trial)
        if trial.state == TrialState.COMPLETE:
            self._complete.append(trial.number)

    def _without_curve(self, trial: FrozenTrial) -> FrozenTrial:
        """Copy what samplers ask for of a trial; equal distributions are one and the same dict."""
        drawn_from = trial.distributions
        return changed(
            trial,
            params=dict(trial.params),
            system_attrs=dict(trial.system_attrs),
            user_attrs={n: v for n, v in trial.user_attrs.items() if not is_segment(n)},
            distributions=self._distributions.setdefault((*drawn_from.items(),), drawn_from),
        )

    def _shown_of(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        return [self._show(trial) for trial in trials] if self.imputed else trials

    def _show(self, trial: FrozenTrial) -> FrozenTrial:
        values = self.imputed.get(trial.number)
        if values is None or trial.state in (TrialState.COMPLETE, TrialState.WAITING):
            return trial
        known = self._shown.get(trial.number)
        if known is None or known[0] is not trial or known[1] != values:
            shown = changed(
                trial,
                state=TrialState.COMPLETE,
                values=values,
                datetime_complete=trial.datetime_complete or trial.datetime_start,
            )
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
    key = generation_key(sampler)
    waiting = any(CANDIDATE in t.user_attrs and t.state == TrialState.WAITING for t in trials)
    founders, generation = [], []
    for place, trial in enumerate(trials):
        if trial.state != TrialState.COMPLETE:
            continue
        if is_founder(trial):
            if key not in trial.system_attrs:
                trial = changed(trial, system_attrs=trial.system_attrs | {key: 0})
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


def open_for_sampler(stored: StoredStudy) -> tuple[optuna.Study, SamplerStorage]:
    """Return the study that a sampler is asked on, and the storage that it reads."""
    name = stored.study.study_name
    storage = SamplerStorage(stored.storage, name, stored.study.get_trials(deepcopy=False))
    sampler = optuna.samplers.RandomSampler(seed=0)  # each ask sets its own
    return optuna.load_study(study_name=name, storage=storage, sampler=sampler), storage
