"""The task with NeuralForecast's AutoLSTM, its Optuna backend and ``cross_validation``.

Its budget is steps, each of ``windows_batch_size`` windows drawn anew from the training part, so an
epoch is as many steps as see as many windows as there are. It scales each window by default; it is
given the series in z units without a scaler of its own, and a linear head in place of its two-layer
decoder. It refits the best trial itself and keeps the last step's
weights. Trials run one after another.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable
from typing import Any

import optuna
import pandas as pd
from candidates import SharedStart
from neuralforecast import NeuralForecast
from neuralforecast.auto import AutoLSTM
from neuralforecast.losses.pytorch import MSE
from task import Data, Stopwatch, Task, read_data, score_test, suggest, write_result

QUIET = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def make_config(task: Task, data: Data) -> Callable[[Any], dict[str, Any]]:
    """Return the search space as AutoLSTM takes it."""
    windows = data.train_end - task.window
    epoch_steps = {size: math.ceil(windows / size) for size in task.space["batch_size"]}

    def config(trial: Any) -> dict[str, Any]:
        params = suggest(trial, task.space)
        batch = params["batch_size"]
        # AutoLSTM reads the keys first through a mock trial that answers with all the choices
        steps = epoch_steps[batch] if isinstance(batch, int) else 1
        return {
            "input_size": task.window,
            "encoder_hidden_size": params["hidden_size"],
            "encoder_n_layers": params["num_layers"],
            "decoder_layers": 1,
            "learning_rate": params["learning_rate"],
            "windows_batch_size": batch,
            "max_steps": task.epochs * steps,
            "val_check_steps": steps,
            "scaler_type": "identity",
            "random_seed": task.seed,
            **QUIET,
        }

    return config


def main() -> None:
    task = Task.read()
    stopwatch = Stopwatch(task)
    stopwatch.end("import")
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = read_data(task)

    def searched(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if trial.number == task.trials - 1:
            stopwatch.end("search")

    auto = AutoLSTM(
        h=task.horizon,
        loss=MSE(),
        valid_loss=MSE(),
        config=make_config(task, data),
        search_alg=SharedStart(task.seed, task.seed, task.startup),
        num_samples=task.trials,
        refit_with_val=True,  # keeps the validation part out of the refit, as the other peers do
        backend="optuna",
        callbacks=[searched],
    )
    forecaster = NeuralForecast(models=[auto], freq="h")
    frame = pd.DataFrame({"unique_id": "series", "ds": data.times, "y": data.scaled})
    forecasts = forecaster.cross_validation(
        frame,
        n_windows=None,
        val_size=data.validation_end - data.train_end,
        test_size=len(data.own) - data.validation_end,
    )
    test_mse = score_test(data, forecasts["AutoLSTM"].to_numpy().reshape(-1, task.horizon))
    stopwatch.end("finish")
    study = forecaster.models[0].results
    write_result(
        task,
        stopwatch,
        ("neuralforecast", "optuna", "torch", "pytorch-lightning"),
        trials_completed=len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))),
        epochs_search=task.trials * task.epochs,
        epochs_refit=task.epochs,
        val_mse=study.best_value,
        test_mse=test_mse,
        params=study.best_params,
    )


if __name__ == "__main__":
    main()
