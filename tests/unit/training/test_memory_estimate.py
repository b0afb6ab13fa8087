"""Memory: predicted before training, held to while it lasts."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lstmopt import run
from lstmopt.config.units import parse_megabytes
from lstmopt.errors import LstmoptError
from lstmopt.networks.families import installed_families
from lstmopt.search_space import Candidate
from lstmopt.training.memory_estimate import training_mb
from support.architectures import past_columns
from support.parts import wave
from support.studies import config_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")

PEAK = """
import json, sys
from support.parts import make_part
from lstmopt.system.memory_limit import peak_mib
from lstmopt.training.options import TrainingOptions
from lstmopt.search_space import Candidate
from lstmopt.training.trainer import Workload, advance
hidden, layers, batch, window = map(int, sys.argv[1:])
options = TrainingOptions(epochs=1, targets_per_window=1)
parts = [make_part(*rows, window, 1, 900) for rows in ((0, 800), (800, 900))]
workload = Workload(*parts, options, "cpu")
small = {"hidden_size": 2, "num_layers": 1, "batch_size": 2}
advance(Workload(make_part(0, 60), make_part(60, 90), options, "cpu"), Candidate(small, 0), None, 1)
before = peak_mib()
params = {"hidden_size": hidden, "num_layers": layers, "batch_size": batch}
advance(workload, Candidate(params, 0), None, 1)
print(json.dumps((peak_mib() - before) * 2**20 / 1e6))
"""


@pytest.mark.system
@linux
@pytest.mark.parametrize(
    ("hidden", "layers", "batch", "window"),
    [(256, 1, 256, 100), (128, 4, 256, 100), (512, 2, 64, 50)],
)
def test_training_takes_about_what_was_predicted(hidden, layers, batch, window):
    shape = (hidden, layers, batch, window)
    command = [sys.executable, "-c", PEAK, *map(str, shape)]
    done = subprocess.run(command, capture_output=True, text=True, cwd="tests", check=True)
    params = {"hidden_size": hidden, "num_layers": layers, "batch_size": batch}
    predicted = training_mb(
        Candidate(params, 0), past_columns(2, window, 1), 1, installed_families()
    )
    assert 0.8 <= predicted / json.loads(done.stdout) <= 3


def test_more_of_anything_takes_more():
    params = {"hidden_size": 64, "num_layers": 2, "batch_size": 256}

    def predicted(window=100, targets=1, **more):
        columns, families = past_columns(3, window, 1), installed_families()
        return training_mb(Candidate(params | more, 0), columns, targets, families)

    least = predicted()
    for name in params:
        assert predicted(**{name: params[name] * 2}) > least
    assert predicted(window=200) > least
    assert predicted(targets=50) > least


@pytest.mark.system
def test_what_cannot_fit_is_never_trained(tmp_path, csv):
    space = {"hidden_size": [4, 512], "num_layers": [1], "batch_size": [16, 256]}
    config = config_of(
        csv,
        space=space,
        device="cpu",  # what CUDA reserves of addresses is no measure
        limits={"max_memory_mb": 60.0},
        budget={"trials": 6},
        finalists={"seeds": 1},
        sampler={"name": "random"},
        warm_start={"name": "none"},
    )
    document = run(config, tmp_path / "run")
    refused = [t for t in document["trials"] if t["state"] == "infeasible"]
    assert refused
    assert all("max_memory_mb" in t["reason"] and t["epochs"] == 0 for t in refused)
    assert {t["params"]["hidden_size"] for t in refused} == {512}
    assert document["budget"]["trials"] == 6
    assert 50 < document["budget"]["peak_mib"] < 5_000


@pytest.mark.system
@linux
def test_what_takes_more_than_was_predicted_is_a_failed_candidate(tmp_path, monkeypatch):
    monkeypatch.setattr("lstmopt.workflow.job.training_mb", lambda *_: 0.0)
    wave().to_csv(tmp_path / "wave.csv", index=False)
    config = config_of(
        tmp_path / "wave.csv",
        space={"hidden_size": [4, 1024], "learning_rate": [0.01], "batch_size": [128]},
        device="cpu",  # what CUDA reserves of addresses is no measure
        limits={"max_memory_mb": 60.0},
        budget={"trials": 2},
        sampler={"name": "grid"},
        finalists={"seeds": 1},
    )
    document = run(config, tmp_path / "run")
    small, large = sorted(document["trials"], key=lambda t: t["params"]["hidden_size"])
    assert small["state"] == "complete"
    assert large["state"] == "failed"
    assert "memory" in large["reason"]


@pytest.mark.parametrize(
    ("text", "megabytes"), [("500", 500), ("500MB", 500), ("2GB", 2000), ("1 GiB", 1073.741824)]
)
def test_memory_is_written_as_people_write_it(text, megabytes):
    assert parse_megabytes(text) == pytest.approx(megabytes)


def test_memory_that_is_no_amount_is_refused():
    with pytest.raises(LstmoptError, match="write for instance 2GB"):
        parse_megabytes("lots")
