"""optuna-dashboard on a run's storage, asked over HTTP as its page asks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

from lstmopt import load, run
from support.parts import wave
from support.processes import started
from support.studies import config_of, study_in_another_process

MAIN = "from lstmopt.cli.main import main; main()"


@contextmanager
def serving(folder):
    """Serve a run's dashboard on a free port; yield a function that asks its API."""
    command = [sys.executable, "-c", MAIN, "dashboard", str(folder), "--port", "0"]
    with started(command, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        address, study = said.split()[1].split("/dashboard/studies/")
        assert address.startswith("http://127.0.0.1:")

        def ask(path: str) -> dict:
            with urllib.request.urlopen(f"{address}/api/studies/{study}{path}") as answer:
                return json.load(answer)

        yield ask


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboard")
    wave().to_csv(folder / "wave.csv", index=False)
    config = config_of(
        folder / "wave.csv",
        budget={"trials": 8},
        objectives=["val_loss", "latency_ms", "val_r2"],
        pruner={"name": "median", "n_startup_trials": 1},
    )
    run(config, folder / "run")
    load(folder / "run").write_report()
    return folder / "run"


def test_names_directions_and_states_are_shown_rightly(finished):
    trials = load(finished).trials
    with serving(finished) as ask:
        shown = ask("?after=0")
    assert shown["name"] == "wave"
    assert shown["objective_names"] == ["val_loss", "latency_ms", "val_r2"]
    assert shown["directions"] == ["minimize", "minimize", "maximize"]
    states = {entry["number"]: entry["state"] for entry in shown["trials"]}
    words = {"complete": "Complete", "pruned": "Pruned", "failed": "Fail"}
    assert states == {number: words[state] for number, state in trials["state"].items()}
    assert "Pruned" in states.values()


def test_what_the_run_wrote_is_attached_once_however_often_it_is_opened(finished):
    for _ in range(2):
        with serving(finished) as ask:
            shown = ask("?after=0")
    names = [artifact["filename"] for artifact in shown["artifacts"]]
    assert sorted(names) == [
        "best_optimized_lstm_model.json",
        "best_optimized_lstm_model.pth",
        "front.csv",
        "report.html",
    ]
    assert load(finished).finished


def test_it_is_open_while_the_study_runs(tmp_path):
    with study_in_another_process(tmp_path) as process:
        while not (tmp_path / "run" / "study.toml").is_file():
            assert process.poll() is None
            time.sleep(0.1)
        with serving(tmp_path / "run") as ask:
            before = len(ask("?after=0")["trials"])
            while len(ask("?after=0")["trials"]) < before + 3:
                assert process.poll() is None
                time.sleep(0.1)


def test_a_port_that_is_taken_is_one_sentence(finished):
    with serving(finished):
        pass
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-c", MAIN, "dashboard", str(finished), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("lstmopt: a dashboard needs a free port")
    assert done.stderr.count("\n") == 1
