"""The candidates that a sampler proposes: what it is shown, and what of its answers is trained."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from lstmopt.errors import LstmoptError
from lstmopt.plugin.failures import wrong_answer
from lstmopt.plugin.options import takes
from lstmopt.plugin.strategy import described
from lstmopt.search.active_trial import ActiveTrial
from lstmopt.search.context import SearchContext
from lstmopt.search.imputation import Values, impute
from lstmopt.search.sampler_storage import SamplerStorage, is_founder
from lstmopt.search.search_plan import FiniteSampler, training_seed
from lstmopt.search.solved_families import SolvedFamilies, asked_params
from lstmopt.search.telling import Teller
from lstmopt.search.warm_start_observations import WarmStartObservations
from lstmopt.search_space import Candidate, Params
from lstmopt.storage.trial_record import INFEASIBLE, NOT_TRAINED, SEED, STATIC
from lstmopt.warm_start.protocols import Beginning

MOST_INFEASIBLE = 500
"""Proposals in a row that may break a limit before the search gives up."""


class Asker:
    """Asks the sampler for trials of ``study``, which reads a ``storage`` of the sampler's own."""

    def __init__(
        self,
        context: SearchContext,
        teller: Teller,
        study: optuna.Study,
        storage: SamplerStorage,
    ) -> None:
        self._context, self._teller, self._study, self._storage = context, teller, study, storage
        self._plan = plan = context.plan
        known = study.get_trials(deepcopy=False)
        self._warm = sum(is_founder(trial) for trial in known)
        self._waiting = {t.number for t in known if t.state == optuna.trial.TrialState.WAITING}
        self._half_drawn: list[int] = []
        self._finite = isinstance(plan.make_sampler(0), FiniteSampler)
        # what has not been tried follows from all that has
        self._sees = None if self._finite else plan.sampler.sees
        self._observations = WarmStartObservations(
            plan.beginning or Beginning(plan.space), plan.goals, context.costs
        )
        params = map(asked_params, known)
        solved = () if self._finite else plan.solved
        self._solved = SolvedFamilies(plan.space, solved, plan.seed, params)
        self._infeasible_in_a_row = 0
        self._kept_sampler: optuna.samplers.BaseSampler | None = None

    def take_up(self, number: int) -> None:
        """Ask again for a trial whose hyperparameters an earlier driver left half drawn."""
        self._half_drawn.append(number)

    @property
    def exhausted(self) -> bool:
        """Whether the sampler has nothing left that may be trained."""
        if self._infeasible_in_a_row >= MOST_INFEASIBLE:
            return True
        if self._waiting or self._half_drawn or not self._finite:
            return False
        sampler = self._sampler(len(self._storage))
        with self._plan.sampler_errors:
            return not (isinstance(sampler, FiniteSampler) and sampler.remaining(self._study) > 0)

    def next(self, in_training: Collection[int]) -> ActiveTrial | None:
        """Begin the next trial; None where it was closed at once.

        Because it breaks a limit, or is a candidate that was tried before. ``in_training`` are the
        numbers of those that are neither closed nor paused.
        """
        if not (self._waiting or self._half_drawn):
            self._hold_to_families()
        with self._context.overhead.timed("ask"), self._asking(in_training) as trial:
            params = self._plan.space.suggest(trial)
        self._hold_to_space(params)
        candidate = Candidate(params, training_seed(self._plan.seed, trial.number))
        static = self._context.costs.static(params)
        excess = self._tell_excess(trial, params)
        trial.set_user_attr(STATIC, static)
        if excess:
            trial.set_user_attr(INFEASIBLE, excess)
        # last, so that a trial with a seed is one that may be trained
        trial.set_user_attr(SEED, candidate.seed)
        with self._plan.sampler_errors:  # it may have noted what cannot be stored
            self._storage.keep_drawn()
        self._waiting.discard(trial.number)
        if excess:
            self._teller.refuse(trial.number, excess)
            return None
        self._context.observer.started(trial.number, params, static)
        if (duplicate := self._teller.closed.find_duplicate(params)) is not None:
            self._teller.reuse(trial.number, duplicate)
            return None
        return ActiveTrial(trial.number, candidate, static)

    def _hold_to_families(self) -> None:
        """Have the next trial be of a family that the sampler need not choose."""
        number = len(self._storage)
        if (params := self._solved.next(number)) is not None:
            self._study.enqueue_trial(params)
            self._waiting.add(number)

    @contextmanager
    def _asking(self, in_training: Collection[int]) -> Iterator[optuna.Trial]:
        """Begin a trial, or take up a half drawn one, while the sampler is shown the study."""
        half_drawn = self._half_drawn.pop(0) if self._half_drawn else None
        sampler = self._sampler(len(self._storage) if half_drawn is None else half_drawn)
        self._study.sampler = sampler  # as Optuna lets a study go on with another
        with (
            # a warm start's candidate leaves out what does not apply to it
            warnings.catch_warnings(action="ignore", category=UserWarning),
            self._storage.asking(
                self._impute(sampler),
                self._sees,
                self._teller.closed.front | self._waiting | set(in_training),
                self._plan.sampler.stopped_per_finished,
                self._shown_besides(sampler),
                sampler,
            ),
            self._plan.sampler_errors,
        ):
            if half_drawn is None:
                yield self._study.ask()
            else:  # what has been drawn of it stays as it is
                yield optuna.Trial(self._study, self._storage.trial_id(half_drawn))

    def _hold_to_space(self, params: Params) -> None:
        """Refuse a candidate outside the space, which Optuna takes from a sampler as it is."""
        if reason := self._plan.space.rejects(params):
            found = f"{params}, of which {reason}"
            who = described("sampler", self._plan.sampler)
            rule = "a sampler proposes candidates of its space"
            raise LstmoptError(wrong_answer(rule, found, who))

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Make the sampler anew for each trial, unless it keeps a state or draws nothing."""
        if self._plan.sampler.resume and takes(self._plan.sampler, "seed"):
            return self._plan.make_sampler(number)
        self._kept_sampler = self._kept_sampler or self._plan.make_sampler(number)
        return self._kept_sampler

    def _shown_besides(self, sampler: optuna.samplers.BaseSampler) -> list[FrozenTrial]:
        """Return what the sampler is shown of other studies beside this one's trials."""
        begun = len(self._storage) - self._warm
        breeds = isinstance(sampler, optuna.samplers.BaseGASampler)
        finished = self._teller.closed.finished
        return self._observations.trials(finished, self._teller.trials, begun, breeds)

    def _impute(self, sampler: optuna.samplers.BaseSampler) -> dict[int, Values]:
        """Return the values under which the sampler sees trials that have none of their own."""
        plan, closed = self._plan, self._teller.closed
        goals, sees = plan.goals, self._sees
        tell = plan.tell_stopped or plan.sampler.tell_stopped
        parents = self._storage.parents(sampler)
        found = impute(self._teller.trials, goals, tell, sees, parents)
        # a sampler ranks infeasible ones by their constraints alone, whatever loss stands there;
        # one that failed after it was shown as paused may be a parent already, and needs a value
        late = closed.without_value[-(sees or len(closed)) :]
        bad = [trial for trial in late if trial.infeasible or trial.number in found]
        bad += [trial for trial in closed.without_value if trial.number in parents]
        if bad:
            worst = {o.name: o.minimised(self._worst(o.name)) for o in goals.learned}
            for trial in bad:
                values = {**trial.static, **worst}
                found[trial.number] = tuple(values[name] for name in goals.names)
        return found

    def _worst(self, objective: str) -> float:
        """Return the highest known value of a learned objective, turned so that lower is better."""
        best = self._teller.trials.best(objective)
        known = best[np.isfinite(best)]
        return float(known.max()) if len(known) else 0.0

    def _tell_excess(self, trial: optuna.Trial, params: Params) -> str:
        """Tell the sampler how far a candidate is from its limits; say which of them it breaks."""
        excess = self._context.costs.excess(params)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            for name, value in excess.items():
                trial.set_constraint(name, value)
        broken = [name for name, value in excess.items() if value > 0]
        self._infeasible_in_a_row = self._infeasible_in_a_row + 1 if broken else 0
        if self._infeasible_in_a_row == MOST_INFEASIBLE:
            self._context.observer.notice(
                f"{MOST_INFEASIBLE} candidates in a row broke a limit, so the search ends: "
                "raise the limit or narrow the space"
            )
        words = ", ".join(f"{name} by {excess[name]:.0%}" for name in broken)
        return f"{NOT_TRAINED}it exceeds {words}" if broken else ""
