"""Reads public recordings of learning curves as tables.

LCBench (Zimmer, Lindauer and Hutter, Auto-PyTorch Tabular, IEEE TPAMI 43(9), 2021) in the arrays
``configs``, ``names``, ``ce_TASK`` and ``time_TASK``; NAS-Bench-NLP (Klyuchnikov et al., IEEE
Access 10, 2022) as the JSON of its runs.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

_LCBENCH_SPACE = {
    "batch_size": {"low": 16, "high": 512, "log": True, "integer": True},
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "momentum": {"low": 0.1, "high": 0.99},
    "weight_decay": {"low": 1e-5, "high": 1e-1},
    "num_layers": {"low": 1, "high": 5, "integer": True},
    "max_units": {"low": 64, "high": 1024, "log": True, "integer": True},
    "max_dropout": {"low": 0.0, "high": 1.0},
}
_LEAST_SECONDS = 1e-3


def _is_lcbench(path: Path) -> bool:
    if path.suffix != ".npz":
        return False
    with np.load(path, allow_pickle=False) as arrays:
        return {"configs", "names"} <= set(arrays)


def _read_lcbench(path: Path) -> Iterator[dict[str, Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["names"]]
        columns = {name: arrays["configs"][:, n] for n, name in enumerate(names)}
        for task in [name.removeprefix("ce_") for name in arrays if name.startswith("ce_")]:
            # the recorded time falls at a few epochs, which no clock does
            cumulative = np.maximum.accumulate(arrays[f"time_{task}"], axis=1)
            yield {
                "name": f"lcbench_{task}",
                "losses": arrays[f"ce_{task}"],
                "seconds": np.maximum(np.diff(cumulative, axis=1, prepend=0), _LEAST_SECONDS),
                "static": {"size": columns["num_layers"] * columns["max_units"]},
                "columns": columns,
                "space": _LCBENCH_SPACE,
                "rules": {"size": {"product": ["num_layers", "max_units"]}},
                "source": "LCBench, through the YAHPO Gym surrogate",
                "licence": "Apache-2.0",
            }


def _is_nas_bench_nlp(path: Path) -> bool:
    return path.name.endswith(".json.gz")


def _read_nas_bench_nlp(path: Path) -> Iterator[dict[str, Any]]:
    runs = json.loads(gzip.decompress(path.read_bytes()))["runs"]
    epochs = max(len(run["val_losses"]) for run in runs)
    yield {
        "name": path.name.removesuffix(".json.gz"),
        "losses": np.array([_padded(run["val_losses"], epochs) for run in runs]),
        "seconds": np.array([_padded(run["wall_times"], epochs) for run in runs]),
        "static": {"num_params": np.array([run["num_params"] for run in runs])},
        "columns": {},
        "space": {},
        "rules": {},
        "source": "NAS-Bench-NLP, github.com/fmsnew/nas-bench-nlp-release",
        "licence": "Apache-2.0",
    }


def _padded(values: list[float | None], length: int) -> list[float]:
    """Fill what a stopped run lacks with NaN."""
    known = [np.nan if value is None else value for value in values]
    return known + [np.nan] * (length - len(known))


Reader = Callable[[Path], Iterator[dict[str, Any]]]
FOREIGN: tuple[tuple[Callable[[Path], bool], Reader], ...] = (
    (_is_lcbench, _read_lcbench),
    (_is_nas_bench_nlp, _read_nas_bench_nlp),
)
