"""What does a deployed network gain by all rows, and by new ones? One command, any series.

python benchmarks/deployment/after_the_test.py --out runs/after_the_test.jsonl STUDY.toml ...

A series is cut in time: the first 70 % of its rows are a run's, split as a run splits them; 15 %
are new; by the last 15 % networks are judged. One candidate is trained as a refit is, then on all
of the run's rows; both go on with the new rows, with and without older ones, as ``lstmopt update``
does; and one is trained on everything anew. A line a seed goes to ``--out``; what is there is not
trained again.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import torch

from lstmopt.config.study_file import read_config
from lstmopt.data.layout import Spans
from lstmopt.data.read_series import read_series
from lstmopt.data.scaling import Scaling, fit_scaling
from lstmopt.data.series import Series, last_observed, truncate
from lstmopt.data.split import Split, make_part, split_series
from lstmopt.data.windows import Rows, Shape
from lstmopt.forecasting.model_history import UPDATE_EPOCHS
from lstmopt.networks.weights import read_checkpoint
from lstmopt.search_space import Candidate
from lstmopt.training.batches import DevicePart
from lstmopt.training.fine_tuning import fine_tune
from lstmopt.training.options import TrainingOptions
from lstmopt.training.scores import evaluate
from lstmopt.training.trainer import Workload, advance, targets_per_window

Line = dict[str, Any]
Weights = dict[str, torch.Tensor]

PARAMS = {"hidden_size": 32, "num_layers": 1, "learning_rate": 3e-3, "batch_size": 32}
RUN, NEW = 0.7, 0.85
"""The shares of the rows up to which a run's and the new ones go."""
COLUMNS = {
    "all": "all rows",
    "train_updated": "updated",
    "all_updated": "all rows, updated",
    "all_updated_alone": "all rows, updated with new rows alone",
    "everything": "trained anew on everything",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = {(line["study"], line["seed"]) for line in read(options.out)}
    for seed in range(options.seeds):
        for path in options.studies:
            if (path.stem, seed) not in known:
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(measure(path, seed, options.epochs)) + "\n")
    print(table(read(options.out)))


def measure(path: Path, seed: int, epochs: int) -> Line:
    """Train one candidate with one seed in every way; return squared errors in the own unit."""
    config = read_config(path)
    series = read_series(config.data.path, config.data)
    shape = Shape(config.task.window or 24, config.task.horizon)
    rows = last_observed(series)
    run, new = int(rows * RUN), int(rows * NEW)
    trial = Trial(truncate(series, new), series, split_series(truncate(series, run), shape), seed)
    tested, best = trial.tested(epochs)
    networks = {"train": (tested, trial.split.scaling)}
    networks["all"] = trial.anew(run, best)
    networks["everything"] = trial.anew(new, best)
    line: Line = {"study": path.stem, "seed": seed, "epochs": best}
    next_rows = {name: trial.error(*networks[name], (run, new)) for name in ("train", "all")}
    for name, start, older in (
        ("train_updated", "train", new - run),
        ("all_updated", "all", new - run),
        ("all_updated_alone", "all", 0),
    ):
        networks[name] = trial.updated(*networks[start], run, run - older)
    line["last"] = {name: trial.error(*each, (new, rows)) for name, each in networks.items()}
    return line | {"next": next_rows}


class Trial:
    """One candidate on one series.

    ``seen`` holds no row by which networks are judged; ``series`` holds all.
    """

    def __init__(self, seen: Series, series: Series, split: Split, seed: int) -> None:
        self.seen, self.series, self.split = seen, series, split
        self.shape, self.candidate = split.train.shape, Candidate(dict(PARAMS), seed)

    def tested(self, epochs: int) -> tuple[Weights, int]:
        """Return the weights of the best epoch on validation, and its number."""
        self.options = TrainingOptions(epochs=epochs)
        targets = targets_per_window(self.split.train, self.options)
        self.options = msgspec.structs.replace(self.options, targets_per_window=targets)
        self.workload = Workload(self.split.train, self.split.validation, self.options, "cpu")
        progress = advance(self.workload, self.candidate, None, epochs)
        checkpoint = read_checkpoint(progress.checkpoint)
        return checkpoint["best_weights"], checkpoint["best_epoch"]

    def anew(self, end: int, epochs: int) -> tuple[Weights, Scaling]:
        """Return the weights and the scaling of a training on all rows before ``end``."""
        scaling = fit_scaling(self.seen, Spans.one((0, end)))
        part = make_part(self.seen, scaling, self.shape, Spans.one((0, end)))
        options = msgspec.structs.replace(self.options, patience=self.options.epochs)
        workload = Workload(part, replace(part, rows=(end * 4 // 5, end)), options, "cpu")
        progress = advance(workload, self.candidate, None, epochs)
        return read_checkpoint(progress.checkpoint)["model"], scaling

    def updated(
        self, weights: Weights, scaling: Scaling, first: int, oldest: int
    ) -> tuple[Weights, Scaling]:
        """Return weights that went on with rows from ``oldest`` on, the new ones from ``first``."""
        end = len(self.seen.times)
        held = end - (end - first) // 4
        newest = make_part(self.seen, scaling, self.shape, Spans.one((held, end)))
        network = self.workload.build(self.candidate)
        network.load_state_dict(weights)
        options = msgspec.structs.replace(self.options, epochs=UPDATE_EPOCHS)
        train = newest.earlier((oldest, held))
        tuned = fine_tune(network, self.candidate, train, newest, options, "cpu")
        return tuned.weights or weights, scaling

    def error(self, weights: Weights, scaling: Scaling, rows: Rows) -> float:
        """Return the mean squared error over ``rows``, in the target's own unit."""
        part = DevicePart(make_part(self.series, scaling, self.shape, Spans.one(rows)), "cpu")
        network = self.workload.build(self.candidate)
        network.load_state_dict(weights)
        scores = evaluate(network, part, part.origins(self.shape.window))
        return scores.mse * scaling.target_std**2


def read(out: Path) -> list[Line]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []


def table(lines: list[Line]) -> str:
    """Tabulate errors as shares of those of the network that was tested, means over seeds."""
    head = ["series", "epochs", "all rows, on the new rows", *COLUMNS.values()]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for study in dict.fromkeys(line["study"] for line in lines):
        mine = [line for line in lines if line["study"] == study]
        epochs = ", ".join(str(line["epochs"]) for line in mine)
        cells = [share(mine, "next", "all"), *(share(mine, "last", name) for name in COLUMNS)]
        rows.append(f"| `{study}` | {epochs} | {' | '.join(cells)} |")
    return "\n".join(rows)


def share(lines: list[Line], rows: str, name: str) -> str:
    ratios = [math.log(line[rows][name] / line[rows]["train"]) for line in lines]
    return f"{math.exp(statistics.fmean(ratios)):.2f}"


if __name__ == "__main__":
    main()
