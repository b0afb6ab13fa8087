"""The task with Darts' BlockRNNModel (model="LSTM") in an Optuna loop, as its user guide shows.

BlockRNNModel is the classic window: one block of targets after each window. Darts scales with a
transformer of its own; it is given the series in z units. Without checkpoints it keeps the last
epoch's weights. The best trial is fitted once more before the test. Trials run one after another.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import optuna
import pandas as pd
from candidates import SharedStart
from darts import TimeSeries
from darts.models import BlockRNNModel
from task import Data, Stopwatch, Task, read_data, score_test, suggest, write_result

TRAINER = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def make_series(data: Data) -> TimeSeries:
    frame = pd.DataFrame({"y": data.scaled.astype(np.float32)}, index=data.times)
    return TimeSeries.from_dataframe(frame)


def fit(
    params: dict[str, Any], task: Task, data: Data, series: TimeSeries
) -> tuple[BlockRNNModel, float]:
    """Fit a model; return it and its validation MSE after the last epoch."""
    model = BlockRNNModel(
        model="LSTM",
        input_chunk_length=task.window,
        output_chunk_length=task.horizon,
        hidden_dim=params["hidden_size"],
        n_rnn_layers=params["num_layers"],
        batch_size=params["batch_size"],
        n_epochs=task.epochs,
        optimizer_kwargs={"lr": params["learning_rate"]},
        random_state=task.seed,
        pl_trainer_kwargs=TRAINER,
    )
    # the first validation target needs the window before it
    validation = series[data.train_end - task.window : data.validation_end]
    model.fit(series[: data.train_end], val_series=validation)
    return model, float(model.trainer.callback_metrics["val_loss"])


def forecast_test(model: BlockRNNModel, task: Task, data: Data, series: TimeSeries) -> np.ndarray:
    """Forecast [origins, horizon], rolling over the test part without fitting again."""
    forecasts = model.historical_forecasts(
        series,
        start=data.times[data.validation_end],
        forecast_horizon=task.horizon,
        retrain=False,
        last_points_only=False,
    )
    return np.concatenate([forecast.values().T for forecast in forecasts])


def main() -> None:
    task = Task.read()
    stopwatch = Stopwatch(task)
    stopwatch.end("import")
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = read_data(task)
    series = make_series(data)

    def objective(trial: optuna.Trial) -> float:
        return fit(suggest(trial, task.space), task, data, series)[1]

    study = optuna.create_study(sampler=SharedStart(task.seed, task.seed, task.startup))
    study.optimize(objective, n_trials=task.trials)
    stopwatch.end("search")
    model, _ = fit(study.best_params, task, data, series)
    test_mse = score_test(data, forecast_test(model, task, data, series))
    stopwatch.end("finish")
    write_result(
        task,
        stopwatch,
        ("darts", "optuna", "torch", "pytorch-lightning"),
        trials_completed=len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))),
        epochs_search=task.trials * task.epochs,
        epochs_refit=task.epochs,
        val_mse=study.best_value,
        test_mse=test_mse,
        params=study.best_params,
    )


if __name__ == "__main__":
    main()
