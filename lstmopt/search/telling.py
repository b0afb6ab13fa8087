"""What the driver writes of a study as it goes: segments, promotions, and how trials end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from optuna.trial import TrialState

from lstmopt.pruning.pruners import Closing, Decision
from lstmopt.pruning.trial_curves import Trials
from lstmopt.search.active_trial import Running
from lstmopt.search.closed_trials import ClosedTrials
from lstmopt.search.overhead import Overhead
from lstmopt.search.search_plan import Plan
from lstmopt.storage.segments import Segment, SegmentEnd, judged, last_event
from lstmopt.storage.study_store import StoredStudy
from lstmopt.storage.trial_record import END, TrialRecord, closed_trials, told_values, trial_record
from lstmopt.training.trainer import Progress

if TYPE_CHECKING:
    import optuna

    from lstmopt.plugin.registry import Registry
    from lstmopt.search.observer import Observer
    from lstmopt.search.sampler_storage import SamplerView


class Checkpoints(Protocol):
    """Where the driver keeps what it needs to go on with an interrupted trial."""

    def read_checkpoint(self, number: int, epochs: int) -> bytes | None:
        """Return the checkpoint of a trial after exactly ``epochs`` epochs, if there is one."""

    def write_checkpoint(self, number: int, epochs: int, checkpoint: bytes) -> None:
        """Keep a checkpoint."""

    def drop_checkpoints(self, number: int, keep: int | None = None) -> None:
        """Forget a trial's checkpoints but the one after ``keep`` epochs."""


class Ledger:
    """Writes to the study's storage, and knows what it holds without reading all of it again.

    ``closed`` counts and finds closed trials; ``trials`` is what a pruner compares; a ``view`` is
    told of what a sampler may be shown.
    """

    def __init__(
        self,
        stored: StoredStudy,
        view: SamplerView,
        plan: Plan,
        cost_of: Callable[[Any], Any],
        checkpoints: Checkpoints,
        registry: Registry,
        observer: Observer,
        overhead: Overhead,
    ) -> None:
        self.study, self.checkpoints = stored.study, checkpoints
        self._view = view
        self._goals, self._cost_of = plan.goals, cost_of
        self._registry, self._observer, self._overhead = registry, observer, overhead
        self._events = 0
        advised = plan.beginning is not None and plan.beginning.adviser is not None
        self.closed = ClosedTrials(self._goals, advised)
        static, learned = self._goals.static, self._goals.learned
        self.trials = Trials([o.name for o in static], [o.name for o in learned])
        for record in closed_trials(self.study, self._goals):
            self._know(record)

    def trial(self, number: int) -> optuna.trial.FrozenTrial:
        """Read a trial as it stands; it must not be changed."""
        return self._view.storage.get_trial(self._view.trial_id(number))

    def _write(self, number: int, **attributes: Any) -> None:
        trial_id = self._view.trial_id(number)
        for name, value in attributes.items():
            self._view.storage.set_trial_user_attr(trial_id, name, value)

    def segment(
        self, running: Running, progress: Progress, made: Sequence[tuple[int, Decision]]
    ) -> None:
        """Record a segment that has been trained, with what the pruner said of it."""
        # the checkpoint first, and the older one kept until the curve is recorded: whenever the
        # driver dies, there is a checkpoint for exactly the recorded epochs
        running.checkpoint = progress.checkpoint
        trained = len(running.epochs)
        self.checkpoints.write_checkpoint(running.number, trained, progress.checkpoint)
        told = tuple(decision for decision in made if judged(decision))
        end: SegmentEnd = "finished" if progress.finished else "going on"
        end = "failed" if progress.failure else end
        segment = Segment(self._next_event(), progress.epochs, told, end, progress.peak_mib)
        self._write(running.number, **segment.attribute(running.segments))
        running.segments += 1
        self.checkpoints.drop_checkpoints(running.number, keep=trained)

    def promoted(self, running: Running, closing: Closing) -> None:
        """Record that a paused trial goes on."""
        running.promotions.append((self._next_event(), closing))
        self._write(running.number, promotions=running.promotions)

    def complete(self, running: Running) -> None:
        """Close a trial that was trained to its end with its values."""
        cost = self._cost_of(running.candidate.params)
        values = self._goals.values(cost, tuple(running.epochs))
        # Optuna would store NaN as a failure without a word, and infinity as a value
        if wrong := [n for n, v in values.items() if not math.isfinite(v)]:
            self.fail(running, f"objective {wrong[0]} was {values[wrong[0]]}")
            return
        told = [values[name] for name in self._goals.names]
        self._close(running.number, _spent(running), TrialState.COMPLETE, told)

    def stop(self, running: Running, epoch: int, reason: str, by_pruner: bool = False) -> None:
        """Close a trial that is not trained to its end, as it was judged after ``epoch``."""
        end = {"reason": reason, "epochs": epoch, "by_pruner": by_pruner, **_spent(running)}
        self._close(running.number, end, TrialState.PRUNED)

    def fail(self, running: Running, reason: str) -> None:
        """Close a trial that has no value."""
        self._close(running.number, {"reason": reason, **_spent(running)}, TrialState.FAIL)

    def infeasible(self, number: int, reason: str) -> None:
        """Close a trial that breaks a limit and is never trained."""
        self._close(number, {"reason": reason}, TrialState.PRUNED)

    def reuse(self, number: int, twin: int) -> None:
        """Tell a trial what its twin gave instead of training the same candidate again."""
        earlier = trial_record(self.trial(twin), self._goals)
        segment = Segment(self._next_event(), earlier.curve).attribute(0)
        self._write(number, twin=twin, **segment)
        end = {"reason": f"the same candidate as trial {twin}, not trained again"}
        if earlier.state == "complete":
            values = told_values(earlier, self._goals)
            self._close(number, end, TrialState.COMPLETE, values)
        else:
            self._close(number, end, TrialState.PRUNED)

    def _next_event(self) -> int:
        """Count the driver's events over the study's whole life."""
        if not self._events:
            self._events = last_event(self.study)
        self._events += 1
        return self._events

    def _close(
        self,
        number: int,
        end: Mapping[str, Any],
        state: TrialState,
        values: list[float] | None = None,
    ) -> None:
        self._write(number, **{END: {"at": self._next_event(), **end}})
        with self._overhead.timed("tell"):
            self._view.storage.set_trial_state_values(self._view.trial_id(number), state, values)
            trial = self.trial(number)
        self._view.ended(trial)
        record = trial_record(trial, self._goals)
        self._know(record)
        self.checkpoints.drop_checkpoints(number)
        self._registry.hook.lstmopt_trial_finished(study=self.study, trial=trial)
        self._observer.told(record)

    def _know(self, record: TrialRecord) -> None:
        """Let the pruner compare with a closed trial; a candidate tried twice counts once."""
        self.closed.add(record)
        if record.curve and (record.epochs_trained or record.taken_over):
            # as recorded: a latency measured anew must not change who was a peer
            static = {o.name: record.values[o.name] or 0.0 for o in self._goals.static}
            view = self._goals.view(record.number, static, record.curve)
            self.trials.put(view, record.state == "complete")


def _spent(running: Running) -> dict[str, int]:
    return {"epochs_trained": len(running.epochs)}
