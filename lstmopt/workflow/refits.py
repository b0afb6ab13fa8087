"""Candidates of the front trained anew over seeds, in the time that a call has left for it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch

from lstmopt.epoch import Epoch
from lstmopt.errors import MachineError
from lstmopt.execution.engine import Engine
from lstmopt.forecasting.members import NetworkMember
from lstmopt.forecasting.model_history import NetworkTraining
from lstmopt.networks.weights import read_checkpoint
from lstmopt.objectives import ForecastCosts, Goals
from lstmopt.results.selection import NEAR, pick_index
from lstmopt.search.search_plan import refit_seed, training_seed
from lstmopt.search_space import NETWORK, Candidate
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.deadline import Deadline
from lstmopt.training.trainer import Progress
from lstmopt.workflow.forecast_errors import deviation

SHARE = 0.3
"""The most of a call's time that a search leaves for refits."""
_OVER = 2.0
"""How many times too long a prediction may well be: training ends early, and workers idle then."""


@dataclass(frozen=True)
class Refit:
    """One candidate trained anew with one seed, or as its search trained it.

    ``validation_loss`` is that of the weights, which are of report ``best_epoch``: with several
    folds the newest's alone. ``older`` are the weights of the other folds, the newest first.
    """

    candidate: Candidate
    weights: dict[str, torch.Tensor]
    curve: tuple[Epoch, ...]
    validation_loss: float
    best_epoch: int
    older: tuple[dict[str, torch.Tensor], ...] = ()

    @classmethod
    def of(cls, candidate: Candidate, checkpoint: bytes, curve: tuple[Epoch, ...]) -> Refit:
        saved = read_checkpoint(checkpoint)
        best = saved["best_loss"], saved["best_epoch"]
        older = tuple(saved.get("older_weights", ()))
        return cls(candidate, saved["best_weights"], curve, *best, older)

    @property
    def member(self) -> NetworkMember:
        """The network as a model holds it."""
        training = NetworkTraining(
            params=dict(self.candidate.params), seed=self.candidate.seed, reports=self.best_epoch
        )
        return NetworkMember(self.weights, self.candidate.architecture, training)

    @property
    def older_members(self) -> tuple[NetworkMember, ...]:
        """The networks of the other folds, the newest first."""
        return tuple(replace(self.member, weights=weights) for weights in self.older)

    @property
    def seconds(self) -> float:
        """What training it up to its best report took."""
        whole = sum(epoch.seconds for epoch in self.curve)
        return self.best_epoch * whole / self.curve[-1].number


@dataclass(frozen=True)
class Finalist:
    """A trial of the front with its refits and the mean of each objective over them.

    ``seeds`` counts them; it is 0 where the only network is that of the search itself.
    """

    trial: TrialRecord
    refits: tuple[Refit, ...]
    values: dict[str, float]
    spread: dict[str, float]
    """The standard deviation of each objective over the refits."""
    seeds: int

    @property
    def best(self) -> Refit:
        """The refit that is best on validation."""
        return min(self.refits, key=lambda refit: refit.validation_loss)


@dataclass(frozen=True)
class RefitPlan:
    """How the candidates of a front are trained anew.

    Attributes:
        seeds: How often each.
        reports: How many reports one gives at most.
        pick: How one of them will be chosen: the likeliest come first.
        study_seed: What their seeds are derived from.
        deadline: When the last is to have ended.
        solved: Families of networks that are solved: with every seed they are the same.
    """

    seeds: int
    reports: int
    pick: str
    study_seed: int
    deadline: Deadline = field(default_factory=Deadline)
    solved: tuple[str, ...] = ()

    def seeds_of(self, trial: TrialRecord) -> int:
        """Return how often a trial is trained anew."""
        return 1 if trial.params.get(NETWORK) in self.solved else self.seeds

    def candidate(self, trial: TrialRecord, repeat: int) -> Candidate:
        """Return a trial's candidate with the seed of one of its refits."""
        return Candidate(trial.params, refit_seed(self.study_seed, trial.number, repeat))

    def seconds(self, front: Sequence[TrialRecord], workers: int) -> float:
        """Predict what all refits of a front take with so many workers, in seconds."""
        each = _seconds(front, self.reports)
        if not each:
            return 0.0
        return max(max(each), self.seeds * sum(each) / max(1, workers))

    def kept_back(self, front: Sequence[TrialRecord], workers: int) -> float:
        """Return how many seconds of the call a search should leave for refits.

        The most that there may be while nothing says what one takes.
        """
        most = SHARE * self.deadline.seconds
        if front and self.deadline.is_set and not is_telling(front):
            return most
        return min(most, self.seconds(front, workers))


def is_telling(front: Sequence[TrialRecord]) -> bool:
    """Say whether a front holds what was trained over some reports.

    In the beginning it may hold only what is solved, while others are still paused.
    """
    return any(len(trial.curve) > 1 for trial in front)


def longest_seconds(front: Sequence[TrialRecord], reports: int) -> float:
    """Predict what the longest refit of a front takes, in seconds; 0 without a front."""
    return max(_seconds(front, reports), default=0.0)


def _seconds(front: Sequence[TrialRecord], reports: int) -> list[float]:
    """Predict what it takes to train each of a front to its end, in seconds.

    One that was stopped is taken to need as many reports as those that ended by themselves.
    """
    ended = [len(trial.curve) for trial in front if trial.state == "complete" and trial.curve]
    usual = statistics.median(ended) if ended else reports
    predicted = []
    for trial in front:
        seen = max(1, len(trial.curve))
        whole = seen if trial.state == "complete" else max(seen, usual)
        each = statistics.fmean(epoch.seconds for epoch in trial.curve) if trial.curve else 0.0
        predicted.append(each * whole)
    return predicted


def refit_all(
    front: Sequence[TrialRecord], costs: ForecastCosts, engine: Engine, plan: RefitPlan
) -> list[Finalist]:
    """Train the candidates of a front anew, a seed of each after the other, while there is time.

    One that fails is left out, and one that is cut short by the deadline unless it has come as far
    as its trial; a trial without any is no finalist. The list is empty where there was no time for
    one.

    Raises:
        MachineError: Where none ended because all failed.
    """
    order = _order(front, costs.goals, plan)
    waiting = _waiting(order, plan)
    found: dict[int, dict[int, Refit]] = {trial.number: {} for trial in front}
    reasons = []
    for (number, repeat), progress in engine.train_each(
        waiting, plan.reports, lambda: max(0.0, plan.deadline.left)
    ):
        if progress.failure is not None:
            reasons.append(progress.failure)
            continue
        trial = next(t for t in front if t.number == number)
        if not progress.out_of_time or _serves(progress, trial):
            candidate = plan.candidate(trial, repeat)
            found[number][repeat] = Refit.of(candidate, progress.checkpoint, progress.epochs)
    finalists = [
        _finalist(trial, [refits[n] for n in sorted(refits)], costs)
        for trial in front
        if (refits := found[trial.number])
    ]
    if reasons and not finalists:
        raise MachineError(
            f"a chosen candidate must train again with other seeds, found that all "
            f"{len(reasons)} refits failed, the first because {reasons[0]}: mend that and run "
            "again, or begin a new run whose [space] has a narrower learning rate"
        )
    return finalists


def _serves(progress: Progress, trial: TrialRecord) -> bool:
    """Say whether a refit that was cut short is as good as what the search trained."""
    losses = [epoch.val_loss for epoch in progress.epochs]
    wanted = min((epoch.val_loss for epoch in trial.curve), default=-math.inf)
    return bool(losses) and min(losses) <= wanted * (1 + NEAR)


def _order(
    front: Sequence[TrialRecord], goals: Goals, plan: RefitPlan
) -> list[tuple[TrialRecord, float]]:
    """Order a front, each with the seconds that it is predicted to take.

    The likeliest choice first where time is short; else the longest, so that no worker is left with
    it at the end.
    """
    predicted = dict(zip((t.number for t in front), _seconds(front, plan.reports), strict=True))
    left, order = list(front), []
    while left:
        if math.isinf(plan.deadline.seconds):
            index = max(range(len(left)), key=lambda n: predicted[left[n].number])
        else:
            index = pick_index([trial.values for trial in left], goals, plan.pick)
        trial = left.pop(index)
        order.append((trial, predicted[trial.number]))
    return order


def _waiting(
    order: Sequence[tuple[TrialRecord, float]], plan: RefitPlan
) -> Iterator[tuple[tuple[int, int], Candidate]]:
    """Yield the next refit that may well end in time, a seed of each before another."""
    for repeat in range(plan.seeds):
        for trial, seconds in order:
            wanted = repeat < plan.seeds_of(trial)
            if wanted and 0 < plan.deadline.left > seconds / _OVER:
                yield (trial.number, repeat), plan.candidate(trial, repeat)


def _finalist(trial: TrialRecord, refits: Sequence[Refit], costs: ForecastCosts) -> Finalist:
    goals, static = costs.goals, costs.static(trial.params)
    each = [goals.values(static, refit.curve) for refit in refits]
    columns = {name: [values[name] for values in each] for name in goals.names}
    return Finalist(
        trial,
        tuple(refits),
        {name: statistics.fmean(column) for name, column in columns.items()},
        {name: deviation(column) for name, column in columns.items()},
        len(refits),
    )


def kept_from_search(
    front: Sequence[TrialRecord],
    costs: ForecastCosts,
    plan: RefitPlan,
    checkpoint_of: Callable[[TrialRecord], bytes | None],
) -> list[Finalist]:
    """Return the trials of a front whose networks the search has kept, with these."""
    return [
        _searched(trial, checkpoint, costs, plan)
        for trial in front
        if (checkpoint := checkpoint_of(trial)) is not None
    ]


def _searched(
    trial: TrialRecord, checkpoint: bytes, costs: ForecastCosts, plan: RefitPlan
) -> Finalist:
    candidate = Candidate(trial.params, training_seed(plan.study_seed, trial.number))
    refit = Refit.of(candidate, checkpoint, trial.curve)
    values = costs.goals.values(costs.static(trial.params), trial.curve)
    return Finalist(trial, (refit,), values, dict.fromkeys(costs.goals.names, 0.0), 0)


def as_searched(
    front: Sequence[TrialRecord],
    costs: ForecastCosts,
    engine: Engine,
    plan: RefitPlan,
    checkpoint_of: Callable[[TrialRecord], bytes | None],
) -> Finalist:
    """Return the pick of a front with the network that the search trained.

    From its checkpoint, or where that is gone trained again: training is pure.

    Raises:
        MachineError: Where it fails.
    """
    trial = front[pick_index([t.values for t in front], costs.goals, plan.pick)]
    checkpoint = checkpoint_of(trial)
    if checkpoint is None:
        candidate = Candidate(trial.params, training_seed(plan.study_seed, trial.number))
        again = [(trial.number, candidate)]
        ((_, progress),) = engine.train_each(again, len(trial.curve))
        if progress.failure is not None:
            raise MachineError(
                f"a chosen candidate must train again as it trained before, found that trial "
                f"{trial.number} failed ({progress.failure}): mend that and run again"
            )
        checkpoint = progress.checkpoint
    return _searched(trial, checkpoint, costs, plan)
