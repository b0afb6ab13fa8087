"""The driver: ask -> advance -> decide -> tell, resume, stop.

The driver alone owns the study; workers see candidates and checkpoints.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import optuna
from optuna.storages.journal import JournalFileBackend

from lstmopt.errors import LstmoptError
from lstmopt.executors import Engine, worker_died
from lstmopt.objectives import ForecastCost, Goals
from lstmopt.pruning import Decision, Promoter, Pruner, TrialView, first_stop
from lstmopt.record import (
    SEGMENT,
    RunFolder,
    TrialRecord,
    closed_trials,
    read_curve,
    repair_journal,
    segment_rows,
    told_values,
    trial_record,
)
from lstmopt.registry import Registry, Strategy, make, takes
from lstmopt.space import Architecture, Candidate, Params, Space
from lstmopt.training import Epoch, Progress, derive_seed

IDENTITY = "lstmopt"
_MOST_DEATHS = 2

optuna.logging.set_verbosity(optuna.logging.WARNING)


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


@runtime_checkable
class FiniteSampler(Protocol):
    """A sampler that can run out of proposals."""

    def size(self) -> int:
        """Count all proposals."""

    def remaining(self, study: optuna.Study) -> int:
        """Count the proposals that the study has not tried."""


@dataclass(frozen=True)
class Plan:
    """What a search is to do; everything is checked before the first trial."""

    seed: int
    space: Space
    goals: Goals
    sampler: Strategy
    sampler_options: Mapping[str, Any]
    pruner: Pruner
    trials: int
    seconds: float | None = None
    epochs: int | None = None
    segment_seconds: float = 1.0
    """How long a segment should train: long enough that dispatch costs little beside it."""

    def make_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Make the sampler of one trial, seeded by the study's seed and the trial's number."""
        seed = derive_seed(self.seed, number, _SAMPLING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = make(
                self.sampler, "sampler", self.sampler_options, seed=seed, space=self.space
            )
        if not isinstance(sampler, optuna.samplers.BaseSampler):
            raise LstmoptError(
                f"a sampler strategy makes an optuna BaseSampler, found {type(sampler).__name__} "
                f"from {self.sampler.name!r}: mend the plug-in"
            )
        return sampler


_SAMPLING, _TRAINING, _REFIT = 0, 1, 2
"""Purposes of a trial's seeds, so that they are independent of one another."""


def training_seed(study_seed: int, number: int) -> int:
    return derive_seed(study_seed, number, _TRAINING)


def refit_seed(study_seed: int, number: int, repeat: int) -> int:
    return derive_seed(study_seed, number, _REFIT, repeat)


def check_support(strategy: Strategy, space: Space, goals: Goals) -> None:
    """Refuse, before the first trial, what the sampler cannot search."""
    if not strategy.multi_objective and len(goals.objectives) > 1:
        raise LstmoptError(
            f"sampler {strategy.name!r} handles one objective, found {', '.join(goals.names)}: "
            "name one objective or choose another sampler"
        )
    if not strategy.continuous and space.continuous:
        raise LstmoptError(
            f"sampler {strategy.name!r} cannot search {', '.join(space.continuous)} (continuous): "
            "give it `points` or a list of values, or choose tpe, random, nsga2"
        )
    if not strategy.conditional and space.conditional:
        raise LstmoptError(
            f"sampler {strategy.name!r} cannot search dropout, which applies from two layers on: "
            "fix num_layers or dropout, or choose tpe, random, nsga2"
        )


@dataclass(frozen=True)
class StoredStudy:
    """A study, the storage behind it, and what the user should know of its opening."""

    study: optuna.Study
    storage: optuna.storages.BaseStorage
    notices: tuple[str, ...]

    def set_trial_attrs(self, number: int, **attributes: Any) -> None:
        """Set user attributes of a trial by its number, whichever process began it."""
        study_id = self.storage.get_study_id_from_name(self.study.study_name)
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(study_id, number)
        for name, value in attributes.items():
            self.storage.set_trial_user_attr(trial_id, name, value)


def open_study(
    name: str, url: str, folder: RunFolder, goals: Goals, identity: Mapping[str, Any]
) -> StoredStudy:
    """Open or create the study and refuse one that was begun with something else.

    ``identity`` says what must not change between calls, by the words a user knows it by.
    """
    notices = []
    if not url and repair_journal(folder.journal):
        notices.append("the journal's last line was torn and has been cut off")
    storage = open_storage(url, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            study = optuna.create_study(
                study_name=name,
                storage=storage,
                directions=goals.directions,
                load_if_exists=True,
                sampler=optuna.samplers.RandomSampler(seed=0),
            )
        except ValueError:  # Optuna's word for another number of objectives
            raise LstmoptError(_changed("objectives", folder)) from None
    if known := study.user_attrs.get(IDENTITY):
        for what, value in identity.items():
            if known.get(what) != value:
                raise LstmoptError(_changed(what, folder))
    else:
        if study.get_trials(deepcopy=False):
            raise LstmoptError(
                f"a run continues its own study only, found study {name!r} of another program in "
                "the storage: choose another name"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(goals.names)
        study.set_user_attr(IDENTITY, dict(identity))
    return StoredStudy(study, storage, tuple(notices))


def _changed(what: str, folder: RunFolder) -> str:
    return (
        f"a run goes on with what it began with, found another {what} than in {folder.path}: "
        "go back to it, or start a new run with another --out"
    )


def open_storage(url: str, folder: RunFolder) -> optuna.storages.BaseStorage:
    """Open a database, or the journal in the run's folder when ``url`` is empty."""
    if not url:
        folder.path.mkdir(parents=True, exist_ok=True)
        backend = JournalFileBackend(str(folder.journal))
        return optuna.storages.JournalStorage(backend)
    try:
        return optuna.storages.get_storage(url)
    except Exception as error:
        line = str(error).splitlines()[0]
        raise LstmoptError(
            f"--storage takes a database URL that can be opened, found {url!r} ({line}): "
            "write for instance sqlite:///study.db"
        ) from error


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

    def next_epochs(self, seconds: float) -> int:
        """Count the epochs that fit into ``seconds``, judged by those trained so far."""
        if not self.epochs:
            return 1
        mean = sum(epoch.seconds for epoch in self.epochs) / len(self.epochs)
        return max(1, round(seconds / max(mean, 1e-6)))


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
        self.overhead = Overhead()
        self.records = closed_trials(self.study, self.goals)
        self._views = {r.number: self._view(r) for r in self.records if r.curve}
        self._running: dict[Future[Progress], _Running] = {}
        self._paused: dict[int, _Running] = {}
        self._trained = sum(record.epochs_trained for record in self.records)
        self._kept_sampler: optuna.samplers.BaseSampler | None = None
        self._stop_at = math.inf if plan.seconds is None else time.monotonic() + plan.seconds

    def search(self) -> list[TrialRecord]:
        """Ask, advance, decide and tell until the budget is spent; return every closed trial."""
        for running in self._interrupted():
            self._take_up(running)
        while True:
            while len(self._running) < self.engine.workers and self._start_next():
                pass
            if not self._running:
                self._close_paused()
                return sorted(self.records, key=lambda record: record.number)
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda f: self._running[f].number):
                self._collect(self._running.pop(future), future)

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
        """Count the epochs of the budget that are neither trained nor in a worker's hands."""
        if self.plan.epochs is None:
            return math.inf
        return self.plan.epochs - self._trained - sum(r.asked for r in self._running.values())

    def _start_next(self) -> bool:
        """Let a paused trial go on or begin another; say whether there was anything to do."""
        if promoted := self._promoted():
            self._go_on(promoted)
        elif self._wants_more():
            self._begin_trial()
        else:
            return False
        return True

    def _promoted(self) -> _Running | None:
        """Take the paused trial that the pruner wants to go on."""
        pruner = self.plan.pruner
        if not (self._paused and isinstance(pruner, Promoter)):
            return None
        if self._time_is_up or self._epochs_left() < 1:
            return None
        with self.overhead.timed("prune"):
            paused = [self._progress_view(running) for running in self._paused.values()]
            number = pruner.promote(paused, self._others(self._paused))
        return None if number is None else self._paused.pop(number)

    def _close_paused(self) -> None:
        """Stop what is still paused when nothing is left to begin or to promote."""
        for number in sorted(self._paused):
            running = self._paused.pop(number)
            epoch = len(running.epochs)
            reason = f"paused at epoch {epoch}, and never among the best of its rung"
            self._tell_pruned(running, epoch, reason, by_pruner=True)

    def _wants_more(self) -> bool:
        begun = len(self.records) + len(self._running) + len(self._paused)
        if begun >= self.plan.trials:
            return False
        if self._time_is_up or self._epochs_left() < 1:
            return False
        sampler = self._sampler(begun)
        waiting = self.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
        exhausted = isinstance(sampler, FiniteSampler) and not sampler.remaining(self.study)
        return bool(waiting) or not exhausted

    def _take_up(self, running: _Running) -> None:
        """Go on with an interrupted trial, or leave it paused where it stood at a rung."""
        pruner, epoch = self.plan.pruner, len(running.epochs)
        if isinstance(pruner, Promoter) and epoch and pruner.next_rung(epoch - 1) == epoch:
            running.decided = epoch
            self._paused[running.number] = running
        else:
            self._go_on(running)

    def _interrupted(self) -> list[_Running]:
        """Take up the trials that an earlier driver left running."""
        running = []
        states = (optuna.trial.TrialState.RUNNING,)
        for trial in self.study.get_trials(deepcopy=False, states=states):
            if self.plan.space.rejects(trial.params) or "seed" not in trial.user_attrs:
                self._stored.set_trial_attrs(
                    trial.number, reason="interrupted before its parameters were complete"
                )
                self._tell(trial.number, state=optuna.trial.TrialState.FAIL)
                self._close(trial.number)
                continue
            entry = self._make_running(trial.number, dict(trial.params), trial.user_attrs["seed"])
            recorded = read_curve(trial)
            entry.checkpoint = self._checkpoints.read_checkpoint(trial.number, len(recorded))
            if entry.checkpoint is not None:
                entry.epochs = list(recorded)
                entry.segments = sum(n.startswith(SEGMENT) for n in trial.user_attrs)
                self._trained += len(recorded)
            running.append(entry)
        return running

    def _make_running(self, number: int, params: Params, seed: int) -> _Running:
        candidate = Candidate(params, seed)
        return _Running(number, candidate, self.goals.static_values(self._cost_of(params)))

    def _begin_trial(self) -> None:
        trials = self.study.get_trials(deepcopy=False)
        with self.overhead.timed("ask"), warnings.catch_warnings():
            # a warm start's candidate leaves out what does not apply to it
            warnings.simplefilter("ignore", UserWarning)
            self.study.sampler = self._sampler(len(trials))
            trial = self.study.ask()
            params = self.plan.space.suggest(trial)
        running = self._make_running(
            trial.number, params, training_seed(self.plan.seed, trial.number)
        )
        trial.set_user_attr("static", running.static)
        trial.set_user_attr("seed", running.candidate.seed)
        self.observer.started(trial.number, params, running.static)
        twin = next((r for r in self.records if r.params == params and r.state != "failed"), None)
        if twin:
            self._reuse(trial.number, twin)
        else:
            self._go_on(running)

    def _go_on(self, running: _Running) -> None:
        """Submit the next segment, or close the trial when the study's budget is spent."""
        if self._time_is_up:
            self._cut_off(running, "time was up")
        elif (left := self._epochs_left()) < 1:
            self._cut_off(running, "epochs were spent")
        else:
            epochs = int(min(running.next_epochs(self.plan.segment_seconds), left))
            if isinstance(self.plan.pruner, Promoter):
                trained = len(running.epochs)
                rung = self.plan.pruner.next_rung(trained)
                epochs = epochs if rung is None else min(epochs, rung - trained)
            running.asked = epochs
            future = self.engine.submit(running.candidate, running.checkpoint, epochs)
            self._running[future] = running

    def _cut_off(self, running: _Running, why: str) -> None:
        epoch = len(running.epochs)
        self._tell_pruned(running, epoch, f"the study's {why} at epoch {epoch}")

    def _collect(self, running: _Running, future: Future[Progress]) -> None:
        """Record what a segment gave and decide how the trial goes on."""
        error = future.exception()
        if error is not None:
            self._lost(running, error)
            return
        progress = future.result()
        running.epochs.extend(progress.epochs)
        self._trained += len(progress.epochs)
        self._record_segment(running, progress)
        self.observer.advanced(running.number, progress.epochs)
        if progress.failure:
            self._tell_failed(running, progress.failure)
        elif (decided := self._decide(running)) and decided[1].action == "stop":
            epoch, decision = decided
            self._tell_pruned(running, epoch, decision.reason, by_pruner=True)
        elif decided and not progress.finished:
            self._paused[running.number] = running
        elif progress.finished:
            self._tell_complete(running)
        else:
            self._go_on(running)

    def _lost(self, running: _Running, error: BaseException) -> None:
        """Go on from the last checkpoint when a worker died; give up when it keeps dying."""
        if worker_died(error):
            running.deaths += 1
            if running.deaths < _MOST_DEATHS:
                self.observer.notice(
                    f"trial {running.number}: its worker died; it goes on from epoch "
                    f"{len(running.epochs)} in another"
                )
                self._go_on(running)
                return
            self._tell_failed(running, f"its worker died {running.deaths} times")
            return
        text = " ".join(str(error).split())
        self._tell_failed(running, f"{type(error).__name__}: {text}")

    def _record_segment(self, running: _Running, progress: Progress) -> None:
        # the checkpoint first, and the older one kept until the curve is recorded: whenever the
        # driver dies, there is a checkpoint for exactly the recorded epochs
        running.checkpoint = progress.checkpoint
        self._checkpoints.write_checkpoint(running.number, len(running.epochs), progress.checkpoint)
        name = f"{SEGMENT}{running.segments:05d}"
        self._stored.set_trial_attrs(running.number, **{name: segment_rows(progress.epochs)})
        running.segments += 1
        self._checkpoints.drop_checkpoints(running.number, keep=len(running.epochs))

    def _decide(self, running: _Running) -> tuple[int, Decision] | None:
        trial = self._progress_view(running)
        with self.overhead.timed("prune"):
            others = self._others({running.number})
            decided = first_stop(self.plan.pruner, trial, others, running.decided + 1)
        running.decided = len(running.epochs)
        return decided

    def _others(self, without: Container[int]) -> list[TrialView]:
        """List every trial that has trained, but those ``without``, as a pruner sees them."""
        unfinished = [*self._running.values(), *self._paused.values()]
        seen = [self._progress_view(r) for r in unfinished if r.epochs and r.number not in without]
        return [*self._views.values(), *seen]

    def _progress_view(self, running: _Running) -> TrialView:
        return self._trial_view(running.number, running.static, tuple(running.epochs), False)

    def _tell_complete(self, running: _Running) -> None:
        cost = self._cost_of(running.candidate.params)
        values = self.goals.values(cost, tuple(running.epochs))
        # Optuna would store NaN as a failure without a word, and infinity as a value
        if wrong := [n for n, v in values.items() if not math.isfinite(v)]:
            self._tell_failed(running, f"objective {wrong[0]} was {values[wrong[0]]}")
            return
        self._stored.set_trial_attrs(running.number, epochs_trained=len(running.epochs))
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
        name = f"{SEGMENT}{0:05d}"
        self._stored.set_trial_attrs(
            number, **{name: segment_rows(twin.curve)}, reason=reason, epochs_trained=0
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
        with self.overhead.timed("tell"):
            self.study.tell(number, values, state)

    def _close(self, number: int) -> None:
        trial = self.study.get_trials(deepcopy=False)[number]
        record = trial_record(trial, self.goals)
        self.records.append(record)
        if record.curve:
            self._views[number] = self._view(record)
        self._checkpoints.drop_checkpoints(number)
        self.registry.hook.lstmopt_trial_finished(study=self.study, trial=trial)
        self.observer.told(record)

    def _view(self, record: TrialRecord) -> TrialView:
        static = self.goals.static_values(self._cost_of(record.params))
        return self._trial_view(record.number, static, record.curve, record.state == "complete")

    def _trial_view(
        self, number: int, static: dict[str, float], curve: tuple[Epoch, ...], finished: bool
    ) -> TrialView:
        by_name = {o.name: o for o in self.goals.objectives}
        return TrialView(
            number,
            finished,
            {name: by_name[name].minimised(value) for name, value in static.items()},
            {o.name: [o.minimised(o.measure(e)) for e in curve] for o in self.goals.learned},
        )


def cost_table(costs: Mapping[Architecture, ForecastCost]) -> list[dict[str, Any]]:
    """List what each architecture's forecast costs, for the record."""
    return [asdict(cost) | {"model_mb": cost.model_mb} for cost in costs.values()]
