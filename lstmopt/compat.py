"""The classic one-file tuner's interface, on this engine.

``OptunaLSTMTuner(data=df, target_column="y").optimize()`` and then ``.train_best_model()``; or a
subclass that overrides ``objective(trial)``.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import optuna
import pandas as pd
import torch
from torch import Tensor

from lstmopt.config import study_file as options
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.networks.lstm import LSTMForecaster, classic_names, composed_names
from lstmopt.networks.weights import read_checkpoint
from lstmopt.objectives import ForecastCost, ForecastCosts, Goals
from lstmopt.plugin.strategy import Objective
from lstmopt.results.document import as_document
from lstmopt.results.run import RunData
from lstmopt.results.selection import pick_index
from lstmopt.search.driver import Driver
from lstmopt.search.observer import Observer
from lstmopt.search.search_plan import training_seed
from lstmopt.search_space import FIXED, Architecture, Candidate, Params, parse_space
from lstmopt.seeds import derive_seed
from lstmopt.storage.driver_journal import open_journal, repair_journal
from lstmopt.storage.optuna_internals import changed
from lstmopt.storage.segments import Segment
from lstmopt.storage.study_store import open_study
from lstmopt.storage.trial_record import END, TrialEnd, TrialRecord, closed_trials, front_of
from lstmopt.system.signals import StopRequest, handle_signals
from lstmopt.training.latency import Setting, forecast_costs
from lstmopt.training.trainer import Workload, advance, initial_checkpoint
from lstmopt.workflow.ending import Ending, Finished
from lstmopt.workflow.forecast_costs import measure_costs
from lstmopt.workflow.job import Job, prepare
from lstmopt.workflow.refits import Refit
from lstmopt.workflow.run_study import open_search, start_engine, write_record
from lstmopt.workflow.shortfall import no_front

_log = logging.getLogger("lstmopt")
_CANDIDATE = "candidate"

OWN_GOALS = {
    1: Goals((Objective("value", "minimize", "learned", float),)),
    2: Goals(
        (
            Objective("best_val_loss", "minimize", "learned", lambda epoch: epoch.val_loss),
            Objective("final_val_r2", "maximize", "learned", lambda epoch: epoch.val_r2),
        )
    ),
}
"""What an objective of a user's own optimises, by how many values it returns."""

CLASSIC_TABLE: dict[str, Any] = {
    "hidden_size": [32, 64, 128, 256],
    "num_layers": {"low": 1, "high": 4},
    "learning_rate": {"low": 1e-5, "high": 1e-1, "log": True},
    "dropout": {"low": 0.1, "high": 0.5},
    "weight_decay": {"low": 1e-6, "high": 1e-3, "log": True},
    "batch_size": [16, 32, 64, 128],
    "optimizer": ["Adam", "AdamW"],
}
"""The classic space, as a study file has it."""


class LSTMModel(LSTMForecaster):
    """An LSTM whose forecast follows the last step.

    The weights have the names of ``LSTMForecaster``, so that either loads the other's state dict.

    Args:
        input_size: Columns of an input.
        hidden_size: Units of a layer.
        num_layers: LSTM layers.
        output_size: Values of a forecast.
        dropout: The share (0 to below 1) that is dropped between layers.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        num_layers: int = 2,
        output_size: int = 1,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(hidden_size, num_layers, input_size, output_size, dropout)
        self.input_size, self.output_size = input_size, output_size
        self.hidden_size, self.num_layers, self.dropout = hidden_size, num_layers, dropout

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Forecast from inputs.

        Args:
            x: Scaled inputs [batch, steps, features].

        Returns:
            Scaled forecasts [batch, output_size].
        """
        return super().forward(x)[:, -1]


class LSTMTrainer:
    """Trains one model; afterwards the model holds the weights of its best epoch.

    Attributes:
        model: What is trained.
        workload: The training and validation parts, and how a candidate is trained.
        candidate: The model's hyperparameters, and the seed of its training.
        curve: What the last training showed, epoch by epoch.
    """

    def __init__(self, model: LSTMModel, workload: Workload, candidate: Candidate) -> None:
        self.model, self.workload, self.candidate = model, workload, candidate
        self.curve: tuple[Epoch, ...] = ()

    def fit(self, epochs: int | None = None) -> LSTMTrainer:
        """Train from the model's weights; stop early without progress on validation.

        Args:
            epochs: At most so many, by default those of the workload.

        Returns:
            The trainer itself.

        Raises:
            LstmoptError: For fewer than 1 epoch, and where a loss is no longer finite.
        """
        epochs = self.workload.options.epochs if epochs is None else epochs
        if epochs < 1:
            raise LstmoptError(f"training takes at least 1 epoch, found {epochs}: give more")
        workload = self.workload.for_epochs(epochs)
        weights = composed_names(self.model.state_dict())
        checkpoint = initial_checkpoint(workload, self.candidate, weights)
        progress = advance(workload, self.candidate, checkpoint, epochs)
        if progress.failure:
            raise LstmoptError(
                f"training needs a loss that stays finite, found that {progress.failure}: "
                "lower the learning rate"
            )
        best = read_checkpoint(progress.checkpoint, workload.device)["best_weights"]
        self.model.to(workload.device).load_state_dict(classic_names(best))
        self.curve = progress.epochs
        return self

    @property
    def best(self) -> Epoch:
        """The epoch whose weights the model holds.

        Raises:
            LstmoptError: Before `fit`.
        """
        if not self.curve:
            raise LstmoptError("a best epoch needs training, found none: call fit() first")
        return min(self.curve, key=lambda epoch: epoch.val_loss)

    @property
    def best_val_loss(self) -> float:
        """Mean squared error on validation at the best epoch, in the scaled target's units."""
        return self.best.val_loss

    @property
    def final_val_r2(self) -> float:
        """R² on validation at the best epoch."""
        return self.best.val_r2

    @property
    def history(self) -> dict[str, list[float]]:
        """train_loss, val_loss, val_r2 and val_mae, each a value an epoch."""
        names = ("train_loss", "val_loss", "val_r2", "val_mae")
        return {name: [getattr(epoch, name) for epoch in self.curve] for name in names}


class OptunaLSTMTuner:
    """Searches the hyperparameters of an LSTM that forecasts a column one row ahead.

    A subclass may override ``objective(trial)``; its trials run one at a time, and nothing prunes
    them but itself.

    Args:
        data: A row a time step; numeric columns, among them the target.
        target_column: The column that is forecast.
        sequence_length: Rows that a forecast reads.
        n_trials: Trials in all, those of earlier calls in the same folder among them.
        timeout: Seconds of one call, None for any time.
        study_name: The study's, and by default that of its folder.
        objectives: What is optimised, by registered names.
        sampler: A registered sampler's name.
        pruner: A registered pruner's name.
        epochs: Epochs of a trial at most.
        seed: Everything random follows from it.
        n_jobs: Local processes that train, -1 for one a core; above 1, a script needs
            ``if __name__ == "__main__":``.
        out: The run's folder, by default ``runs/<study_name>``; the same call goes on with the run
            there.
        feature_columns: The columns that a forecast reads besides the target, None for every other
            numeric one.
        device: ``auto``, ``cpu`` or ``cuda``.
        space: A study file's ``[space]`` table, None for the classic space.

    Attributes:
        job: The work as it was prepared.
        study: The study, None before `optimize`.
        results: The result document, None before `train_best_model`.

    Raises:
        LstmoptError: For anything wrong with the data or the options.
    """

    def __init__(
        self,
        data: pd.DataFrame,
        target_column: str,
        sequence_length: int = 12,
        n_trials: int = 50,
        timeout: float | None = 3600,
        study_name: str = "lstm_optimization",
        *,
        objectives: Sequence[str] = ("val_loss", "latency_ms"),
        sampler: str = "tpe",
        pruner: str = "median",
        epochs: int = 50,
        seed: int = 0,
        n_jobs: int = 1,
        out: str | Path | None = None,
        feature_columns: Sequence[str] | None = None,
        device: str = "auto",
        space: Mapping[str, Any] | None = None,
    ) -> None:
        table: dict[str, Any] = {"target": target_column}
        if feature_columns is not None:
            table["features"] = [name for name in feature_columns if name != target_column]
        config = options.make_config(
            {
                "name": study_name,
                "seed": seed,
                "objectives": list(objectives),
                "workers": 0 if n_jobs == -1 else n_jobs,
                "device": device,
                "data": table,
                "task": {"window": sequence_length},
                "training": {"epochs": epochs, "targets_per_window": 1},
                "space": dict(space or CLASSIC_TABLE),
                "sampler": {"name": sampler},
                "pruner": {"name": pruner},
                "budget": {"trials": n_trials, "timeout": timeout},
                "finalists": {"seeds": 1, "pick": "knee"},
                "intervals": {"calibration": 0.0},  # it validates on all that it ever did
            },
            "OptunaLSTMTuner",
        )
        self.job = prepare(config, Path("runs", study_name) if out is None else Path(out), data)
        self.study: optuna.Study | None = None
        self.results: dict[str, Any] | None = None
        self._workload: Workload | None = None
        self._trial: optuna.Trial | None = None

    def objective(self, trial: optuna.Trial) -> float | tuple[float, float]:
        """Judge one trial; for a subclass to override, without it the engine searches.

        Args:
            trial: What is asked for hyperparameters.

        Returns:
            One finite value, minimised; or best_val_loss, minimised, and final_val_r2, maximised.
            As many in every trial.

        Raises:
            NotImplementedError: Where it is called and not overridden.
        """
        raise NotImplementedError("the engine's own search has no objective of one trial to call")

    def optimize(self) -> optuna.Study:
        """Search until ``n_trials`` or the timeout.

        Returns:
            The study; each trial's values are those of the objectives, in their order.

        Raises:
            LstmoptError: For another study in the folder, and for what `objective` may not return.
        """
        if type(self).objective is OptunaLSTMTuner.objective:
            self.study = _search(self.job)
        else:
            self.job = _as_own(self.job)
            with self.job.lock():
                self.study = self._search_own()
        return self.study

    def train_best_model(
        self, epochs: int = 100
    ) -> tuple[LSTMTrainer, LSTMModel, dict[str, list[float]]]:
        """Train the best trial, open the test part once, and save both in the run's folder.

        The best is the knee of the front; with an objective of your own, the best first value.

        Args:
            epochs: Epochs of this training at most.

        Returns:
            The trainer, its model, and its history: ``train_loss``, ``val_loss``, ``val_r2`` and
            ``val_mae``, each a value an epoch.

        Raises:
            LstmoptError: Before `optimize`, and where no trial ran to its end.
        """
        study = self._searched()
        start = time.perf_counter()
        with self.job.lock():
            trials = closed_trials(study, self.job.goals)
            best = _best(trials, self.job.goals, own=self._is_own)
            finished, costs = self._train(study, best, epochs)
            seconds = time.perf_counter() - start
            results = write_record(self.job, trials, costs, finished.outcome, seconds)
        self.results = as_document(results)
        _draw(RunData(self.job.folder, results))
        trainer = self._as_trainer(finished.refits[0])
        return trainer, trainer.model, trainer.history

    def _build_model(self, hidden_size: int, num_layers: int, dropout: float = 0.2) -> LSTMModel:
        """Build a network for this data, for an objective of your own.

        Args:
            hidden_size: Units of a layer.
            num_layers: LSTM layers.
            dropout: The share (0 to below 1) that is dropped between layers.

        Returns:
            The network on the study's device; the same call in the same trial gives the same
            weights.
        """
        params: Params = {"hidden_size": hidden_size, "num_layers": num_layers, "dropout": dropout}
        candidate = _candidate(params, self._seed())
        workload = self._load()
        with _forked_rng(workload.device):
            torch.manual_seed(derive_seed(candidate.seed, 0))
            model = LSTMModel(workload.features, hidden_size, num_layers, 1, dropout)
        return model.to(workload.device)

    def _train_model(
        self,
        model: LSTMModel,
        learning_rate: float,
        batch_size: int = 64,
        epochs: int | None = None,
        weight_decay: float = 0.0,
        optimizer: str = "Adam",
    ) -> LSTMTrainer:
        """Train a network; within a trial, note there what was trained.

        Args:
            model: From `_build_model`.
            learning_rate: Constant.
            batch_size: Windows of a step.
            epochs: At most so many, by default the tuner's.
            weight_decay: Of the optimiser.
            optimizer: ``Adam`` or ``AdamW``.

        Returns:
            Its trainer, after training.
        """
        params: Params = {
            "hidden_size": model.hidden_size,
            "num_layers": model.num_layers,
            "learning_rate": learning_rate,
            "dropout": model.dropout,
            "weight_decay": weight_decay,
            "batch_size": batch_size,
            "optimizer": optimizer,
        }
        candidate = _candidate(params, self._seed())
        trainer = LSTMTrainer(model, self._load(), candidate).fit(epochs)
        if self._trial is not None:
            self._trial.set_user_attr(_CANDIDATE, candidate.params)
            end = TrialEnd(0, epochs_trained=len(trainer.curve))
            self._trial.set_user_attr(END, msgspec.to_builtins(end))
            for name, value in Segment(0, trainer.curve).attribute(0).items():
                self._trial.set_user_attr(name, value)
        return trainer

    @property
    def _is_own(self) -> bool:
        return self.job.goals in OWN_GOALS.values()

    def _searched(self) -> optuna.Study:
        if self.study is None:
            raise LstmoptError(
                "the best model is chosen from a study, found none: call optimize() first"
            )
        return self.study

    def _seed(self) -> int:
        number = 0 if self._trial is None else self._trial.number
        return training_seed(self.job.config.seed, number)

    def _load(self) -> Workload:
        if self._workload is None:
            split, training = self.job.split, self.job.config.training
            self._workload = Workload(split.train, split.validation, training, self.job.device)
        return self._workload

    def _search_own(self) -> optuna.Study:
        """Return a stored study, searched by the user's objective; the caller holds the folder."""
        job, start = self.job, time.perf_counter()
        count = _stored_values(job)
        first = None if count else self._first_trial()
        self.job = job = _with_goals(job, OWN_GOALS[count or _count(first)])
        stored = open_study(job.config.name, "", job.folder, job.goals, _own_identity(job))
        study = stored.study
        for left in study.get_trials(False, (optuna.trial.TrialState.RUNNING,)):
            study.tell(left.number, state=optuna.trial.TrialState.FAIL)  # its process is gone
        if first is not None:
            study.add_trial(first)
        samplers = _Samplers(job)
        try:
            while _done(study) < job.plan.trials and not _is_late(start, job.plan.seconds):
                study.sampler = samplers.of(len(study.get_trials(deepcopy=False)))
                study.optimize(self._judge, n_trials=1)
        finally:
            # also when the objective raises: what is closed stays readable
            trials = closed_trials(study, job.goals)
            nothing = job.forecast_costs({})
            write_record(job, trials, nothing, None, time.perf_counter() - start)
        return study

    def _first_trial(self) -> optuna.trial.FrozenTrial:
        """Return the first trial, run in memory: its answer says how many objectives there are."""
        study = optuna.create_study(sampler=_Samplers(self.job).of(0))
        trial = study.ask()
        values: tuple[float, ...] | None
        try:
            values, state = self._answer(trial), optuna.trial.TrialState.COMPLETE
        except optuna.TrialPruned:
            values, state = None, optuna.trial.TrialState.PRUNED
        ended = {"values": values, "state": state, "datetime_complete": datetime.now()}
        return changed(study.get_trials()[0], **ended)

    def _judge(self, trial: optuna.Trial) -> tuple[float, ...]:
        values = self._answer(trial)
        expected = len(self.job.goals.objectives)
        if len(values) != expected:
            raise LstmoptError(
                f"objective() returns as many values in every trial, {expected} in this study, "
                f"found {len(values)} in trial {trial.number}: return {expected}"
            )
        return values

    def _answer(self, trial: optuna.Trial) -> tuple[float, ...]:
        """Return what the objective answers, one value or two.

        Raises:
            LstmoptError: For another number of values, and for one that is not finite.
        """
        self._trial = trial
        try:
            answer = self.objective(trial)
        finally:
            self._trial = None
        values = tuple(answer) if isinstance(answer, tuple | list) else (answer,)
        try:
            numbers = tuple(float(value) for value in values)
        except (TypeError, ValueError):
            numbers = ()
        if len(numbers) not in OWN_GOALS or not all(map(math.isfinite, numbers)):
            raise LstmoptError(
                "objective() returns one finite value or two (best_val_loss, final_val_r2), found "
                f"{answer!r} in trial {trial.number}: return such values or raise "
                "optuna.TrialPruned"
            )
        return numbers

    def _train(
        self, study: optuna.Study, best: TrialRecord, epochs: int
    ) -> tuple[Finished, ForecastCosts]:
        """Return what came of a trial that was trained anew, tested and saved."""
        training = options.replace(self.job.config.training, epochs=epochs)
        content = msgspec.to_builtins(options.replace(self.job.config, training=training))
        content["finalists"]["averages"] = False  # the trainer is of one network
        config = options.make_config(content, "OptunaLSTMTuner")
        job = replace(self.job, config=config, workers=1)
        if not self._is_own:
            costs = job.forecast_costs(measure_costs(job, _Log()))
            with start_engine(job) as engine:
                return Ending(job, costs, engine).finish([best]), costs
        noted = study.get_trials(deepcopy=False)[best.number].user_attrs.get(_CANDIDATE)
        params = noted or {name: v for name, v in best.params.items() if name in FIXED}
        candidate = _candidate(params, 0)
        # what was trained is two-valued whatever the objective made of it
        job = _with_goals(job, OWN_GOALS[2])
        costs = job.forecast_costs(_cost(job, candidate.architecture))
        with start_engine(job) as engine:
            best = replace(best, params=candidate.params)
            return Ending(job, costs, engine).finish([best]), costs

    def _as_trainer(self, refit: Refit) -> LSTMTrainer:
        workload, candidate = self._load(), refit.candidate
        architecture = candidate.architecture
        model = LSTMModel(
            workload.features,
            architecture["hidden_size"],
            architecture["num_layers"],
            1,
            float(candidate["dropout"]),
        )
        model.load_state_dict(classic_names(refit.weights))
        trainer = LSTMTrainer(model.to(workload.device).eval(), workload, candidate)
        trainer.curve = refit.curve
        return trainer


class _Log(Observer):
    """Hands the engine's notices to Python's logging."""

    def notice(self, text: str) -> None:
        _log.warning("%s", text)


@dataclass
class _Samplers:
    """The sampler of each trial, made anew unless it keeps a state of its own."""

    job: Job
    kept: optuna.samplers.BaseSampler | None = None

    def of(self, number: int) -> optuna.samplers.BaseSampler:
        """Return the sampler of the trial with a number."""
        if self.kept is None or self.job.plan.sampler.resume:
            self.kept = self.job.plan.make_sampler(number)
        return self.kept


def _search(job: Job) -> optuna.Study:
    """Return the study that the engine has searched in the job's folder; no model is chosen."""
    start, observer, stop = time.perf_counter(), _Log(), StopRequest()
    with job.lock():
        opened = open_search(job, observer, stop=stop)
        study = opened.context.stored.study
        try:
            with start_engine(job, observer, stop) as engine, handle_signals(stop, observer.notice):
                Driver(opened.context, engine).search()
        finally:
            # also when interrupted: what is closed stays readable
            trials = closed_trials(study, job.goals)
            write_record(job, trials, opened.costs, None, time.perf_counter() - start)
    return study


def _as_own(job: Job) -> Job:
    """Return the job of a user's own objective, which nothing prunes.

    Raises:
        LstmoptError: For several workers.
    """
    if job.config.workers != 1:
        raise LstmoptError(
            f"an objective of your own runs one trial at a time, found n_jobs = "
            f"{job.config.workers or -1}: leave n_jobs at 1"
        )
    unpruned = options.replace(job.config, pruner={"name": "none"})
    return replace(job, config=unpruned, own_objective=True)


def _with_goals(job: Job, goals: Goals) -> Job:
    return replace(job, plan=replace(job.plan, goals=goals))


def _own_identity(job: Job) -> dict[str, Any]:
    """Return what must not change between calls; the space is the objective's own affair."""
    identity = {name: value for name, value in job.identity().items() if name != "space"}
    return identity | {"objectives": job.goals.names}


def _stored_values(job: Job) -> int:
    """Return how many values a trial of the folder's study has; 0 where there is no study."""
    journal = job.folder.journal
    if not journal.is_file():
        return 0
    repair_journal(journal)
    storage = open_journal(journal)
    if job.config.name not in optuna.get_all_study_names(storage):
        return 0
    count = len(optuna.load_study(study_name=job.config.name, storage=storage).directions)
    # another count is the engine's own study, which open_study refuses by its objectives
    return count if count in OWN_GOALS else 1


def _count(trial: optuna.trial.FrozenTrial | None) -> int:
    """Return how many values a trial has; only a study of one objective can prune a trial."""
    return len(trial.values) if trial is not None and trial.values is not None else 1


def _done(study: optuna.Study) -> int:
    """Return how many trials were judged; one whose objective raised is tried again."""
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=states))


def _is_late(start: float, seconds: float | None) -> bool:
    return seconds is not None and time.perf_counter() - start >= seconds


def _candidate(params: Params, seed: int) -> Candidate:
    """Return hyperparameters, checked as a space's are checked, with a seed."""
    parse_space({name: [value] for name, value in params.items()})
    return Candidate(params, seed)


def _best(trials: Sequence[TrialRecord], goals: Goals, own: bool) -> TrialRecord:
    """Return the knee of the front, or of an objective of a user's own the best first value.

    Raises:
        MachineError: Where there is no front.
    """
    front = front_of(trials, goals)
    if not front:
        raise MachineError(no_front(trials))
    if own:
        return front[0]
    return front[pick_index([trial.values for trial in front], goals, "knee")]


def _cost(job: Job, architecture: Architecture) -> dict[Architecture, ForecastCost]:
    return forecast_costs([architecture], Setting(job.split.train.columns, job.device))


def _draw(run: RunData) -> None:
    """Draw the two pictures where there is a browser; say in one sentence where there is none."""
    from lstmopt.report.png import write_sheets

    if missing := write_sheets(run):
        _log.warning("%s", missing)


@contextmanager
def _forked_rng(device: str) -> Iterator[None]:
    """Leave the caller's random state as it was."""
    with torch.random.fork_rng([] if device == "cpu" else [device]):
        yield
