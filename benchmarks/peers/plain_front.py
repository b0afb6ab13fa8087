"""Plain Optuna and PyTorch after two objectives: TPE, classic windows, every trial to its end.

Writes a line for each finished trial. Latency is looked up in a table that was measured for all
contenders beforehand, which costs this one nothing.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import optuna
import torch
from plain_optuna import Parts, train
from task import Task, read_data, suggest


def main() -> None:
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    latency, lines = content.pop("latency"), Path(content["folder"]) / "trials.jsonl"
    task = Task(**content)
    parts = Parts.of(task, read_data(task))

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = suggest(trial, task.space)
        size = f"{params['hidden_size']} {params['num_layers']}"
        return train(params, parts, task.epochs)[1], latency[size]

    def told(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        loss, milliseconds = trial.values
        line = {"at": time.time() - task.started, "val_loss": loss, "latency_ms": milliseconds}
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    torch.manual_seed(task.seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=task.seed)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(objective, n_trials=task.trials, n_jobs=task.n_jobs, callbacks=[told])


if __name__ == "__main__":
    main()
