"""OptunaLSTMTuner, LSTMModel, LSTMTrainer: the classic single-file interface on this engine."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import optuna
import pandas as pd
from torch import Tensor

from lstmopt.config import make_config, replace
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.finalists import Finalist, Refit, open_test, pick_index, summarise
from lstmopt.model import LSTMForecaster
from lstmopt.record import (
    SCHEMA,
    TrialRecord,
    closed_trials,
    finite,
    front_of,
    told_values,
)
from lstmopt.run import (
    Job,
    begin,
    measure_costs,
    no_front,
    prepare,
    save_model,
    start_engine,
    write_record,
)
from lstmopt.space import FIXED, Architecture, Candidate
from lstmopt.study import Driver, Observer, open_storage, training_seed
from lstmopt.training import Epoch, Workload, advance, begin_from, read_checkpoint


class LSTMModel(LSTMForecaster):
    """The network with the classic signature; its weights fit ``LSTMForecaster``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        num_layers: int = 2,
        output_size: int = 1,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(Architecture(hidden_size, num_layers), input_size, output_size, dropout)
        self.architecture = Architecture(hidden_size, num_layers)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Map inputs [batch, steps, features] to forecasts [batch, output_size]."""
        return super().forward(x)[:, -1]


class LSTMTrainer:
    """Trains a model with ``training.advance`` and leaves the best weights in it."""

    def __init__(self, model: LSTMModel, workload: Workload, candidate: Candidate) -> None:
        self.model, self.workload, self.candidate = model, workload, candidate
        self.curve: tuple[Epoch, ...] = ()

    def fit(self) -> LSTMTrainer:
        """Train for the workload's epochs. Raises MachineError when the loss is not finite."""
        checkpoint = begin_from(self.workload, self.candidate, self.model)
        epochs = self.workload.options.epochs
        progress = advance(self.workload, self.candidate, checkpoint, epochs)
        if progress.failure:
            raise MachineError(
                f"training needs a finite loss, found that {progress.failure}: "
                "lower the learning rate"
            )
        self.curve = progress.epochs
        self.model.load_state_dict(read_checkpoint(progress.checkpoint)["best_weights"])
        self.model.eval()
        return self

    @property
    def _best(self) -> Epoch:
        if not self.curve:
            raise LstmoptError("a trainer has scores after fit(), found none yet: call fit() first")
        return min(self.curve, key=lambda epoch: epoch.val_loss)

    @property
    def best_val_loss(self) -> float:
        """The validation MSE (scaled) of the weights that were kept."""
        return self._best.val_loss

    @property
    def final_val_r2(self) -> float:
        """The validation R² of the weights that were kept."""
        return self._best.val_r2

    @property
    def history(self) -> dict[str, list[float]]:
        """Each score after each epoch, by name."""
        names = ("train_loss", "val_loss", "val_mae", "val_r2")
        return {name: [getattr(epoch, name) for epoch in self.curve] for name in names}


class OptunaLSTMTuner:
    """Tunes an LSTM on a DataFrame; override ``objective`` to search something else.

    ``data`` is a table in time's order or with a time column. Two objectives by default, as in
    every study here; an overridden ``objective`` returns one value (minimised) or two
    (``best_val_loss, final_val_r2``: minimised, maximised). Everything is kept in ``out``
    (``runs/<study_name>`` by default), and the same call goes on there.
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
        feature_columns: Sequence[str] | None = None,
        objectives: Sequence[str] = ("val_loss", "latency_ms"),
        sampler: str = "tpe",
        pruner: str = "median",
        space: Mapping[str, Any] | None = None,
        epochs: int = 50,
        seed: int = 0,
        n_jobs: int = 1,
        device: str = "auto",
        out: str | Path | None = None,
    ) -> None:
        config = make_config(
            {
                "name": study_name,
                "seed": seed,
                "objectives": list(objectives),
                "workers": n_jobs,
                "device": device,
                "data": {
                    "target": target_column,
                    "features": None if feature_columns is None else list(feature_columns),
                },
                "task": {"window": sequence_length},
                "training": {"epochs": epochs},
                "space": dict(space or {}),
                "sampler": {"name": sampler},
                "pruner": {"name": pruner},
                "budget": {"trials": n_trials, "timeout": timeout},
            },
            "the call of OptunaLSTMTuner",
        )
        self.job: Job = prepare(config, Path(out or Path("runs") / study_name), data)
        self.study: optuna.Study | None = None

    def objective(self, trial: optuna.Trial) -> float | tuple[float, ...]:
        """Train one candidate; return ``(best_val_loss, final_val_r2)``."""
        params = self.job.plan.space.suggest(trial)
        candidate = Candidate(params, training_seed(self.job.config.seed, trial.number))
        model = self._build_model(
            candidate["hidden_size"], candidate["num_layers"], float(candidate["dropout"])
        )
        trainer = LSTMTrainer(model, self._workload(), candidate).fit()
        return trainer.best_val_loss, trainer.final_val_r2

    def optimize(self) -> optuna.Study:
        """Search until ``n_trials`` or ``timeout`` is reached; return the ``optuna.Study``.

        An exception of an overridden ``objective`` is not swallowed.
        """
        with self.job.folder.lock():
            self.study = self._search() if self._is_classic else self._search_own_objective()
        return self.study

    @property
    def _is_classic(self) -> bool:
        return type(self).objective is OptunaLSTMTuner.objective

    def _search(self) -> optuna.Study:
        job, observer = self.job, Observer()
        stored = begin(job, observer)
        costs = measure_costs(job, observer)
        with start_engine(job) as engine:
            driver = Driver(stored, job.plan, costs, engine, job.folder, job.registry, observer)
            trials = driver.search()
        if not front_of(trials, job.goals):
            raise MachineError(no_front(trials))
        return stored.study

    def _search_own_objective(self) -> optuna.Study:
        """Let Optuna drive an overridden objective, up to ``n_trials`` in all."""
        plan = self.job.plan
        study = self._load_own_study() or self._begin_own_study()
        left = plan.trials - len(study.get_trials(deepcopy=False))
        if left > 0:
            study.sampler = plan.make_sampler(plan.trials - left)
            study.optimize(self.objective, n_trials=left, timeout=plan.seconds)
        return study

    def _load_own_study(self) -> optuna.Study | None:
        storage = open_storage(self.job.config.storage, self.job.folder)
        name = self.job.config.name
        known = name in optuna.get_all_study_names(storage)
        return optuna.load_study(study_name=name, storage=storage) if known else None

    def _begin_own_study(self) -> optuna.Study:
        """Run the first trial to learn how many values there are, then create the study with it."""
        provisional = optuna.create_study(sampler=self.job.plan.make_sampler(0))
        trial = provisional.ask()
        answer = self.objective(trial)
        values = list(answer) if isinstance(answer, Sequence) else [answer]
        if len(values) not in (1, 2) or not all(math.isfinite(v) for v in values):
            raise LstmoptError(
                f"an objective returns one or two finite values, found {answer!r}: mend objective()"
            )
        study = optuna.create_study(
            study_name=self.job.config.name,
            storage=open_storage(self.job.config.storage, self.job.folder),
            directions=["minimize", "maximize"][: len(values)],
        )
        asked = provisional.get_trials()[0]
        study.add_trial(
            optuna.trial.create_trial(
                params=asked.params,
                distributions=asked.distributions,
                values=values,
                user_attrs=asked.user_attrs,
            )
        )
        return study

    def train_best_model(
        self, epochs: int = 100
    ) -> tuple[LSTMTrainer, LSTMModel, dict[str, list[float]]]:
        """Train the best candidate, test it once, and leave model, record and pictures in ``out``.

        The best is the knee of the front, or the best first value of an overridden objective.
        """
        start = time.perf_counter()
        number, params = self._best_candidate()
        candidate = Candidate(
            {n: v for n, v in params.items() if n in FIXED},
            training_seed(self.job.config.seed, number),
        )
        model = self._build_model(
            candidate["hidden_size"], candidate["num_layers"], float(candidate["dropout"])
        )
        trainer = LSTMTrainer(model, self._workload(epochs), candidate).fit()
        with self.job.folder.lock():
            self._write_files(number, trainer, start)
        return trainer, model, trainer.history

    def _build_model(self, hidden_size: int, num_layers: int, dropout: float = 0.2) -> LSTMModel:
        """Build a network for this table's inputs."""
        features = self.job.split.train.inputs.shape[1]
        return LSTMModel(features, hidden_size, num_layers, self.job.config.task.horizon, dropout)

    def _train_model(
        self,
        model: LSTMModel,
        learning_rate: float,
        batch_size: int = 64,
        weight_decay: float = 0.0,
        optimizer: str = "Adam",
        epochs: int | None = None,
    ) -> LSTMTrainer:
        """Train ``model`` from the weights it has; return the fitted trainer."""
        params = {
            "hidden_size": model.architecture.hidden_size,
            "num_layers": model.architecture.num_layers,
            "dropout": model.dropout,
            "learning_rate": learning_rate,
            "batch_size": batch_size,
            "weight_decay": weight_decay,
            "optimizer": optimizer,
        }
        candidate = Candidate(params, training_seed(self.job.config.seed, 0))
        return LSTMTrainer(model, self._workload(epochs), candidate).fit()

    def _workload(self, epochs: int | None = None) -> Workload:
        options, split = self.job.config.training, self.job.split
        if epochs is not None:
            options = replace(options, epochs=epochs)
        return Workload(split.train, split.validation, options, self.job.device)

    def _best_candidate(self) -> tuple[int, dict[str, Any]]:
        study = self._require_study()
        if self._is_classic:
            goals = self.job.goals
            front = front_of(closed_trials(study, goals), goals)
            rows = [dict(zip(goals.names, told_values(t, goals), strict=True)) for t in front]
            best = front[pick_index(rows, goals, "knee")]
            return best.number, dict(best.params)
        trial = min(study.best_trials, key=lambda t: t.values[0])
        return trial.number, dict(trial.params)

    def _require_study(self) -> optuna.Study:
        if self.study is None:
            raise LstmoptError(
                "a best model needs a study, found none: call optimize() before train_best_model()"
            )
        return self.study

    def _write_files(self, number: int, trainer: LSTMTrainer, start: float) -> None:
        job, study = self.job, self._require_study()
        refit = Refit(trainer.candidate, dict(trainer.model.state_dict()), trainer.curve)
        save_model(job, refit)
        record = TrialRecord(number, "complete", trainer.candidate.params, {}, (), 0, 0.0, "")
        if self._is_classic:
            costs = measure_costs(job, Observer())
            values = job.goals.values(costs[trainer.candidate.architecture], trainer.curve)
            verdict = open_test(Finalist(record, (refit,), values), job.split, job.series.season)
            trials = closed_trials(study, job.goals)
            write_record(job, trials, costs, verdict, time.perf_counter() - start)
        else:
            values = {"val_loss": trainer.best_val_loss, "val_r2": trainer.final_val_r2}
            verdict = open_test(Finalist(record, (refit,), values), job.split, job.series.season)
            std = job.split.scaling.target_std
            document = finite(
                {
                    "schema": SCHEMA,
                    "study": {"name": study.study_name, "seed": job.config.seed},
                    "directions": [d.name.lower() for d in study.directions],
                    "trials": [
                        {"number": t.number, "params": t.params, "values": t.values}
                        for t in study.get_trials(deepcopy=False)
                    ],
                    "chosen": {
                        "trial": number,
                        "params": trainer.candidate.params,
                        "validation": values,
                        "test": summarise(verdict.test, std),
                    },
                }
            )
            content = json.dumps(msgspec.to_builtins(document), indent=2)
            job.folder.write(job.folder.results, content)
        self._write_pictures()

    def _write_pictures(self) -> None:
        from lstmopt.report.figures import correlations_figure, results_figure
        from lstmopt.report.images import write_png

        study, folder = self._require_study(), self.job.folder.path
        try:
            write_png(
                {
                    folder / "optuna_optimization_results.png": results_figure(study),
                    folder / "parameter_correlations.png": correlations_figure(study),
                }
            )
        except MachineError as error:
            warnings.warn(str(error), stacklevel=3)
