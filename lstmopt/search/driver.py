"""The driver: ask -> advance -> decide -> tell, resume, stop.

The driver alone owns the study; workers see candidates and checkpoints.
"""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

import optuna

from lstmopt.errors import MachineError
from lstmopt.execution.engine import MOST_DEATHS, Engine, deaths, failure_of
from lstmopt.plugin.registry import Registry
from lstmopt.pruning.pruners import GO_ON, Closing, Decision, Promoter, decisions
from lstmopt.search.active_trial import Running
from lstmopt.search.asking import Proposals
from lstmopt.search.observer import Observer
from lstmopt.search.overhead import Overhead
from lstmopt.search.sampler_storage import open_view
from lstmopt.search.search_plan import Plan
from lstmopt.search.telling import Checkpoints, Ledger
from lstmopt.search_space import Params
from lstmopt.storage.segments import last_decision, read_segments
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import INFEASIBLE, TrialRecord, closed_trials
from lstmopt.system.signals import Interruption
from lstmopt.training.trainer import Progress

_LOOK = 1.0
"""Seconds between two looks at whether anybody wants to go on waiting."""
_MOST_PAUSED = 500
"""Paused trials that keep a checkpoint; an older one is trained again if it is promoted."""


class Driver:
    """Runs one search on a study until its budget is spent.

    ``cost_of`` gives what the goals' static objectives measure, from a candidate's parameters.
    """

    def __init__(
        self,
        stored: StoredStudy,
        plan: Plan,
        cost_of: Callable[[Params], Any],
        engine: Engine,
        checkpoints: Checkpoints,
        registry: Registry,
        observer: Observer,
    ) -> None:
        self.plan, self.engine, self.observer = plan, engine, observer
        self.interruption, self.overhead = Interruption(), Overhead()
        study, view = open_view(stored.study, stored.storage)
        self.ledger = Ledger(
            stored, view, plan, cost_of, checkpoints, registry, observer, self.overhead
        )
        self.proposals = Proposals(self.ledger, study, view, plan, cost_of, observer, self.overhead)
        self._running: dict[Future[Progress], Running] = {}
        self._ready: list[Running] = []
        self._paused: list[int] = []
        self._paused_lately: dict[int, Running] = {}
        self._trained = self.ledger.closed.epochs_trained
        self._stop_at = math.inf if plan.seconds is None else time.monotonic() + plan.seconds

    def search(self) -> list[TrialRecord]:
        """Ask, advance, decide and tell until the budget is spent; return every closed trial.

        Raises KeyboardInterrupt when it was asked to stop, after what ran has been recorded.
        """
        self._resume()
        while True:
            while self._has_room() and self._start_next():
                pass
            if self.interruption.asked:
                if not self._running:
                    raise KeyboardInterrupt
            else:
                self._ask_ahead()
            if not self._running:
                self._close_paused()
                return closed_trials(self.ledger.study, self.plan.goals)
            done, _ = wait(self._running, _LOOK, FIRST_COMPLETED)
            if not done and self.interruption.asked and self.engine.away:
                raise KeyboardInterrupt  # there is nothing to finish first
            for future in sorted(done, key=lambda f: self._running[f].number):
                self._collect(self._running.pop(future), future)

    def _has_room(self) -> bool:
        """Say whether a worker is free for something that is wanted."""
        return len(self._running) < self.engine.workers and not self.interruption.asked

    @property
    def _time_is_up(self) -> bool:
        return time.monotonic() >= self._stop_at

    def _epochs_left(self) -> float:
        """Count the reports of the budget that are neither trained nor in a worker's hands."""
        return self.plan.reports - self._trained - sum(r.asked for r in self._running.values())

    def _start_next(self) -> bool:
        """Do the next thing that may give a free worker a trial; say whether there was one."""
        if self._ready and not self._ends_soon():
            self._go_on(self._ready.pop(0))
        elif not self._ready and (promoted := self._promoted()):
            self._ready.append(promoted)
        elif self._wants_more():
            self._begin_trial()
        elif self._ready:
            self._go_on(self._longest_ready())
        elif promoted := self._promoted("front" if self.plan.epochs is None else "everyone"):
            self._ready.append(promoted)
        else:
            return False
        return True

    def _ask_ahead(self) -> None:
        """Have the next trial ready while workers are busy, so that none waits for a sampler."""
        busy = len(self._running) >= self.engine.workers > 1
        if busy and not self._ready and self._promotable("open") is None and self._wants_more():
            self._begin_trial()

    def _begin_trial(self) -> None:
        in_training = {r.number for r in (*self._running.values(), *self._ready)}
        if running := self.proposals.next(in_training):
            self._ready.append(running)

    def _begun(self) -> int:
        open_trials = len(self._running) + len(self._ready) + len(self._paused)
        return self.ledger.closed.spent + open_trials

    def _ends_soon(self) -> bool:
        """Say whether so few trials are left to begin that workers might idle at the end.

        Then all of them are begun, and workers take turns: the longest is never left for last. Not
        where a budget in epochs might end before they do.
        """
        workers, to_begin = self.engine.workers, self.plan.trials - self._begun()
        if workers == 1 or to_begin > workers:
            return False
        most = self.plan.trial_reports * (to_begin + len(self._ready) + len(self._running))
        return self.plan.epochs is None or self._epochs_left() >= most

    def _longest_ready(self) -> Running:
        """Take the trial that has most left to train (McNaughton, Management Science 6, 1959)."""
        left = [running.seconds_left(self.plan.trial_reports) for running in self._ready]
        return self._ready.pop(left.index(max(left)))

    def _pause(self, running: Running) -> None:
        """Keep a trial until it is promoted or the study ends; its checkpoint lies in its place.

        Of many, the oldest keep none, and are held in the storage alone: training is pure, so they
        can be trained again to where they were, and few ever are.
        """
        running.checkpoint = None
        bisect.insort(self._paused, running.number)
        self._paused_lately[running.number] = running
        if len(self._paused_lately) > _MOST_PAUSED:
            oldest = next(iter(self._paused_lately))
            del self._paused_lately[oldest]
            self.ledger.checkpoints.drop_checkpoints(oldest)

    def _take_paused(self, number: int) -> Running:
        """Return a trial that is paused, and is no longer."""
        self._paused.remove(number)
        lately = self._paused_lately.pop(number, None)
        return lately or Running.of(self.ledger.trial(number))

    def _promoted(self, closing: Closing = "open") -> Running | None:
        """Take the paused trial that the pruner wants to go on."""
        number = self._promotable(closing)
        if number is None:
            return None
        promoted = self._take_paused(number)
        self._find_checkpoint(promoted)
        self.ledger.promoted(promoted, closing)
        return promoted

    def _find_checkpoint(self, running: Running) -> None:
        """Let a trial go on from its checkpoint, or begin anew where there is none."""
        running.checkpoint = self.ledger.checkpoints.read_checkpoint(
            running.number, len(running.epochs)
        )
        if running.checkpoint is None:
            running.epochs = []

    def _promotable(self, closing: Closing) -> int | None:
        """Number the paused trial that the pruner wants to go on, while the budget lasts."""
        pruner = self.plan.pruner
        if not (self._paused and isinstance(pruner, Promoter)):
            return None
        if self._time_is_up or self._epochs_left() < 1:
            return None
        with self.overhead.timed("prune"):
            return pruner.promote(tuple(self._paused), self.ledger.trials, closing)

    def _close_paused(self) -> None:
        """Stop what is still paused when nothing is left to begin or to promote."""
        for number in tuple(self._paused):
            running = self._take_paused(number)
            epoch = len(running.epochs)
            reason = f"paused at report {epoch}, and not promoted before the study ended"
            self.ledger.stop(running, epoch, reason, by_pruner=True)

    def _wants_more(self) -> bool:
        if self._begun() >= self.plan.trials or self._time_is_up or self._epochs_left() < 1:
            return False
        return not self.proposals.exhausted

    def _resume(self) -> None:
        """Take up the trials that an earlier driver left running, each as it stood."""
        states = (optuna.trial.TrialState.RUNNING,)
        for trial in self.ledger.study.get_trials(deepcopy=False, states=states):
            attributes = trial.user_attrs
            if reason := attributes.get(INFEASIBLE):
                self.ledger.infeasible(trial.number, reason)
            elif self.plan.space.rejects(trial.params) or "seed" not in attributes:
                self.proposals.take_up(trial.number)
            elif "twin" in attributes:
                self.ledger.reuse(trial.number, attributes["twin"])
            elif not read_segments(trial) and (
                (twin := self.ledger.closed.twin(trial.params)) is not None
            ):
                self.ledger.reuse(trial.number, twin)
            else:
                self._take_up(trial)

    def _take_up(self, trial: optuna.trial.FrozenTrial) -> None:
        """Go on with an interrupted trial as its last decision says."""
        running, segments = Running.of(trial), read_segments(trial)
        if running.epochs:
            # what came after a stop was never shown to the pruner
            seen = running.epochs[: running.decided]
            self.ledger.trials.put(self.plan.goals.view(running.number, running.static, seen))
        at, report, decision = last_decision(segments)
        promoted = any(event > at for event, _ in running.promotions)
        if decision.action == "stop":
            self.ledger.stop(running, report, decision.reason, by_pruner=True)
        elif segments and segments[-1].end == "finished":
            self.ledger.complete(running)
        elif decision.action == "pause" and not promoted:
            self._pause(running)
        else:
            self._find_checkpoint(running)
            self._ready.append(running)
        self._trained += len(running.epochs)

    def _go_on(self, running: Running) -> None:
        """Submit the next segment, or close the trial when the study's budget is spent."""
        own = self.plan.limits.max_trial_seconds
        left_to_it = math.inf if own is None else own - sum(e.seconds for e in running.epochs)
        if self._time_is_up:
            self._cut_off(running, "time was up")
        elif left_to_it <= 0 or running.out_of_time:
            epoch = len(running.epochs)
            reason = f"stopped after {epoch} reports: max_trial_seconds is {own:g}"
            self.ledger.stop(running, epoch, reason)
        elif (left := self._epochs_left()) < 1:
            self._cut_off(running, "epochs were spent")
        else:
            epochs = int(min(running.next_epochs(self.plan.segment_seconds), left))
            if isinstance(self.plan.pruner, Promoter):
                trained = len(running.epochs)
                rung = self.plan.pruner.next_rung(trained)
                epochs = epochs if rung is None else min(epochs, rung - trained)
            running.asked, running.submitted = epochs, time.perf_counter()
            seconds = min(self._stop_at - time.monotonic(), left_to_it)
            future = self.engine.submit(running.candidate, running.checkpoint, epochs, seconds)
            self._running[future] = running

    def _cut_off(self, running: Running, why: str) -> None:
        epoch = max(len(running.epochs), running.decided)
        self.ledger.stop(running, epoch, f"the study's {why} at report {epoch}")

    def _collect(self, running: Running, future: Future[Progress]) -> None:
        """Decide about what a segment gave, record both, and do as decided."""
        error = future.exception()
        if error is not None:
            self._lost(running, error)
            return
        progress = future.result()
        running.epochs.extend(progress.epochs)
        running.out_of_time = progress.out_of_time
        self._trained += len(progress.epochs)
        made = self._decide(running, progress)
        self.ledger.segment(running, progress, made)
        spent = time.perf_counter() - running.submitted
        training = sum(epoch.seconds for epoch in progress.epochs)
        running.handling = min(running.handling, spent - training)
        self.observer.advanced(running.number, progress.epochs)
        report, decision = made[-1] if made else (0, GO_ON)
        if progress.failure:
            self.ledger.fail(running, progress.failure)
        elif decision.action == "stop":
            self.ledger.stop(running, report, decision.reason, by_pruner=True)
        elif progress.finished:
            self.ledger.complete(running)
        elif decision.action == "pause":
            self._pause(running)
        else:
            self._ready.append(running)

    def _lost(self, running: Running, error: BaseException) -> None:
        """Go on from the last checkpoint when a worker died; give up when it keeps dying."""
        if isinstance(error, MachineError):  # nothing can be trained there, whatever the candidate
            raise error
        lost = deaths(error)
        running.deaths += lost or 0
        if lost is None or running.deaths >= MOST_DEATHS:
            self.ledger.fail(running, failure_of(error, running.deaths if lost else 0))
            return
        became = "died" if lost else "went away"
        self.observer.notice(
            f"trial {running.number}: its worker {became}; it goes on from report "
            f"{len(running.epochs)} in another"
        )
        self._ready.append(running)

    def _decide(self, running: Running, progress: Progress) -> list[tuple[int, Decision]]:
        """Ask the pruner at each report that it has not judged yet; a failure is not judged."""
        trial = self.plan.goals.view(running.number, running.static, tuple(running.epochs))
        if progress.failure:
            self.ledger.trials.put(trial)
            return []
        with self.overhead.timed("prune"):
            made = decisions(self.plan.pruner, trial, self.ledger.trials, running.decided + 1)
        running.decided = made[-1][0] if made else running.decided
        return made
