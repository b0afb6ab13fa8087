"""NeuralForecast's AutoLSTM a season ahead, within a wall-clock that counts from the start.

Optuna backend and the default search space. How many samples fit is found out as they go: an Optuna
callback calls ``study.stop()`` where the time left is not enough for half of a usual trial and for
the refit of the best. The default space has windows of up to 64 horizons, of which one trial may
take hours; so Lightning's ``max_time`` ends a trial's training after a fifth of the time, and what
was trained by then is judged. A trial that fails does not end the study: for windows longer than
the series, for memory, or for overrunning its time.
"""

from __future__ import annotations

import json
import logging
import math
import os
import resource
import signal
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.auto import AutoLSTM
from neuralforecast.common._base_auto import OptunaOptions
from neuralforecast.losses.pytorch import MSE
from task import score_test, split_data

TRAINER = {
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}
"""Of Lightning's: nothing is written, and nothing validated that was not trained."""
COMPLETE = optuna.trial.TrialState.COMPLETE
TRIAL_SHARE = 0.2
"""Of all the time, what the training of one trial may take."""
GRACE_SHARE = 0.1
"""Of all the time, by how much a trial may overrun its own before it is given up."""
REFIT = 1.2
"""A refit and the forecasts, in the time that the trial took."""
WORTH_BEGINNING = 0.5
"""Of a trial's usual time, what must be left for another."""
MEMORY_SHARE = 0.6


class Clock:
    """Gives every trial its time, and keeps enough for the refit."""

    def __init__(self, started: float, seconds: float) -> None:
        self._end, self._seconds = started + seconds, seconds
        self._best = 0.0
        self._took: list[float] = []
        signal.signal(signal.SIGALRM, self._give_up)

    @property
    def allowed(self) -> float:
        """Seconds that a trial may train which begins now; it may be the one that is refitted."""
        left = self._end - time.time()
        return min(TRIAL_SHARE * self._seconds, left / (1 + REFIT), left - REFIT * self._best)

    def begin(self) -> float:
        """Begin a trial and return the seconds that it may train."""
        allowed = max(self.allowed, 1.0)
        signal.setitimer(signal.ITIMER_REAL, allowed + GRACE_SHARE * self._seconds)
        return allowed

    def ended(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Hear of a trial's end; stop the study where there is no time for another."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        if trial.state == COMPLETE and trial.duration is not None:
            self._took.append(trial.duration.total_seconds())
            best = study.best_trial.duration
            self._best = best.total_seconds() if best else 0.0
        typical = statistics.median(self._took) if self._took else math.inf
        if self.allowed < WORTH_BEGINNING * min(typical, TRIAL_SHARE * self._seconds):
            study.stop()

    def _give_up(self, *_: Any) -> None:
        raise TimeoutError("the trial's time is over")


def default_space(horizon: int, clock: Clock) -> Callable[[Any], dict[str, Any]]:
    """Return AutoLSTM's own search space, with the time that a trial may take."""
    space = AutoLSTM.get_default_config(h=horizon, backend="optuna")

    def config(trial: Any) -> dict[str, Any]:
        # AutoLSTM reads the keys first through a mock trial
        seconds = clock.begin() if isinstance(trial, optuna.Trial) else 1.0
        return {**space(trial), "max_time": {"seconds": seconds}, **TRAINER}

    return config


def limit_memory() -> None:
    """Have an allocation fail that would have the system end the process."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = int(MEMORY_SHARE * whole)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    limit_memory()
    table = pd.read_csv(task["data"], parse_dates=["time"], index_col="time")
    data = split_data(table["value"], task["train"], task["validation"])
    clock, horizon = Clock(task["started"], task["seconds"]), task["horizon"]
    auto = AutoLSTM(
        h=horizon,
        loss=MSE(),
        valid_loss=MSE(),
        config=default_space(horizon, clock),
        search_alg=optuna.samplers.TPESampler(seed=task["seed"]),
        num_samples=task["trials"],
        refit_with_val=not task["refit_on_validation"],
        backend="optuna",
        callbacks=[clock.ended],
        optuna_options=OptunaOptions(study_kwargs={"catch": (Exception,)}),
    )
    frame = pd.DataFrame({"unique_id": "series", "ds": data.times, "y": data.scaled})
    forecaster = NeuralForecast(models=[auto], freq=task["step"])
    forecasts = forecaster.cross_validation(
        frame,
        n_windows=None,
        val_size=data.validation_end - data.train_end,
        test_size=len(data.own) - data.validation_end,
    )
    mse = score_test(data, forecasts["AutoLSTM"].to_numpy().reshape(-1, horizon))
    study = forecaster.models[0].results
    packages = ("neuralforecast", "optuna", "torch", "pytorch-lightning")
    result = {
        "test_mse": mse,
        "validation_mse": study.best_value,
        "parts": [data.train_end, data.validation_end, len(data.own)],
        "trials": len(study.trials),
        "complete": len(study.get_trials(states=(COMPLETE,))),
        "chosen": study.best_params,
        "seconds_of_trials": [t.duration.total_seconds() for t in study.trials if t.duration],
        "versions": {name: version(name) for name in packages},
    }
    (Path(task["folder"]) / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
