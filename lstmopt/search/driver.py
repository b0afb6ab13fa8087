"""The driver: ask -> advance -> decide -> tell, resume, stop.

The driver alone owns the study; workers see candidates and checkpoints.
"""

from __future__ import annotations

import math
from concurrent.futures import FIRST_COMPLETED, Future, wait

import optuna

from lstmopt.errors import MachineError
from lstmopt.execution.engine import MOST_DEATHS, Engine, deaths, failure_of
from lstmopt.pruning.pruners import GO_ON, Closing, Decision, Promoter, decisions
from lstmopt.search.active_trial import ActiveTrial
from lstmopt.search.asking import Asker
from lstmopt.search.budget import SearchBudget
from lstmopt.search.context import SearchContext
from lstmopt.search.paused_trials import PausedTrials
from lstmopt.search.resuming import resume
from lstmopt.search.sampler_storage import open_for_sampler
from lstmopt.search.telling import Teller
from lstmopt.storage.trial_record import TrialRecord, closed_trials
from lstmopt.system.deadline import Deadline
from lstmopt.training.trainer import Progress

_LOOK = 1.0
"""Seconds between two looks at whether anybody wants to go on waiting."""


class Driver:
    """Runs one search on a study until its budget is spent."""

    def __init__(self, context: SearchContext, engine: Engine) -> None:
        self._context, self._plan, self._engine = context, context.plan, engine
        study, storage = open_for_sampler(context.stored)
        self._teller = Teller(context, storage)
        self._asker = Asker(context, self._teller, study, storage)
        self._training: dict[Future[Progress], ActiveTrial] = {}
        self._ready: list[ActiveTrial] = []
        self._paused = PausedTrials(self._read_back, context.checkpoints.drop_checkpoints)
        plan_seconds = self._plan.seconds
        self._budget = SearchBudget(
            self._plan.trials,
            self._plan.reports,
            context.deadline or Deadline(math.inf if plan_seconds is None else plan_seconds),
            self._teller.closed.epochs_trained,
            self._plan.epochs_per_report,
        )

    def search(self) -> list[TrialRecord]:
        """Ask, advance, decide and tell until the budget is spent; return every closed trial.

        Raises KeyboardInterrupt when it was asked to stop, after what ran has been recorded.
        """
        self._resume()
        stop = self._context.stop
        while True:
            closing = len(self._paused) * self._teller.seconds_a_close
            self._budget.kept_back = self._context.afterwards(self._teller.front) + closing
            while self._has_room() and self._start_next():
                pass
            if stop.asked:
                if not self._training:
                    raise KeyboardInterrupt
            else:
                self._ask_ahead()
            if not self._training:
                self._close_paused()
                return closed_trials(self._context.stored.study, self._plan.goals)
            done, _ = wait(self._training, _LOOK, FIRST_COMPLETED)
            if not done and stop.asked and self._engine.away:
                raise KeyboardInterrupt  # there is nothing to finish first
            for future in sorted(done, key=lambda f: self._training[f].number):
                self._collect(self._training.pop(future), future)

    def _has_room(self) -> bool:
        """Say whether a worker is free for something that is wanted."""
        return len(self._training) < self._engine.workers and not self._context.stop.asked

    def _start_next(self) -> bool:
        """Do the next thing that may give a free worker a trial; say whether there was one."""
        if self._ready and not self._ends_soon():
            self._go_on(self._ready.pop(0))
        elif not self._ready and (promoted := self._promoted("open")):
            self._ready.append(promoted)
        elif self._budget.is_closing and not self._ready and (last := self._promoted("front")):
            self._ready.append(last)
        elif self._wants_more():
            self._begin_trial()
        elif self._ready:
            self._go_on(self._longest_ready())
        elif promoted := self._promoted("front" if self._plan.epochs is None else "everyone"):
            self._ready.append(promoted)
        else:
            return False
        return True

    def _ask_ahead(self) -> None:
        """Have the next trial ready while workers are busy, so that none waits for a sampler."""
        busy = len(self._training) >= self._engine.workers > 1
        closing: Closing = "front" if self._budget.is_closing else "open"
        if busy and not self._ready and self._promotable(closing) is None and self._wants_more():
            self._begin_trial()

    def _begin_trial(self) -> None:
        in_training = {trial.number for trial in (*self._training.values(), *self._ready)}
        if begun := self._asker.next(in_training):
            self._ready.append(begun)

    def _trials_left(self) -> int:
        """Count the trials that may still be begun."""
        active = len(self._training) + len(self._ready) + len(self._paused)
        return self._budget.trials_left(self._teller.closed.spent + active)

    def _wants_more(self) -> bool:
        if not self._trials_left() or self._asker.exhausted:
            return False
        if self._budget.time_is_up and (self._is_busy() or self._teller.closed.spent):
            return False
        return self._budget.reports_left(self._training.values()) >= 1

    def _is_busy(self) -> bool:
        """Say whether a trial has been begun and is not closed."""
        return bool(self._training or self._ready or len(self._paused))

    def _has_report(self) -> bool:
        """Say whether there is a network that could be deployed."""
        begun = (*self._training.values(), *self._ready)
        return bool(self._teller.front or len(self._paused)) or any(t.trained for t in begun)

    def _ends_soon(self) -> bool:
        """Say whether so few trials are left to begin that workers might idle at the end.

        Then all of them are begun, and workers take turns: the longest is never left for last. Not
        where a budget in epochs might end before they do.
        """
        workers, to_begin = self._engine.workers, self._trials_left()
        if workers == 1 or to_begin > workers:
            return False
        most = self._plan.trial_reports * (to_begin + len(self._ready) + len(self._training))
        return (
            self._plan.epochs is None or self._budget.reports_left(self._training.values()) >= most
        )

    def _longest_ready(self) -> ActiveTrial:
        """Take the trial that has most left to train (McNaughton, Management Science 6, 1959)."""
        left = [trial.seconds_left(self._plan.trial_reports) for trial in self._ready]
        return self._ready.pop(left.index(max(left)))

    def _promotable(self, closing: Closing) -> int | None:
        """Number the paused trial that the pruner wants to go on, while the budget lasts."""
        pruner = self._plan.pruner
        if not (len(self._paused) and isinstance(pruner, Promoter)):
            return None
        if self._budget.is_spent(self._training.values()):
            return None
        with self._context.overhead.timed("prune"):
            return pruner.promote(self._paused.numbers, self._teller.trials, closing)

    def _promoted(self, closing: Closing) -> ActiveTrial | None:
        """Take the paused trial that the pruner wants to go on."""
        number = self._promotable(closing)
        if number is None:
            return None
        promoted = self._paused.take(number)
        promoted.go_on_from(self._checkpoint_of(promoted))
        self._teller.promoted(promoted, closing)
        return promoted

    def _checkpoint_of(self, trial: ActiveTrial) -> bytes | None:
        return self._context.checkpoints.read_checkpoint(trial.number, trial.trained)

    def _read_back(self, number: int) -> ActiveTrial:
        return ActiveTrial.of(self._teller.trial(number))

    def _close_paused(self) -> None:
        """Stop what is still paused when nothing is left to begin or to promote."""
        for number in self._paused.numbers:
            trial = self._paused.take(number)
            reason = f"paused at report {trial.trained}, and not promoted before the study ended"
            self._teller.stop(trial, trial.trained, reason, by_pruner=True)

    def _resume(self) -> None:
        """Take up the trials that an earlier driver left open, each as it stood."""
        states = (optuna.trial.TrialState.RUNNING,)
        for trial in self._context.stored.study.get_trials(deepcopy=False, states=states):
            found = resume(trial, self._plan.space, self._teller.closed.find_duplicate)
            if found.action == "refuse":
                self._teller.refuse(trial.number, found.reason)
            elif found.action == "draw":
                self._asker.take_up(trial.number)
            elif found.action == "reuse":
                self._teller.reuse(trial.number, found.duplicate)
            else:
                active = ActiveTrial.of(trial)
                self._show_curve(active)
                if found.action == "stop":
                    self._teller.stop(active, found.report, found.reason, by_pruner=True)
                elif found.action == "complete":
                    self._teller.complete(active)
                elif found.action == "pause":
                    self._paused.add(active)
                else:
                    active.go_on_from(self._checkpoint_of(active))
                    self._ready.append(active)
                self._budget.spend(active.epochs_trained)

    def _show_curve(self, trial: ActiveTrial) -> None:
        """Let the pruner compare with a trial as far as it had seen it."""
        if trial.epochs:
            seen = trial.epochs[: trial.decided]
            view = self._plan.goals.trial_view(trial.number, trial.static, seen)
            self._teller.trials.put(view)

    def _go_on(self, trial: ActiveTrial) -> None:
        """Submit the next segment, or close the trial when a budget is spent."""
        own = self._plan.limits.max_trial_seconds
        left_to_it = math.inf if own is None else own - trial.seconds
        reported = bool(trial.trained) or self._has_report()
        # what the clock has cut short does not go on, though less may be kept back by now
        cut_short = trial.out_of_time and own is None
        if (self._budget.time_is_up or cut_short) and reported:
            self._cut_off(trial, "time was up")
        elif left_to_it <= 0 or trial.out_of_time:
            reason = f"stopped after {trial.trained} reports: max_trial_seconds is {own:g}"
            self._teller.stop(trial, trial.trained, reason)
        elif (left := self._budget.reports_left(self._training.values())) < 1:
            self._cut_off(trial, "epochs were spent")
        else:
            epochs = int(min(trial.next_epochs(self._plan.segment_seconds), left))
            if isinstance(self._plan.pruner, Promoter):
                rung = self._plan.pruner.next_rung(trial.trained)
                epochs = epochs if rung is None else min(epochs, rung - trial.trained)
            trial.submit(epochs)
            # whatever the clock says, the first report of all is waited for
            ends_in = self._budget.seconds_left if reported else math.inf
            seconds = min(ends_in, left_to_it)
            future = self._engine.submit(trial.candidate, trial.checkpoint, epochs, seconds)
            self._training[future] = trial

    def _cut_off(self, trial: ActiveTrial, why: str) -> None:
        epoch = max(trial.trained, trial.decided)
        self._teller.stop(trial, epoch, f"the study's {why} at report {epoch}")

    def _collect(self, trial: ActiveTrial, future: Future[Progress]) -> None:
        """Decide about what a segment gave, record both, and do as decided."""
        error = future.exception()
        if error is not None:
            self._lose_worker(trial, error)
            return
        progress = future.result()
        before = trial.epochs_trained
        trial.add(progress)
        self._budget.spend(trial.epochs_trained - before)
        made = self._decide(trial, progress)
        self._teller.segment(trial, progress, made)
        self._context.observer.advanced(trial.number, progress.epochs)
        report, decision = made[-1] if made else (0, GO_ON)
        if progress.failure:
            self._teller.fail(trial, progress.failure)
        elif decision.action == "stop":
            self._teller.stop(trial, report, decision.reason, by_pruner=True)
        elif progress.finished:
            self._teller.complete(trial)
        elif decision.action == "pause":
            self._paused.add(trial)
        else:
            self._ready.append(trial)

    def _lose_worker(self, trial: ActiveTrial, error: BaseException) -> None:
        """Go on from the last checkpoint when a worker died; give up when it keeps dying."""
        if isinstance(error, MachineError):  # nothing can be trained there, whatever the candidate
            raise error
        lost = deaths(error)
        trial.lose_worker(lost or 0)
        if lost is None or trial.deaths >= MOST_DEATHS:
            self._teller.fail(trial, failure_of(error, trial.deaths if lost else 0))
            return
        became = "died" if lost else "went away"
        self._context.observer.notice(
            f"trial {trial.number}: its worker {became}; it goes on from report "
            f"{trial.trained} in another"
        )
        self._ready.append(trial)

    def _decide(self, trial: ActiveTrial, progress: Progress) -> list[tuple[int, Decision]]:
        """Ask the pruner at each report that it has not judged yet; a failure is not judged."""
        view = self._plan.goals.trial_view(trial.number, trial.static, trial.epochs)
        if progress.failure:
            self._teller.trials.put(view)
            return []
        with self._context.overhead.timed("prune"):
            made = decisions(self._plan.pruner, view, self._teller.trials, trial.decided + 1)
        trial.judge(made)
        return made
