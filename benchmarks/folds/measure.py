"""Do folds choose better at equal time? One command, any series.

python benchmarks/folds/measure.py --out runs/folds.jsonl [STUDY.toml ...]

Each study's series is searched for the lowest validation loss with one fold, with three and with
five, with the same seeds and for the same seconds; the choice is refitted and tested. What differs
is how many candidates a search comes to, and how well it tells which of them is good. Seconds are
of the processor, so that what else runs on the machine takes nothing from anyone; the refits, which
train as often as there are folds, are not counted among them. A line a study goes to ``--out``;
what is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

STUDIES = Path(__file__).parents[2] / "studies"
SHIPPED = ("bike_sharing", "nyc_taxi", "etth1", "steel_industry", "co2_weekly")
ONE = 1
"""What the others are compared with: a single fold."""
_CONFIDENCE = 0.95

Line = dict[str, Any]
Key = tuple[str, int, int]
"""A study's name, a seed, and how many folds."""

SETTING: dict[str, Any] = {
    "objectives": ["val_loss"],
    "workers": 1,
    "device": "cpu",
    "training": {"epochs": 15, "patience": 4},
    "space": {
        "hidden_size": [8, 16, 32],
        "num_layers": [1, 2],
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "dropout": {"low": 0.0, "high": 0.5},
        "weight_decay": {"low": 1e-6, "high": 1e-3, "log": True},
        "batch_size": [16, 32, 64],
    },
    "warm_start": {"name": "none"},
    "baselines": ["repeat"],
    "finalists": {"seeds": 2, "averages": False},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    shipped = [STUDIES / f"recorded_{name}.toml" for name in SHIPPED]
    parser.add_argument("studies", nargs="*", type=Path, default=shipped)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=int, nargs="+", default=[ONE, 3, 5])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60, help="of the processor, a search")
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args()
    known = {key_of(line) for line in read(options.out)}
    wanted = [(p, *k[1:], options.seconds) for p, k in plan(options) if k not in known]
    with (
        ProcessPoolExecutor(options.at_once, get_context("spawn")) as pool,
        options.out.open("a", encoding="utf-8") as file,
    ):
        for line in pool.map(search, *zip(*wanted, strict=True)) if wanted else ():
            file.write(json.dumps(line) + "\n")
            file.flush()
    print(table(read(options.out)))


def plan(options: argparse.Namespace) -> Iterator[tuple[Path, Key]]:
    """Yield each study and what is asked of it, the pairs of a seed together."""
    for seed in range(options.seeds):
        for path in options.studies:
            for folds in options.folds:
                yield path, (path.stem, seed, folds)


def search(path: Path, seed: int, folds: int, seconds: float) -> Line:
    """Run one study; say what its choice comes to on the test part, None where it has none."""
    # every deadline of the search is then one of this process's own work
    time.monotonic = time.perf_counter = time.process_time
    from lstmopt import make_config, run
    from lstmopt.config.study_file import read_config, replace
    from lstmopt.errors import MachineError

    begun = time.process_time()
    config = make_config(
        SETTING
        | {"name": path.stem, "seed": seed, "split": {"folds": folds}}
        | {"budget": {"trials": 10_000, "timeout": seconds}}
    )
    theirs = read_config(path)
    asked = {"study": path.stem, "seed": seed, "folds": folds, "seconds": seconds}
    with tempfile.TemporaryDirectory() as folder:
        study = replace(config, data=theirs.data, task=theirs.task)
        try:
            document = run(study, Path(folder) / "run")
        except MachineError:  # no candidate was trained to its end in this time
            return asked | {"trials": 0, "complete": 0, "test": None}
    chosen, trials = document["chosen"], document["trials"]
    return asked | {
        "trials": len(trials),
        "complete": sum(trial["state"] == "complete" for trial in trials),
        "epochs": document["budget"]["epochs_trained"],
        "validation": chosen["validation"]["val_loss"],
        "test": chosen["test"]["scaled"]["mse"]["mean"],
        "with_refits": time.process_time() - begun,
    }


def key_of(line: Line) -> Key:
    return line["study"], line["seed"], line["folds"]


def read(out: Path) -> list[Line]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []


def table(lines: Sequence[Line]) -> str:
    """Tabulate what each number of folds costs or gains against one fold."""
    rows = ["| series | folds | candidates | complete | test error | of that with one fold |"]
    rows.append("|" + " --- |" * 6)
    several = sorted({line["folds"] for line in lines})
    studies = list(dict.fromkeys(line["study"] for line in lines))
    for study in studies:
        for folds in several:
            mine = [x for x in lines if (x["study"], x["folds"]) == (study, folds)]
            found = ratios(lines, study, folds)
            if mine and found:
                counts = [f"{statistics.mean(x[n] for x in mine):.0f}" for n in _COUNTS]
                error = f"{statistics.mean(x['test'] for x in mine if x['test']):.4g}"
                cells = [study, str(folds), *counts, error, f"{geometric_mean(found):.3f}"]
                rows.append(f"| {' | '.join(cells)} |")
    for folds in several:
        if folds != ONE:
            rows.append("\n" + verdict([ratios(lines, study, folds) for study in studies], folds))
    return "\n".join(rows)


_COUNTS = ("trials", "complete")


def ratios(lines: Sequence[Line], study: str, folds: int) -> list[float]:
    """Return the test errors over those with one fold, seed by seed."""
    by_key = {key_of(line): line["test"] for line in lines}
    keys = [key for key in by_key if (key[0], key[2]) == (study, folds)]
    pairs = [(by_key[key], by_key.get((study, key[1], ONE))) for key in keys]
    return [mine / one for mine, one in pairs if mine and one]


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def verdict(by_study: Sequence[Sequence[float]], folds: int) -> str:
    """Say the ratio over all series; the interval takes a series, not a seed, as one case."""
    from scipy import stats

    found = [ratios for ratios in by_study if ratios]
    means = [statistics.fmean(map(math.log, ratios)) for ratios in found]
    every = [ratio for ratios in found for ratio in ratios]
    text = (
        f"{folds} folds: {math.exp(statistics.fmean(means)):.3f} times the test error with one "
        f"fold; lower in {sum(r < 1 for r in every)} of {len(every)} pairs"
    )
    if len(means) < 2:
        return text
    spread = statistics.stdev(means) / math.sqrt(len(means))
    reach = spread * float(stats.t.ppf((1 + _CONFIDENCE) / 2, len(means) - 1))
    low, high = (math.exp(statistics.fmean(means) + sign * reach) for sign in (-1, 1))
    return f"{text}; 95 % interval over {len(means)} series {low:.3f} to {high:.3f}"


if __name__ == "__main__":
    main()
