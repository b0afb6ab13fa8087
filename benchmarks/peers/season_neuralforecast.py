"""One series with NeuralForecast's AutoLSTM under a wall-clock; see season_ahead.py.

python season_neuralforecast.py TABLE HORIZON SECONDS SEED

TABLE has the columns ``ds`` and ``y``. Trials run one after another with the library's own space
and defaults; none begins when the next might end too late, by what the slowest took so far. The
last 15 % of the rows are the test part, the 15 % before it validation. Prints a line of JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time

BEGAN = time.perf_counter()

import warnings  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import optuna  # noqa: E402
import pandas as pd  # noqa: E402
from neuralforecast import NeuralForecast  # noqa: E402
from neuralforecast.auto import AutoLSTM  # noqa: E402
from neuralforecast.losses.pytorch import MSE  # noqa: E402

_QUIET = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def main() -> None:
    table, horizon, seconds, seed = sys.argv[1], *map(float, sys.argv[2:])
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    frame = pd.read_csv(table, parse_dates=["ds"]).assign(unique_id="series")
    rows = len(frame)
    train, validation = int(0.7 * rows), int(0.85 * rows)
    began: list[float] = []

    def stop_in_time(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        took = [t.duration.total_seconds() for t in study.get_trials() if t.duration]
        # the best one is fitted once more
        if time.perf_counter() - BEGAN + 2 * max(took) > seconds:
            study.stop()
        began.append(time.perf_counter())

    default = AutoLSTM.get_default_config(h=int(horizon), backend="optuna")

    def config(trial: Any) -> dict[str, Any]:
        return {**default(trial), **_QUIET, "random_seed": int(seed)}

    auto = AutoLSTM(
        h=int(horizon),
        loss=MSE(),
        valid_loss=MSE(),
        config=config,
        search_alg=optuna.samplers.TPESampler(seed=int(seed)),
        num_samples=10_000,
        backend="optuna",
        callbacks=[stop_in_time],
    )
    forecaster = NeuralForecast(models=[auto], freq=pd.infer_freq(frame["ds"][:50]) or "W")
    found = forecaster.cross_validation(
        frame, n_windows=None, val_size=validation - train, test_size=rows - validation
    )
    mean, deviation = frame["y"][:train].mean(), frame["y"][:train].std(ddof=0)
    errors = (found["AutoLSTM"] - found["y"]) / deviation
    result = {
        "mse": float(np.mean(np.square(errors))),
        "windows": int(found["cutoff"].nunique()),
        "trials": len(began),
        "seconds": time.perf_counter() - BEGAN,
        "params": dict(forecaster.models[0].results.best_params),
        "scale": [float(mean), float(deviation)],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
