"""The trials that a warm start brings, and how they enter a study's storage."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import optuna
from optuna.trial import FrozenTrial, TrialState

from lstmopt.objectives import CandidateCosts, Goals
from lstmopt.search.search_plan import Plan
from lstmopt.search.solved_families import asked_params, untried_solved
from lstmopt.search_space import Params, Space
from lstmopt.storage.segments import Segment
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import CANDIDATE, END, STATIC, TAKEN_OVER, TrialEnd
from lstmopt.warm_start.protocols import PastTrial


def add_initial_trials(stored: StoredStudy, plan: Plan, costs: CandidateCosts) -> list[str]:
    """Put a plan's beginning into a study's storage; return what the user should know.

    Candidates of families that are solved, which take no time and give what others are compared
    with, come before those of the warm start; both are no more than the study may begin trials.
    Called again, it adds what is missing: a study may have been killed in between, and may have
    more trials now.
    """
    beginning = plan.beginning
    if beginning is None:
        return []
    known = stored.study.get_trials(deepcopy=False)
    there = {trial.user_attrs.get(TAKEN_OVER, {}).get("index") for trial in known}
    allowed = [(n, p) for n, p in enumerate(beginning.finished) if _is_allowed(p, costs)]
    for n, past in allowed:
        if n not in there:
            stored.study.add_trial(_taken_over(n, past, beginning.space, plan.goals, costs))
    candidates = _enqueue_candidates(stored.study, plan, beginning.candidates)
    notices = []
    if allowed:
        notices.append(f"{len(allowed)} finished trials of earlier runs are taken over")
    if len(allowed) < len(beginning.finished):
        slow = len(beginning.finished) - len(allowed)
        notices.append(f"{slow} finished trials of earlier runs exceed a limit")
    if candidates:
        notices.append(f"{candidates} candidates are tried first")
    if beginning.observations:
        notices.append(f"{len(beginning.observations)} observations of other data may be shown")
    return notices


def _enqueue_candidates(study: optuna.Study, plan: Plan, candidates: Sequence[Params]) -> int:
    """Let a warm start's candidates wait, after those that are solved; return how many they are."""
    if not candidates:
        return 0
    solved = untried_solved(plan.space, plan.solved, ())
    known = study.get_trials(deepcopy=False)
    tried = [asked_params(trial) for trial in known]
    for params in solved[: plan.trials]:
        if params not in tried:
            study.enqueue_trial(params)
    there = {trial.user_attrs.get(CANDIDATE) for trial in known}
    wanted = candidates[: max(plan.trials - len(solved), 0)]
    for n, params in enumerate(wanted):
        if n not in there:
            study.enqueue_trial(params, user_attrs={CANDIDATE: n})
    return len(wanted)


def _is_allowed(past: PastTrial, costs: CandidateCosts) -> bool:
    excess = costs.excess(past.params)
    # it needs no memory any more
    return all(share <= 0 for name, share in excess.items() if name != "max_memory_mb")


def _taken_over(
    index: int, past: PastTrial, space: Space, goals: Goals, costs: CandidateCosts
) -> FrozenTrial:
    """Make the trial that a finished one of an earlier study becomes."""
    static, learned = costs.static(past.params), iter(past.losses)
    values = [
        static[o.name] if o.kind == "static" else o.minimised(next(learned))
        for o in goals.objectives
    ]
    attributes = {
        TAKEN_OVER: {"index": index, "number": past.number},
        STATIC: static,
        END: msgspec.to_builtins(
            TrialEnd(0, f"taken over from trial {past.number} of an earlier run")
        ),
        **Segment(0, past.curve).attribute(0),
    }
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE,
        params=past.params,
        distributions=space.distributions(past.params),
        values=values,
        user_attrs=attributes,
    )
