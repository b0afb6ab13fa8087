"""Small studies that are really run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lstmopt import make_config
from lstmopt.config.study_file import replace
from support import ROOT
from support.parts import wave


@contextmanager
def study_in_another_process(folder: Path, trials: int = 500) -> Iterator[subprocess.Popen[bytes]]:
    """Run a study on `wave` in ``folder / "run"`` from another process, which is killed at the end.

    Leave only when it is alive: what is asserted of a running study would be about a dead one.
    """
    wave().to_csv(folder / "wave.csv", index=False)
    command = (
        "from support.studies import config_of; from lstmopt import run; from pathlib import Path;"
        f"run(config_of('wave.csv', budget={{'trials': {trials}}}), Path('run'))"
    )
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", command], cwd=folder, env=os.environ | {"PYTHONPATH": path}
    )
    try:
        yield process
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


SPACE = {
    "hidden_size": [4, 8],
    "num_layers": [1],
    "learning_rate": {"low": 0.003, "high": 0.1, "log": True},
    "batch_size": [16],
}


def config_of(csv, **changes):
    content = {
        "name": "wave",
        "workers": 1,
        "data": {"path": str(csv), "target": "load"},
        "task": {"window": 12, "horizon": 2},
        "training": {"epochs": 3, "patience": 3, "targets_per_window": 4},
        "space": SPACE,
        "budget": {"trials": 5},
        "finalists": {"seeds": 2, "averages": False},
    }
    for name, value in changes.items():
        table = isinstance(value, dict) and name in content
        content[name] = content[name] | value if table else value
    return make_config(content)


GRID = {
    "hidden_size": [4, 8],
    "learning_rate": {"low": 0.003, "high": 0.1, "log": True, "points": 3},
    "batch_size": [16],
}


def fixed_list(csv, engine="", **changes):
    """A study of six given candidates, so that losses can be compared."""
    table = {
        "space": GRID,
        "sampler": {"name": "grid"},
        "pruner": {"name": "none"},
        "warm_start": {"name": "none"},
        "budget": {"trials": 6},
        "engine": engine if isinstance(engine, dict) else {"url": engine},
        "finalists": {"seeds": 1},
    }
    return replace(config_of(csv, **table | changes), space=GRID)


def losses(document):
    return {
        json.dumps(trial["params"], sort_keys=True): [e["val_loss"] for e in trial["curve"]]
        for trial in document["trials"]
    }
