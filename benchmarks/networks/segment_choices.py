"""Which choices make a segment network good: activation, rate, averaging, batch size, steps.

python benchmarks/networks/segment_choices.py FOLDER --out choices.jsonl

FOLDER holds the tables of bike rentals, NYC taxis and the steel plant. One choice departs from the
base at a time; each network is scored on the validation part at some steps, with its own weights
and with averages of several decays. A line a network and step goes to ``--out``; the table printed
holds errors over the base's, as geometric means over the cases.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lstmopt.data.input_columns import Columns
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.split import Split, split_series
from lstmopt.data.windows import Shape
from lstmopt.networks.forecast_network import build_network
from lstmopt.networks.segment import SegmentEncoder, make_segment
from lstmopt.search_space import Candidate, Params, Value
from lstmopt.training.batches import Batch, DevicePart
from lstmopt.training.scores import evaluate
from lstmopt.training.train_step import make_step
from lstmopt.training.weight_average import WeightAverage

DECAYS = (0.9, 0.98, 0.99, 0.995, 0.998)
MARKS = (300, 600, 1200, 2400)
BASE: Params = {
    "normalisation": "last",
    "skip": False,
    "recent": 0,
    "decoder_hidden_size": 0,
    "hidden_size": 32,
    "num_layers": 1,
    "dropout": 0.0,
    "cell": "lstm",
    "linear": "nlinear",
    "optimizer": "Adam",
    "weight_decay": 0.0,
    "learning_rate": 0.01,
    "batch_size": 64,
    "schedule": "constant",
    "activation": "relu",
}
SCALED: Params = {"learning_rate": 0.003, "batch_size": 128, "normalisation": "last_std"}
CHOICES: tuple[Params, ...] = (
    {},
    {"activation": "none"},
    {"activation": "tanh"},
    {"activation": "gelu"},
    {"learning_rate": 0.001},
    {"learning_rate": 0.003},
    {"learning_rate": 0.03},
    {"schedule": "inverse_sqrt"},
    {"schedule": "inverse_sqrt", "learning_rate": 0.03},
    {"learning_rate": 0.003, "activation": "tanh"},
    {"schedule": "inverse_sqrt", "activation": "tanh"},
    {"learning_rate": 0.003, "batch_size": 32},
    {"learning_rate": 0.003, "batch_size": 128},
    {"learning_rate": 0.003, "normalisation": "last_std"},
    {"learning_rate": 0.003, "normalisation": "revin"},
    {"learning_rate": 0.003, "hidden_size": 64},
    {"skip": True},
    {"skip": True, "learning_rate": 0.003},
    {"skip": True, "learning_rate": 0.003, "normalisation": "last_std"},
    {"learning_rate": 0.003, "cell": "gru"},
    SCALED,
    SCALED | {"hidden_size": 64},
    SCALED | {"decoder_hidden_size": 64},
    SCALED | {"recent": 12},
    SCALED | {"decoder_hidden_size": 64, "recent": 12},
    SCALED | {"decoder_hidden_size": 64, "recent": 48},
)
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "tanh": torch.tanh,
    "gelu": nn.functional.gelu,
}


@dataclass(frozen=True)
class Case:
    """A series, what is forecast of it, and the window in rows."""

    file: str
    options: DataOptions
    horizon: int
    season: int
    annual: bool
    """Whether training covers clearly more than a year."""

    @property
    def name(self) -> str:
        return f"{self.file.partition('.')[0]} {self.horizon}"


def _bike() -> DataOptions:
    return DataOptions(target="cnt", time=("dteday", "hr"), features=())


CASES = (
    Case("bike_sharing_hour.csv", _bike(), 1, 24, True),
    Case("bike_sharing_hour.csv", _bike(), 24, 24, True),
    Case("nyc_taxi.csv", DataOptions(target="value", features=()), 1, 48, False),
    Case("nyc_taxi.csv", DataOptions(target="value", features=()), 48, 48, False),
    Case(
        "steel_industry.csv.gz",
        DataOptions(target="Usage_kWh", features=(), order="midnight_ends_day", day_first=True),
        12,
        96,
        False,
    ),
)


class ActivatedEncoder(SegmentEncoder):
    """Segments with another activation of their projection."""

    def __init__(self, activation: Callable[[Tensor], Tensor], *options: Any) -> None:
        super().__init__(*options)
        self._activation = activation

    def forward(self, x: Tensor) -> Tensor:
        cut = x[:, -self.segments * self.segment :].reshape(len(x), self.segments, -1)
        states: Tensor = self.rnn(self._activation(self.projection(cut)))
        return states


def make_encoder(params: Mapping[str, Value], features: int, window: int) -> SegmentEncoder:
    if params["activation"] == "relu":
        return make_segment(params, features, window)
    activation, segment = ACTIVATIONS[str(params["activation"])], int(params["segment"])
    sizes = (int(params["hidden_size"]),)
    return ActivatedEncoder(activation, features, window, segment, str(params["cell"]), sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--choices", type=int, nargs="*", default=list(range(len(CHOICES))))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    known = read_lines(asked.out)
    for case in CASES:
        missing = [n for n in asked.choices if (case.name, label(CHOICES[n])) not in known]
        if not missing:
            continue
        split = read(case, asked.folder)
        for number in missing:
            for line in train(case, split, CHOICES[number]):
                with asked.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    print(table([json.loads(row) for row in asked.out.read_text().splitlines()]))


def read_lines(path: Path) -> set[tuple[str, str]]:
    rows = path.read_text().splitlines() if path.exists() else []
    return {(line["case"], line["choice"]) for line in map(json.loads, rows)}


def label(choice: Params) -> str:
    return " ".join(f"{name}={value}" for name, value in choice.items()) or "base"


def read(case: Case, folder: Path) -> Split:
    series = read_series(str(folder / case.file), case.options)
    return split_series(series, Shape(7 * case.season, case.horizon), (0.7, 0.15))


def train(case: Case, split: Split, choice: Params) -> Iterator[dict[str, Any]]:
    """Yield a line for each number of steps at which a network is scored."""
    params = BASE | choice
    params |= {"window": 7 * case.season, "segment": case.season}
    params["calendar"] = "all" if case.annual else "no_annual"
    features = split.train.inputs.shape[1]
    columns = Columns(1, features - 1, 0, 2, 7 * case.season, case.horizon)
    torch.manual_seed(0)
    model = build_network(make_encoder, params, columns)
    model.fit_start(split.train, split.validation)
    step = make_step(model, Candidate(params, 0), clip_norm=1.0)
    averages = {decay: WeightAverage(model, decay) for decay in DECAYS}
    train, validation = DevicePart(split.train, "cpu"), DevicePart(split.validation, "cpu")
    origins = validation.origins(columns.window)
    batches = endless(train, columns.window, int(params["batch_size"]))
    seconds = 0.0
    for number in range(1, MARKS[-1] + 1):
        batch = next(batches)
        start = time.perf_counter()
        model.train()
        step(batch)
        seconds += time.perf_counter() - start
        for average in averages.values():
            average.update()
        if number in MARKS:
            errors = {"own": evaluate(model, validation, origins).mse}
            for decay, average in averages.items():
                with average.applied():
                    errors[str(decay)] = evaluate(model, validation, origins).mse
            named = {"case": case.name, "choice": label(choice), "steps": number}
            yield named | {"seconds": seconds, "errors": errors}


def endless(part: DevicePart, window: int, size: int) -> Iterator[Batch]:
    origins = part.origins(window)
    while True:
        yield from part.batches(origins[torch.randperm(len(origins))], size)


def table(lines: list[dict[str, Any]]) -> str:
    """Return errors over those of the base at 1,200 steps with its own weights."""
    base = {
        line["case"]: line["errors"]["own"]
        for line in lines
        if line["choice"] == "base" and line["steps"] == 1200
    }
    kept = [line for line in lines if line["case"] in base]
    names = ["own", *map(str, DECAYS)]
    found = [f"| choice | steps | cases | seconds | {' | '.join(names)} |", "|" + " --- |" * 10]
    order = list(dict.fromkeys(line["choice"] for line in kept))
    for choice, steps in itertools.product(order, MARKS):
        those = [line for line in kept if (line["choice"], line["steps"]) == (choice, steps)]
        if not those:
            continue
        ratios = [[line["errors"][name] / base[line["case"]] for line in those] for name in names]
        means = [math.exp(statistics.fmean(map(math.log, each))) for each in ratios]
        seconds = statistics.fmean(line["seconds"] for line in those)
        cells = " | ".join(f"{mean:.3f}" for mean in means)
        found.append(f"| {choice} | {steps} | {len(those)} | {seconds:.1f} | {cells} |")
    return "\n".join(found)


if __name__ == "__main__":
    main()
