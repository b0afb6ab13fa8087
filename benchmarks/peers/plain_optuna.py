"""The task with Optuna and PyTorch alone, as a tutorial writes it.

A Dataset with one window a target, a DataLoader, torch's default threads and Optuna's ``n_jobs``,
which are threads of one process. The best epoch's weights are kept; the best trial is trained once
more before the test.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import optuna
import torch
from candidates import SharedStart
from task import Data, Stopwatch, Task, read_data, score_test, suggest, write_result
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """One window of inputs [window, 1] and its target [1] a row, from ``first`` to ``end``."""

    def __init__(self, series: Tensor, window: int, first: int, end: int) -> None:
        self.series, self.window, self.first, self.end = series, window, first, end

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        row = self.first + index
        return self.series[row - self.window : row, None], self.series[row : row + 1]


class Network(nn.Module):
    """A stacked LSTM with a linear head on its last step."""

    def __init__(self, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, hidden_size, num_layers, batch_first=True)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(x)  # [batch, window, hidden]
        forecasts: Tensor = self.head(states[:, -1])
        return forecasts


@dataclass(frozen=True)
class Parts:
    """The windows of each part."""

    train: Windows
    validation: Windows
    test: Windows

    @classmethod
    def of(cls, task: Task, data: Data) -> Parts:
        series = torch.tensor(data.scaled, dtype=torch.float32)
        ends = (task.window, data.train_end, data.validation_end, len(data.own))
        return cls(*(Windows(series, task.window, *rows) for rows in pairwise(ends)))


def forecast(model: Network, part: Windows) -> Tensor:
    """Forecast [windows, 1], in order."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(inputs) for inputs, _ in DataLoader(part, batch_size=256)])


def validate(model: Network, part: Windows) -> float:
    targets = part.series[part.first : part.end, None]
    return float(nn.functional.mse_loss(forecast(model, part), targets))


def train(params: dict[str, Any], parts: Parts, epochs: int) -> tuple[Network, float]:
    """Train a network; return it with its best epoch's weights and that validation MSE."""
    model = Network(params["hidden_size"], params["num_layers"])
    optimizer = torch.optim.Adam(model.parameters(), lr=params["learning_rate"])
    loader = DataLoader(parts.train, batch_size=params["batch_size"], shuffle=True)
    best, weights = float("inf"), copy.deepcopy(model.state_dict())
    for _ in range(epochs):
        model.train()
        for inputs, targets in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
        if (loss := validate(model, parts.validation)) < best:
            best, weights = loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    return model, best


def main() -> None:
    task = Task.read()
    stopwatch = Stopwatch(task)
    stopwatch.end("import")
    data = read_data(task)
    parts = Parts.of(task, data)

    def objective(trial: optuna.Trial) -> float:
        return train(suggest(trial, task.space), parts, task.epochs)[1]

    torch.manual_seed(task.seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=SharedStart(task.seed, task.seed, task.startup))
    study.optimize(objective, n_trials=task.trials, n_jobs=task.n_jobs)
    stopwatch.end("search")
    model, _ = train(study.best_params, parts, task.epochs)
    test_mse = score_test(data, forecast(model, parts.test).numpy())
    stopwatch.end("finish")
    write_result(
        task,
        stopwatch,
        ("optuna", "torch"),
        trials_completed=len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))),
        epochs_search=task.trials * task.epochs,
        epochs_refit=task.epochs,
        val_mse=study.best_value,
        test_mse=test_mse,
        params=study.best_params,
    )


if __name__ == "__main__":
    main()
