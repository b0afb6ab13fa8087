"""The candidates that a sampler proposes: what it is shown, and what of its answers is trained."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from lstmopt.plugin.registry import takes
from lstmopt.search.active_trial import Running
from lstmopt.search.imputation import stand_ins
from lstmopt.search.initial_trials import Shown
from lstmopt.search.overhead import Overhead
from lstmopt.search.sampler_storage import SamplerView, is_founder
from lstmopt.search.search_plan import FiniteSampler, Plan, training_seed
from lstmopt.search.telling import Ledger
from lstmopt.search_space import Candidate, Params
from lstmopt.storage.trial_record import INFEASIBLE
from lstmopt.warm_start.protocols import Beginning

if TYPE_CHECKING:
    from lstmopt.search.observer import Observer

MOST_INFEASIBLE = 500
"""Proposals in a row that may break a limit before the search gives up."""


class Proposals:
    """Asks the sampler for trials of ``study``, which reads a ``view`` and not the storage."""

    def __init__(
        self,
        ledger: Ledger,
        study: optuna.Study,
        view: SamplerView,
        plan: Plan,
        cost_of: Callable[[Params], Any],
        observer: Observer,
        overhead: Overhead,
    ) -> None:
        self._ledger, self._study, self._view, self._plan = ledger, study, view, plan
        self._cost_of, self._observer, self._overhead = cost_of, observer, overhead
        known = study.get_trials(deepcopy=False)
        self._warm = sum(is_founder(trial) for trial in known)
        self._waiting = {t.number for t in known if t.state == optuna.trial.TrialState.WAITING}
        self._torn: list[int] = []
        self._finite = isinstance(plan.make_sampler(0), FiniteSampler)
        # what has not been tried follows from all that has
        self._sees = None if self._finite else plan.sampler.sees
        beginning = plan.beginning or Beginning(plan.space)
        self._observed = Shown(beginning, plan.goals, cost_of)
        self._infeasible_in_a_row = 0
        self._kept_sampler: optuna.samplers.BaseSampler | None = None

    def take_up(self, number: int) -> None:
        """Ask again for a trial whose hyperparameters an earlier driver left half drawn."""
        self._torn.append(number)

    @property
    def exhausted(self) -> bool:
        """Whether the sampler has nothing left that may be trained."""
        if self._infeasible_in_a_row >= MOST_INFEASIBLE:
            return True
        if self._waiting or self._torn or not self._finite:
            return False
        sampler = self._sampler(len(self._view))
        return not (isinstance(sampler, FiniteSampler) and sampler.remaining(self._study) > 0)

    def next(self, in_training: Collection[int]) -> Running | None:
        """Begin the next trial; None where it was closed at once.

        Because it breaks a limit, or is a candidate that was tried before. ``in_training`` are the
        numbers of those that are neither closed nor paused.
        """
        with self._overhead.timed("ask"), warnings.catch_warnings():
            # a warm start's candidate leaves out what does not apply to it
            warnings.simplefilter("ignore", UserWarning)
            torn = self._torn.pop(0) if self._torn else None
            sampler = self._sampler(len(self._view) if torn is None else torn)
            self._study.sampler = sampler
            with self._view.asking(
                self._stand_ins(sampler),
                self._sees,
                self._ledger.closed.front | self._waiting | set(in_training),
                self._plan.sampler.stopped_per_finished,
                self._observations(),
                sampler,
            ):
                trial = self._ask(torn)
                params = self._plan.space.suggest(trial)
        candidate = Candidate(params, training_seed(self._plan.seed, trial.number))
        static = self._plan.goals.static_values(self._cost_of(params))
        excess = self._excess(trial, params)
        trial.set_user_attr("static", static)
        if excess:
            trial.set_user_attr(INFEASIBLE, excess)
        # last, so that a trial with a seed is one that may be trained
        trial.set_user_attr("seed", candidate.seed)
        self._view.keep_drawn()
        self._waiting.discard(trial.number)
        if excess:
            self._ledger.infeasible(trial.number, excess)
            return None
        self._observer.started(trial.number, params, static)
        if (twin := self._ledger.closed.twin(params)) is not None:
            self._ledger.reuse(trial.number, twin)
            return None
        return Running(trial.number, candidate, static)

    def _ask(self, torn: int | None) -> optuna.Trial:
        if torn is None:
            return self._study.ask()
        # what has been drawn of it stays as it is
        return optuna.Trial(self._study, self._view.trial_id(torn))

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Make the sampler anew for each trial, unless it keeps a state or draws nothing."""
        if self._plan.sampler.resume and takes(self._plan.sampler, "seed"):
            return self._plan.make_sampler(number)
        self._kept_sampler = self._kept_sampler or self._plan.make_sampler(number)
        return self._kept_sampler

    def _observations(self) -> list[optuna.trial.FrozenTrial]:
        """Return what the sampler is shown of other studies beside this one's trials."""
        begun = len(self._view) - self._warm
        breeds = isinstance(self._study.sampler, optuna.samplers.BaseGASampler)
        finished = self._ledger.closed.finished
        return self._observed.trials(finished, self._ledger.trials, begun, breeds)

    def _stand_ins(self, sampler: optuna.samplers.BaseSampler) -> dict[int, tuple[float, ...]]:
        """Return the values under which the sampler sees trials that have none of their own."""
        plan, closed = self._plan, self._ledger.closed
        goals, sees = plan.goals, self._sees
        tell = plan.tell_stopped or plan.sampler.tell_stopped
        parents = self._view.parents(sampler)
        found = stand_ins(self._ledger.trials, goals, tell, sees, parents)
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
        best = self._ledger.trials.best(objective)
        known = best[np.isfinite(best)]
        return float(known.max()) if len(known) else 0.0

    def _excess(self, trial: optuna.Trial, params: Params) -> str:
        """Tell the sampler how far a candidate is from its limits; say which of them it breaks."""
        memory = self._plan.memory_mb(params)
        excess = self._plan.limits.excess(self._cost_of(params), memory)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            for name, value in excess.items():
                trial.set_constraint(name, value)
        broken = [name for name, value in excess.items() if value > 0]
        self._infeasible_in_a_row = self._infeasible_in_a_row + 1 if broken else 0
        if self._infeasible_in_a_row == MOST_INFEASIBLE:
            self._observer.notice(
                f"{MOST_INFEASIBLE} candidates in a row broke a limit, so the search ends: "
                "raise the limit or narrow the space"
            )
        words = ", ".join(f"{name} by {excess[name]:.0%}" for name in broken)
        return f"not trained: it exceeds {words}" if broken else ""
