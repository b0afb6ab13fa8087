"""The driver: ask -> advance -> decide -> tell, resume, stop.

The driver alone owns the study; workers see candidates and checkpoints.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import optuna

from lstmopt.closed import ClosedTrials
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.executors import Engine, worker_died
from lstmopt.interruption import Interruption
from lstmopt.opening import Shown
from lstmopt.plan import FiniteSampler, Plan, training_seed
from lstmopt.pruning import GO_ON, Closing, Decision, Promoter, decisions
from lstmopt.record import INFEASIBLE, TrialRecord, closed_trials, told_values, trial_record
from lstmopt.registry import Registry, takes
from lstmopt.sampling import is_founder, open_view, stand_ins
from lstmopt.segments import (
    Segment,
    SegmentEnd,
    curve_of,
    decided_reports,
    judged,
    last_decision,
    last_event,
    read_segments,
)
from lstmopt.space import Architecture, Candidate, Params
from lstmopt.storage import StoredStudy
from lstmopt.training import Progress
from lstmopt.trials import Trials
from lstmopt.warm_start import Beginning

_MOST_DEATHS = 2
_MOST_HANDLING = 0.01
"""Of a segment's training: what its dispatch, checkpoint and record may take."""
_MOST_INFEASIBLE = 500
"""Proposals in a row that may break a limit before the search gives up."""


class Observer:
    """Is told how a study goes; does nothing by itself."""

    def notice(self, text: str) -> None:
        """Hear one line that the user should read."""

    def measured(self, architecture: Architecture, latency_ms: float) -> None:
        """Hear what one forecast of an architecture takes."""

    def started(self, number: int, params: Params, static: Mapping[str, float]) -> None:
        """Hear that a trial begins, with its static objectives."""

    def advanced(self, number: int, epochs: tuple[Epoch, ...]) -> None:
        """Hear of new epochs of a running trial."""

    def told(self, record: TrialRecord) -> None:
        """Hear of a closed trial."""

    def refitting(self, front: list[TrialRecord]) -> None:
        """Hear that the search is over and its front is refitted."""


@dataclass
class _Running:
    """A trial in training."""

    number: int
    candidate: Candidate
    static: dict[str, float]
    epochs: list[Epoch] = field(default_factory=list)
    checkpoint: bytes | None = None
    segments: int = 0
    asked: int = 0
    deaths: int = 0
    decided: int = 0
    promotions: list[tuple[int, Closing]] = field(default_factory=list)
    out_of_time: bool = False
    peak_mib: float = 0.0
    submitted: float = 0.0
    handling: float = math.inf
    """The least seconds from a segment's dispatch to its record, less those of its training."""

    @property
    def epoch_seconds(self) -> float:
        """How long an epoch took so far; unknown, hence infinite, before the first."""
        if not self.epochs:
            return math.inf
        return max(1e-6, sum(epoch.seconds for epoch in self.epochs) / len(self.epochs))

    def next_epochs(self, seconds: float) -> int:
        """Count the epochs that fit into ``seconds``, or more where handling is more than 1 %."""
        if not self.epochs:
            return 1
        if math.isfinite(self.handling):
            seconds = max(seconds, self.handling / _MOST_HANDLING)
        return max(1, round(seconds / self.epoch_seconds))

    def seconds_left(self, reports: float) -> float:
        """Predict how long the rest of its ``reports`` takes."""
        return self.epoch_seconds * (reports - len(self.epochs))


class Checkpoints(Protocol):
    """Where the driver keeps what it needs to go on with an interrupted trial."""

    def read_checkpoint(self, number: int, epochs: int) -> bytes | None:
        """Return the checkpoint of a trial after exactly ``epochs`` epochs, if there is one."""

    def write_checkpoint(self, number: int, epochs: int, checkpoint: bytes) -> None:
        """Keep a checkpoint."""

    def drop_checkpoints(self, number: int, keep: int | None = None) -> None:
        """Forget a trial's checkpoints but the one after ``keep`` epochs."""


@dataclass
class Overhead:
    """Seconds that the strategy itself took: to propose, to judge, to learn what came of it."""

    ask: float = 0.0
    prune: float = 0.0
    tell: float = 0.0

    @contextmanager
    def timed(self, part: Literal["ask", "prune", "tell"]) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, part, getattr(self, part) + time.perf_counter() - start)


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
        self._stored, self.study = stored, stored.study
        self.plan, self.engine = plan, engine
        self._cost_of, self._checkpoints = cost_of, checkpoints
        self.registry, self.observer = registry, observer
        self.goals = plan.goals
        self.interruption = Interruption()
        self.overhead = Overhead()
        self.closed = ClosedTrials(self.goals)
        static, learned = self.goals.static, self.goals.learned
        self._trials = Trials([o.name for o in static], [o.name for o in learned])
        for record in closed_trials(self.study, self.goals):
            self._know(record)
        known = self.study.get_trials(deepcopy=False)
        self._count = len(known)
        self._waiting = {t.number for t in known if t.state == optuna.trial.TrialState.WAITING}
        self._finite = isinstance(plan.make_sampler(0), FiniteSampler)
        self._view_study, self._view = open_view(self.study, stored.storage)
        beginning = plan.beginning or Beginning(plan.space)
        self._observed = Shown(beginning, self.goals, cost_of)
        self._warm = sum(is_founder(trial) for trial in known)
        self._events = 0
        self._infeasible_in_a_row = 0
        self._running: dict[Future[Progress], _Running] = {}
        self._ready: list[_Running] = []
        self._paused: dict[int, _Running] = {}
        self._trained = sum(record.epochs_trained for record in self.closed)
        self._kept_sampler: optuna.samplers.BaseSampler | None = None
        self._stop_at = math.inf if plan.seconds is None else time.monotonic() + plan.seconds

    def search(self) -> list[TrialRecord]:
        """Ask, advance, decide and tell until the budget is spent; return every closed trial.

        Raises KeyboardInterrupt when it was asked to stop, after what ran has been recorded.
        """
        for running in self._interrupted():
            self._take_up(running)
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
                return sorted(self.closed, key=lambda record: record.number)
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda f: self._running[f].number):
                self._collect(self._running.pop(future), future)

    def _has_room(self) -> bool:
        """Say whether a worker is free for something that is wanted."""
        return len(self._running) < self.engine.workers and not self.interruption.asked

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Make the sampler anew for each trial, unless it keeps a state or draws nothing."""
        if self.plan.sampler.resume and takes(self.plan.sampler, "seed"):
            return self.plan.make_sampler(number)
        self._kept_sampler = self._kept_sampler or self.plan.make_sampler(number)
        return self._kept_sampler

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
        busy = len(self._running) == self.engine.workers > 1
        if busy and not self._ready and self._promotable("open") is None and self._wants_more():
            self._begin_trial()

    def _begun(self) -> int:
        open_trials = len(self._running) + len(self._ready) + len(self._paused)
        return self.closed.spent + open_trials

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

    def _longest_ready(self) -> _Running:
        """Take the trial that has most left to train (McNaughton, Management Science 6, 1959)."""
        left = [running.seconds_left(self.plan.trial_reports) for running in self._ready]
        return self._ready.pop(left.index(max(left)))

    def _pause(self, running: _Running) -> None:
        """Keep a trial until it is promoted or the study ends; its checkpoint lies in its place."""
        running.checkpoint = None
        self._paused[running.number] = running

    def _promoted(self, closing: Closing = "open") -> _Running | None:
        """Take the paused trial that the pruner wants to go on."""
        number = self._promotable(closing)
        if number is None:
            return None
        promoted = self._paused.pop(number)
        trained = len(promoted.epochs)
        promoted.checkpoint = self._checkpoints.read_checkpoint(number, trained)
        if promoted.checkpoint is None:
            raise LstmoptError(
                f"a paused trial goes on from its checkpoint, found none of trial {number} after "
                f"{trained} reports: bring the run's checkpoints back"
            )
        promoted.promotions.append((self._next_event(), closing))
        self._stored.set_trial_attrs(number, promotions=promoted.promotions)
        return promoted

    def _promotable(self, closing: Closing) -> int | None:
        """Number the paused trial that the pruner wants to go on, while the budget lasts."""
        pruner = self.plan.pruner
        if not (self._paused and isinstance(pruner, Promoter)):
            return None
        if self._time_is_up or self._epochs_left() < 1:
            return None
        with self.overhead.timed("prune"):
            return pruner.promote(sorted(self._paused), self._trials, closing)

    def _close_paused(self) -> None:
        """Stop what is still paused when nothing is left to begin or to promote."""
        for number in sorted(self._paused):
            running = self._paused.pop(number)
            epoch = len(running.epochs)
            reason = f"paused at report {epoch}, and not promoted before the study ended"
            self._tell_pruned(running, epoch, reason, by_pruner=True)

    def _wants_more(self) -> bool:
        if self._begun() >= self.plan.trials:
            return False
        if self._time_is_up or self._epochs_left() < 1:
            return False
        if self._infeasible_in_a_row >= _MOST_INFEASIBLE:
            return False
        if self._waiting or not self._finite:
            return True
        sampler = self._sampler(self._count)
        return isinstance(sampler, FiniteSampler) and sampler.remaining(self.study) > 0

    def _interrupted(self) -> list[_Running]:
        """List the trials that an earlier driver left running, as they stood."""
        found = []
        states = (optuna.trial.TrialState.RUNNING,)
        for trial in self.study.get_trials(deepcopy=False, states=states):
            if self.plan.space.rejects(trial.params) or "seed" not in trial.user_attrs:
                self._stored.set_trial_attrs(
                    trial.number, reason="interrupted before its parameters were complete"
                )
                self._tell(trial.number, state=optuna.trial.TrialState.FAIL)
                self._close(trial.number)
                continue
            attributes = trial.user_attrs
            if attributes.get(INFEASIBLE):
                self._tell(trial.number, state=optuna.trial.TrialState.PRUNED)
                self._close(trial.number)
                continue
            if "twin" in attributes:
                number = attributes["twin"]
                self._reuse(trial.number, next(r for r in self.closed if r.number == number))
                continue
            candidate = Candidate(dict(trial.params), attributes["seed"])
            entry = _Running(trial.number, candidate, attributes["static"])
            segments = read_segments(trial)
            recorded = curve_of(segments)
            entry.segments = len(segments)
            entry.promotions = [(at, last) for at, last in attributes.get("promotions", ())]
            entry.decided = decided_reports(segments)
            if recorded:
                # what came after a stop was never shown to the pruner
                seen = recorded[: entry.decided]
                self._trials.put(self.goals.view(entry.number, entry.static, seen))
            entry.checkpoint = self._checkpoints.read_checkpoint(trial.number, len(recorded))
            if entry.checkpoint is not None:
                entry.epochs = list(recorded)
                self._trained += len(recorded)
            found.append(entry)
        return found

    def _take_up(self, running: _Running) -> None:
        """Go on with an interrupted trial as its last decision says."""
        segments = read_segments(self._stored.trial(running.number))
        at, report, decision = last_decision(segments)
        promoted = any(event > at for event, _ in running.promotions)
        if decision.action == "stop":
            self._tell_pruned(running, report, decision.reason, by_pruner=True)
        elif decision.action == "pause" and not promoted:
            self._pause(running)
        elif running.epochs and segments[-1].end == "finished":
            self._tell_complete(running)
        else:
            self._ready.append(running)

    def _make_running(self, number: int, params: Params, seed: int) -> _Running:
        candidate = Candidate(params, seed)
        return _Running(number, candidate, self.goals.static_values(self._cost_of(params)))

    def _begin_trial(self) -> None:
        with self.overhead.timed("ask"), warnings.catch_warnings():
            # a warm start's candidate leaves out what does not apply to it
            warnings.simplefilter("ignore", UserWarning)
            self._view_study.sampler = self._sampler(self._count)
            with self._view.asking(
                self._stand_ins(),
                self.plan.sampler.sees,
                self._always_shown(),
                self.plan.sampler.stopped_per_finished,
                self._observations(),
                self._view_study.sampler,
            ):
                trial = self._view_study.ask()
                params = self.plan.space.suggest(trial)
        self._waiting.discard(trial.number)
        self._count = max(self._count, trial.number + 1)
        running = self._make_running(
            trial.number, params, training_seed(self.plan.seed, trial.number)
        )
        trial.set_user_attr("static", running.static)
        if self._is_infeasible(trial, params):
            return
        # last, so that a trial with a seed is one that may be trained
        trial.set_user_attr("seed", running.candidate.seed)
        self.observer.started(trial.number, params, running.static)
        if twin := self.closed.twin(params):
            self._reuse(trial.number, twin)
        else:
            self._ready.append(running)

    def _observations(self) -> list[optuna.trial.FrozenTrial]:
        """Return what the sampler is shown of other studies beside this one's trials."""
        begun = self._count - self._warm
        breeds = isinstance(self._view_study.sampler, optuna.samplers.BaseGASampler)
        return self._observed.trials(self.closed.finished, self._trials, begun, breeds)

    def _always_shown(self) -> set[int]:
        """Number the trials that a sampler must see, however old they are."""
        open_trials = {r.number for r in (*self._running.values(), *self._ready)}
        return self.closed.front | open_trials | set(self._paused) | self._waiting

    def _stand_ins(self) -> dict[int, tuple[float, ...]]:
        """Return the values under which the sampler sees trials that have none of their own."""
        tell = self.plan.tell_stopped or self.plan.sampler.tell_stopped
        sees = self.plan.sampler.sees
        found = stand_ins(self._trials, self.goals, tell, sees)
        # a sampler ranks infeasible ones by their constraints alone, whatever loss stands there;
        # one that failed after it was shown as paused may be a parent already, and needs a value
        bad = self.closed.without_value[-(sees or len(self.closed)) :]
        bad = [record for record in bad if record.state == INFEASIBLE or record.number in found]
        if bad:
            worst = {o.name: o.minimised(self._worst(o.name)) for o in self.goals.learned}
            for record in bad:
                values = record.values | worst
                found[record.number] = tuple(float(values[n] or 0.0) for n in self.goals.names)
        return found

    def _worst(self, objective: str) -> float:
        """Return the highest known value of a learned objective, turned so that lower is better."""
        best = self._trials.best(objective)
        known = best[np.isfinite(best)]
        return float(known.max()) if len(known) else 0.0

    def _is_infeasible(self, trial: optuna.Trial, params: Params) -> bool:
        """Tell the sampler how far a candidate is from its limits; close it when it breaks one."""
        memory = self.plan.memory_mb(params)
        excess = self.plan.limits.excess(self._cost_of(params), memory)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            for name, value in excess.items():
                trial.set_constraint(name, value)
        broken = [name for name, value in excess.items() if value > 0]
        self._infeasible_in_a_row = self._infeasible_in_a_row + 1 if broken else 0
        if broken:
            words = ", ".join(f"{name} by {excess[name]:.0%}" for name in broken)
            self._stored.set_trial_attrs(
                trial.number, infeasible=True, reason=f"not trained: it exceeds {words}"
            )
            self._tell(trial.number, state=optuna.trial.TrialState.PRUNED)
            self._close(trial.number)
            if self._infeasible_in_a_row == _MOST_INFEASIBLE:
                self.observer.notice(
                    f"{_MOST_INFEASIBLE} candidates in a row broke a limit, so the search ends: "
                    "raise the limit or narrow the space"
                )
        return bool(broken)

    def _go_on(self, running: _Running) -> None:
        """Submit the next segment, or close the trial when the study's budget is spent."""
        own = self.plan.limits.max_trial_seconds
        left_to_it = math.inf if own is None else own - sum(e.seconds for e in running.epochs)
        if self._time_is_up:
            self._cut_off(running, "time was up")
        elif left_to_it <= 0 or running.out_of_time:
            epoch = len(running.epochs)
            reason = f"stopped after {epoch} reports: max_trial_seconds is {own:g}"
            self._tell_pruned(running, epoch, reason)
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

    def _cut_off(self, running: _Running, why: str) -> None:
        epoch = len(running.epochs)
        self._tell_pruned(running, epoch, f"the study's {why} at report {epoch}")

    def _collect(self, running: _Running, future: Future[Progress]) -> None:
        """Decide about what a segment gave, record both, and do as decided."""
        error = future.exception()
        if error is not None:
            self._lost(running, error)
            return
        progress = future.result()
        running.epochs.extend(progress.epochs)
        running.out_of_time = progress.out_of_time
        running.peak_mib = max(running.peak_mib, progress.peak_mib)
        self._trained += len(progress.epochs)
        made = self._decide(running, progress)
        self._record_segment(running, progress, made)
        spent = time.perf_counter() - running.submitted
        training = sum(epoch.seconds for epoch in progress.epochs)
        running.handling = min(running.handling, spent - training)
        self.observer.advanced(running.number, progress.epochs)
        report, decision = made[-1] if made else (0, GO_ON)
        if progress.failure:
            self._tell_failed(running, progress.failure)
        elif decision.action == "stop":
            self._tell_pruned(running, report, decision.reason, by_pruner=True)
        elif progress.finished:
            self._tell_complete(running)
        elif decision.action == "pause":
            self._pause(running)
        else:
            self._ready.append(running)

    def _lost(self, running: _Running, error: BaseException) -> None:
        """Go on from the last checkpoint when a worker died; give up when it keeps dying."""
        if worker_died(error):
            running.deaths += 1
            if running.deaths < _MOST_DEATHS:
                self.observer.notice(
                    f"trial {running.number}: its worker died; it goes on from report "
                    f"{len(running.epochs)} in another"
                )
                self._ready.append(running)
                return
            self._tell_failed(running, f"its worker died {running.deaths} times")
            return
        text = " ".join(str(error).split())
        self._tell_failed(running, f"{type(error).__name__}: {text}")

    def _decide(self, running: _Running, progress: Progress) -> list[tuple[int, Decision]]:
        """Ask the pruner at each report that it has not judged yet; a failure is not judged."""
        trial = self.goals.view(running.number, running.static, tuple(running.epochs))
        if progress.failure:
            self._trials.put(trial)
            return []
        with self.overhead.timed("prune"):
            made = decisions(self.plan.pruner, trial, self._trials, running.decided + 1)
        running.decided = made[-1][0] if made else running.decided
        return made

    def _record_segment(
        self, running: _Running, progress: Progress, made: list[tuple[int, Decision]]
    ) -> None:
        # the checkpoint first, and the older one kept until the curve is recorded: whenever the
        # driver dies, there is a checkpoint for exactly the recorded epochs
        running.checkpoint = progress.checkpoint
        self._checkpoints.write_checkpoint(running.number, len(running.epochs), progress.checkpoint)
        told = tuple(decision for decision in made if judged(decision))
        end: SegmentEnd = "finished" if progress.finished else "going on"
        end = "failed" if progress.failure else end
        segment = Segment(self._next_event(), progress.epochs, told, end)
        self._stored.set_trial_attrs(running.number, **segment.attribute(running.segments))
        running.segments += 1
        self._checkpoints.drop_checkpoints(running.number, keep=len(running.epochs))

    def _next_event(self) -> int:
        """Count the driver's events over the study's whole life."""
        if not self._events:
            self._events = last_event(self.study)
        self._events += 1
        return self._events

    def _tell_complete(self, running: _Running) -> None:
        cost = self._cost_of(running.candidate.params)
        values = self.goals.values(cost, tuple(running.epochs))
        # Optuna would store NaN as a failure without a word, and infinity as a value
        if wrong := [n for n, v in values.items() if not math.isfinite(v)]:
            self._tell_failed(running, f"objective {wrong[0]} was {values[wrong[0]]}")
            return
        trained = {"epochs_trained": len(running.epochs), "peak_mib": running.peak_mib}
        self._stored.set_trial_attrs(running.number, **trained)
        self._tell(running.number, [values[name] for name in self.goals.names])
        self._close(running.number)

    def _tell_pruned(
        self, running: _Running, epoch: int, reason: str, by_pruner: bool = False
    ) -> None:
        self._stored.set_trial_attrs(
            running.number,
            reason=reason,
            epochs=epoch,
            epochs_trained=len(running.epochs),
            by_pruner=by_pruner,
            peak_mib=running.peak_mib,
        )
        self._tell(running.number, state=optuna.trial.TrialState.PRUNED)
        self._close(running.number)

    def _tell_failed(self, running: _Running, reason: str) -> None:
        self._stored.set_trial_attrs(
            running.number, reason=reason, epochs_trained=len(running.epochs)
        )
        self._tell(running.number, state=optuna.trial.TrialState.FAIL)
        self._close(running.number)

    def _reuse(self, number: int, twin: TrialRecord) -> None:
        """Tell a trial what its twin gave instead of training the same candidate again."""
        reason = f"the same candidate as trial {twin.number}, not trained again"
        segment = Segment(self._next_event(), twin.curve).attribute(0)
        self._stored.set_trial_attrs(
            number, **segment, reason=reason, epochs_trained=0, twin=twin.number
        )
        if twin.state == "complete":
            self._tell(number, told_values(twin, self.goals))
        else:
            self._tell(number, state=optuna.trial.TrialState.PRUNED)
        self._close(number)

    def _tell(
        self,
        number: int,
        values: list[float] | None = None,
        state: optuna.trial.TrialState | None = None,
    ) -> None:
        self._stored.set_trial_attrs(number, closed_at=self._next_event())
        with self.overhead.timed("tell"):
            self.study.tell(number, values, state)

    def _close(self, number: int) -> None:
        trial = self._stored.trial(number)
        record = trial_record(trial, self.goals)
        self._know(record)
        self._checkpoints.drop_checkpoints(number)
        self.registry.hook.lstmopt_trial_finished(study=self.study, trial=trial)
        self.observer.told(record)

    def _know(self, record: TrialRecord) -> None:
        """Let the pruner compare with a closed trial; a candidate tried twice counts once."""
        self.closed.add(record)
        if record.curve and (record.epochs_trained or record.taken_over):
            # as recorded: a latency measured anew must not change who was a peer
            static = {o.name: record.values[o.name] or 0.0 for o in self.goals.static}
            view = self.goals.view(record.number, static, record.curve)
            self._trials.put(view, record.state == "complete")
