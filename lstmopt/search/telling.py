"""What the driver writes of a study as it goes: segments, promotions, and how trials end."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from optuna.trial import TrialState

from lstmopt.pruning.pruners import Closing, Decision
from lstmopt.search.active_trial import ActiveTrial
from lstmopt.search.closed_trials import ClosedTrials
from lstmopt.search.context import SearchContext
from lstmopt.search.sampler_storage import SamplerStorage
from lstmopt.storage.segments import Segment, SegmentEnd, plain_number, worth_recording
from lstmopt.storage.trial_record import (
    DUPLICATE_OF,
    END,
    PROMOTIONS,
    TrialEnd,
    TrialRecord,
    best_of,
    closed_trials,
    front_of,
    last_event,
    trial_record,
)
from lstmopt.training.trainer import Progress

if TYPE_CHECKING:
    import optuna

_CLOSING = 0.002
"""Seconds that closing a trial is taken to need before one was closed."""


class Teller:
    """Writes to the study's storage, and knows what it holds without reading all of it again.

    ``closed`` counts and finds closed trials; ``trials`` is what a pruner compares. ``storage`` is
    the sampler's, which hears so of everything.
    """

    def __init__(self, context: SearchContext, storage: SamplerStorage) -> None:
        self._context, self._storage = context, storage
        self._study, self._goals = context.stored.study, context.plan.goals
        self._events = 0
        self._closed, self._closing = 0, 0.0
        beginning = context.plan.beginning
        advised = beginning is not None and beginning.adviser is not None
        self.closed = ClosedTrials(self._goals, advised)
        self.front: list[TrialRecord] = []
        """The closed trials on the front of everything trained."""
        self._best: list[TrialRecord] = []
        self.trials = self._goals.no_trials()
        for record in closed_trials(self._study, self._goals):
            self._know(record)

    def trial(self, number: int) -> optuna.trial.FrozenTrial:
        """Read a trial as it stands; it must not be changed."""
        return self._storage.storage.get_trial(self._storage.trial_id(number))

    def _write(self, number: int, attributes: dict[str, Any]) -> None:
        trial_id = self._storage.trial_id(number)
        for name, value in attributes.items():
            self._storage.storage.set_trial_user_attr(trial_id, name, value)

    def segment(
        self, trial: ActiveTrial, progress: Progress, made: Sequence[tuple[int, Decision]]
    ) -> None:
        """Record a segment that has been trained, with what the pruner said of it."""
        # the checkpoint first, and the older one kept until the curve is recorded: whenever the
        # driver dies, there is a checkpoint for exactly the recorded epochs
        checkpoints = self._context.checkpoints
        checkpoints.write_checkpoint(trial.number, trial.trained, progress.checkpoint)
        end: SegmentEnd = "finished" if progress.finished else "going on"
        segment = Segment(
            self._next_event(),
            progress.epochs,
            tuple(worth_recording(made)),
            "failed" if progress.failure else end,
            progress.peak_mib,
        )
        self._write(trial.number, segment.attribute(trial.segments))
        trial.record(progress)
        checkpoints.drop_checkpoints(trial.number, keep=trial.trained)

    def promoted(self, trial: ActiveTrial, closing: Closing) -> None:
        """Record that a paused trial goes on."""
        trial.promote(self._next_event(), closing)
        self._write(trial.number, {PROMOTIONS: trial.promotions})

    def complete(self, trial: ActiveTrial) -> None:
        """Close a trial that was trained to its end with its values."""
        static = self._context.costs.static(trial.candidate.params)
        values = self._goals.values(static, trial.epochs)
        # Optuna would store NaN as a failure without a word, and infinity as a value
        if wrong := [n for n, v in values.items() if not math.isfinite(v)]:
            self.fail(trial, f"objective {wrong[0]} was {values[wrong[0]]}")
            return
        told = [values[name] for name in self._goals.names]
        self._close(trial.number, TrialState.COMPLETE, told, epochs_trained=trial.epochs_trained)

    def stop(self, trial: ActiveTrial, epoch: int, reason: str, by_pruner: bool = False) -> None:
        """Close a trial that is not trained to its end, as it was judged after ``epoch``."""
        self._close(
            trial.number,
            TrialState.PRUNED,
            reason=reason,
            epochs=epoch,
            by_pruner=by_pruner,
            epochs_trained=trial.epochs_trained,
            values=self._values_so_far(trial, epoch),
        )

    def _values_so_far(self, trial: ActiveTrial, epoch: int) -> dict[str, float] | None:
        """Return what a trial reached by ``epoch``; None where it had not trained by then."""
        seen = trial.epochs[:epoch]
        values = self._goals.values(trial.static, seen) if seen else {}
        return values if values and all(map(math.isfinite, values.values())) else None

    def fail(self, trial: ActiveTrial, reason: str) -> None:
        """Close a trial that has no value."""
        trained = trial.epochs_trained
        self._close(trial.number, TrialState.FAIL, reason=reason, epochs_trained=trained)

    @property
    def seconds_a_close(self) -> float:
        """What closing a trial takes on average."""
        return self._closing / self._closed if self._closed else _CLOSING

    def refuse(self, number: int, reason: str) -> None:
        """Close a trial that breaks a limit and is never trained."""
        self._close(number, TrialState.PRUNED, reason=reason)

    def reuse(self, number: int, duplicate: int) -> None:
        """Tell a trial what its duplicate gave instead of training the same candidate again."""
        earlier = trial_record(self.trial(duplicate), self._goals)
        segment = Segment(self._next_event(), earlier.curve).attribute(0)
        self._write(number, {DUPLICATE_OF: duplicate, **segment})
        reason = f"the same candidate as trial {duplicate}, not trained again"
        if earlier.state == "complete":
            told = self._goals.told(earlier.values)
            self._close(number, TrialState.COMPLETE, told, reason=reason)
        else:
            values = earlier.values if earlier.has_values else None
            self._close(number, TrialState.PRUNED, reason=reason, values=values)

    def _next_event(self) -> int:
        """Count the driver's events over the study's whole life."""
        if not self._events:
            self._events = last_event(self._study)
        self._events += 1
        return self._events

    def _close(
        self,
        number: int,
        state: TrialState,
        told: Sequence[float] | None = None,
        **end: Any,
    ) -> None:
        start = time.perf_counter()
        ended = msgspec.to_builtins(TrialEnd(self._next_event(), **end), enc_hook=plain_number)
        self._write(number, {END: ended})
        with self._context.overhead.timed("tell"):
            trial = self._storage.close(number, state, told)
        record = trial_record(trial, self._goals)
        before = {number, *self._kept()}
        self._know(record)
        for unwanted in before.difference(self._kept()):
            self._context.checkpoints.drop_checkpoints(unwanted)
        self._context.registry.tell_finished(self._study, trial)
        self._context.observer.told(record)
        self._closed += 1
        self._closing += time.perf_counter() - start

    def _kept(self) -> set[int]:
        """Return the trials whose networks may be deployed as they are, alone or in a mean."""
        return {trial.number for trial in (*self.front, *self._best)}

    def _know(self, record: TrialRecord) -> None:
        """Let the pruner compare with a closed trial; a candidate tried twice counts once."""
        self.closed.add(record)
        self.front = front_of([*self.front, record], self._goals)
        self._best = best_of([*self._best, record], self._goals)
        if record.curve and (record.epochs_trained or record.taken_over):
            # as recorded: a latency measured anew must not change who was a peer
            static = {o.name: record.values[o.name] or 0.0 for o in self._goals.static}
            view = self._goals.trial_view(record.number, static, record.curve)
            self.trials.put(view, record.state == "complete")
