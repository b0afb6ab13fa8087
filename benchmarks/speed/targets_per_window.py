"""Does it pay to forecast at every step of a longer window? One command, any series.

python benchmarks/speed/targets_per_window.py --out runs/targets.jsonl STUDY.toml ...

The same random candidates are trained to convergence (early stopping) with 1, 6, 12 and ``window``
targets a window, one thread each, on each study's series. Classic windows are a reference: what
seconds a setting takes to come to the loss at which they end, what it ends with, and what one loses
who chooses the candidate by it. A line a training goes to ``--out``; what is there is not trained
again.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

CLASSIC = 1
Line = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=30, help="of classic windows, at most")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    done = read(options.out)
    known = {(line["study"], line["targets"], line["candidate"]) for line in done}
    wanted = [key for key in plan(options) if (key[0].stem, *key[1:3]) not in known]
    with (
        ProcessPoolExecutor(options.workers, get_context("forkserver")) as pool,
        options.out.open("a", encoding="utf-8") as file,
    ):
        for line in pool.map(train, *zip(*wanted, strict=True)) if wanted else ():
            file.write(json.dumps(line) + "\n")
            file.flush()
    print(table(read(options.out)))


def plan(options: argparse.Namespace) -> Iterator[tuple[Path, int, int, int]]:
    """Yield study, targets a window, candidate and most epochs; the longest first."""
    from lstmopt.config.study_file import read_config

    for path in options.studies:
        window = read_config(path).task.window
        for targets in (CLASSIC, 6, 12, window):
            # as many steps of the network as the classic epochs, at most
            epochs = options.epochs * max(1, targets * window // (window + targets - 1))
            for candidate in range(options.candidates):
                yield path, targets, candidate, epochs


def train(path: Path, targets: int, number: int, epochs: int) -> Line:
    """Train one candidate until it does not improve; score its best epoch on the test part."""
    import torch

    from lstmopt.config.study_file import read_config
    from lstmopt.data.read_series import read_series
    from lstmopt.data.split import split_series
    from lstmopt.data.windows import Shape
    from lstmopt.networks.weights import read_checkpoint
    from lstmopt.system.malloc import keep_freed_memory
    from lstmopt.training.batches import DevicePart
    from lstmopt.training.options import TrainingOptions
    from lstmopt.training.scores import evaluate
    from lstmopt.training.trainer import Workload, advance

    keep_freed_memory()
    torch.set_num_threads(1)
    config = read_config(path)
    series = read_series(config.data.path, config.data)
    split = split_series(series, Shape(config.task.window, config.task.horizon))
    patience = _PATIENCE * max(1, round(math.sqrt(targets)))
    options = TrainingOptions(epochs=epochs, patience=patience, targets_per_window=targets)
    workload = Workload(split.train, split.validation, options, "cpu")
    candidate = draw(number)
    progress = advance(workload, candidate, None, epochs)
    model = workload.build(candidate)
    model.load_state_dict(read_checkpoint(progress.checkpoint)["best_weights"])
    part = DevicePart(split.open_test(), "cpu")
    test = evaluate(model, part, part.origins(config.task.window))
    return {
        "study": path.stem,
        "targets": targets,
        "candidate": number,
        "params": dict(candidate.params),
        "losses": [epoch.val_loss for epoch in progress.epochs],
        "seconds": [epoch.seconds for epoch in progress.epochs],
        "test": test.mse,
    }


_PATIENCE = 5


def draw(number: int) -> Any:
    """Draw a candidate from a sensible space, the same for every setting."""
    from lstmopt.search_space import Candidate

    rng = np.random.default_rng([7, number])
    params: dict[str, Any] = {
        "hidden_size": int(rng.choice([16, 32, 64])),
        "num_layers": int(rng.choice([1, 2])),
        "learning_rate": float(10 ** rng.uniform(-3.3, -1.7)),
        "weight_decay": 1e-6,
        "batch_size": int(rng.choice([16, 32, 64])),
        "optimizer": "Adam",
    }
    return Candidate(params | ({"dropout": 0.1} if params["num_layers"] > 1 else {}), number)


def read(out: Path) -> list[Line]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []


def table(lines: list[Line]) -> str:
    """Tabulate each study and setting against classic windows."""
    head = (
        "| series | targets a window | time to the classic loss | there | best validation "
        "| median validation | test of the choice | the choice refitted classic, test | seconds |"
    )
    rows = [head, "|" + " --- |" * 9]
    for study in dict.fromkeys(line["study"] for line in lines):
        mine = [line for line in lines if line["study"] == study]
        classic = {line["candidate"]: line for line in mine if line["targets"] == CLASSIC}
        for targets in dict.fromkeys(line["targets"] for line in mine):
            cells = compare([line for line in mine if line["targets"] == targets], classic)
            rows.append(f"| {study} | {targets} | {cells} |")
    return "\n".join(rows)


def compare(lines: list[Line], classic: dict[int, Line]) -> str:
    pairs = [(line, classic[line["candidate"]]) for line in lines if line["candidate"] in classic]
    ratios = [to_loss(line, min(c["losses"])) / to_loss(c, min(c["losses"])) for line, c in pairs]
    chosen = min(lines, key=lambda line: min(line["losses"]))
    again = classic.get(chosen["candidate"])
    losses = [min(line["losses"]) for line in lines]
    return " | ".join(
        [
            f"{statistics.median(ratios):.2f}",
            f"{sum(map(math.isfinite, ratios))} of {len(ratios)}",
            f"{min(losses):.4f}",
            f"{statistics.median(losses):.4f}",
            f"{chosen['test']:.4f}",
            f"{again['test']:.4f}" if again else "",
            f"{sum(sum(line['seconds']) for line in lines):.0f}",
        ]
    )


def to_loss(line: Line, loss: float) -> float:
    """Return the seconds until a loss within 1 % of ``loss`` was reached, or infinity."""
    reached = np.flatnonzero(np.array(line["losses"]) <= 1.01 * loss)
    return float(np.sum(line["seconds"][: reached[0] + 1])) if len(reached) else math.inf


if __name__ == "__main__":
    main()
