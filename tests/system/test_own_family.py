"""A family of networks in a plug-in's file, from a study file to forecasts in a new process."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from lstmopt import Forecaster
from lstmopt.cli.main import cli
from support.parts import wave

FAMILY = """
from torch import nn
from lstmopt import Choice, Hyperparameter, Network, hookimpl

SCALE = 0.5

class Encoder(nn.Module):
    per_row = False

    def __init__(self, features, window, units):
        super().__init__()
        self.size = units
        self.layer = nn.Linear(features * window, units)

    def forward(self, x):
        return nn.functional.relu(SCALE * self.layer(x.flatten(1))).unsqueeze(1)

def make(params, features, window):
    return Encoder(features, window, params["units"])

@hookimpl
def lstmopt_networks():
    units = Hyperparameter(8, Choice((4, 8)), costs=True, least=1)
    return [Network("mine", make, {"units": units}, "a layer of units", "")]
"""
STUDY = """
plugins = ["mine.py"]
networks = ["mine"]
baselines = ["repeat"]
[task]
window = 12
horizon = 2
[training]
epochs = 2
[budget]
trials = 4
[finalists]
seeds = 1
"""


def call(*arguments, ok=True):
    told = CliRunner().invoke(cli, [str(word) for word in arguments], catch_exceptions=not ok)
    assert (told.exit_code == 0) == ok, told.output
    return told.output


def new_process(*arguments):
    program = "from lstmopt.cli.main import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two worker processes, from another folder than that of the study file."""
    folder = tmp_path_factory.mktemp("family")
    wave(300).to_csv(folder / "wave.csv", index=False)
    (folder / "mine.py").write_text(FAMILY)
    (folder / "study.toml").write_text(STUDY)
    data = ("--data", folder / "wave.csv", "--target", "load", "--workers", 2)
    call("run", folder / "study.toml", *data, "--no-report", "--out", folder / "run")
    return folder


def test_workers_train_it_and_the_record_names_it(folder):
    document = json.loads((folder / "run" / "optimization_results.json").read_text())
    assert {trial["state"] for trial in document["trials"]} <= {"complete", "pruned"}
    assert {entry["params"]["network"] for entry in document["architectures"]} == {"mine"}
    assert document["all_rows"] is not None


def test_a_new_process_forecasts_with_it_where_its_file_is_named(folder):
    words = ("predict", folder / "run", folder / "wave.csv")
    done = new_process(*words, "--plugin", folder / "mine.py")
    assert done.returncode == 0, done.stderr
    here = Forecaster.load(folder / "run", [folder / "mine.py"]).predict(folder / "wave.csv")
    printed = [float(line.split(",")[1]) for line in done.stdout.splitlines()[1:]]
    np.testing.assert_allclose(printed, here["load"], rtol=1e-6)


def test_a_model_runs_no_file_that_it_does_not_get(folder):
    done = new_process("predict", folder / "run", folder / "wave.csv")
    assert done.returncode == 2
    assert "a network is of a family that is installed, found 'mine'" in done.stderr
    assert "or name its file with --plugin" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_is_refitted_and_updated_with_it(folder):
    call("fit", folder / "run", "--all")
    call("fit", folder / "run", "--pick", "best")
    wave(360).to_csv(folder / "longer.csv", index=False)
    made = json.loads(
        call("update", folder / "run", folder / "longer.csv", "--json").split("report:")[0]
    )
    assert made["rows"] == 60


def test_a_run_whose_file_is_gone_is_one_sentence(folder, tmp_path):
    kept = folder / "mine.py"
    kept.rename(tmp_path / "mine.py")
    try:
        done = new_process("fit", folder / "run", "--all")
    finally:
        (tmp_path / "mine.py").rename(kept)
    assert done.returncode == 2
    assert f"found none at {kept}: mend the path" in done.stderr
