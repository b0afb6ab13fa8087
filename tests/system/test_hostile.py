"""Files and names that want to be more than what they are."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from lstmopt_benchmarks.tables import read_tables

from lstmopt import Forecaster, load, run
from lstmopt.data.csv_reader import without_formula
from lstmopt.errors import LstmoptError, printable
from lstmopt.search.observer import Observer
from support.parts import wave
from support.refusals import or_one_sentence
from support.runs import make_run
from support.studies import config_of

MAIN = "from lstmopt.cli.main import main; main()"


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    wave().to_csv(folder / "wave.csv", index=False)
    run(config_of(folder / "wave.csv"), folder / "run")
    return folder / "run"


@pytest.fixture
def bomb(tmp_path):
    yield Bomb(tmp_path / "exploded")
    assert not (tmp_path / "exploded").exists()


def test_the_bomb_is_one(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "real")))
    assert (tmp_path / "real").is_dir()


@pytest.mark.parametrize(
    "save", [torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb))]
)
def test_a_bomb_in_place_of_weights_is_refused(finished, tmp_path, bomb, save):
    for name in ("pth", "json"):
        source = finished / f"best_optimized_lstm_model.{name}"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    save(bomb, tmp_path / "best_optimized_lstm_model.pth")
    with pytest.raises(LstmoptError, match="unreadable"):
        Forecaster.load(tmp_path)


def test_a_bomb_in_place_of_a_checkpoint_is_a_failed_candidate(tmp_path, csv, bomb):
    config = config_of(csv, budget={"trials": 1}, training={"epochs": 50, "patience": 50})
    study = tmp_path / "run"

    class Stop(Exception):
        pass

    class Plant(Observer):
        def advanced(self, number, epochs):
            raise Stop

    with pytest.raises(Stop):
        run(config, study, observer=Plant())
    (checkpoint,) = study.glob("checkpoints/*/*.pt")
    torch.save(bomb, checkpoint)
    with pytest.raises(LstmoptError, match=r"all 1 failed, the first because .* it was not read"):
        run(config, study)


@pytest.mark.parametrize(
    "name",
    ["optimization_results.json", "audit.json", "forecasts.csv", "study.toml", "journal.log"],
)
def test_a_bomb_in_place_of_any_file_of_a_run_is_refused_or_passed_over(
    finished, tmp_path, bomb, name
):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(pickle.dumps(bomb))
    or_one_sentence(lambda: load(tmp_path / "run").write_report())


def test_a_bomb_in_a_recorded_table_is_refused(tmp_path, bomb):
    np.savez(tmp_path / "x.npz", losses=np.array([bomb], dtype=object))
    with pytest.raises(LstmoptError):
        read_tables(str(tmp_path / "x.npz"))


def test_plug_ins_are_not_taken_from_the_working_directory(tmp_path):
    for name in ("lstmopt_plugins.py", "lstmopt_mine.py", "conftest.py", "sitecustomize.py"):
        (tmp_path / name).write_text("import os; os.mkdir('exploded')")
    done = subprocess.run(
        [str(sys.executable), "-P", "-c", MAIN, "plugins"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "exploded").exists()


ESCAPE = "\x1b[2J\x1b]0;owned\x07"


def test_what_a_terminal_would_obey_is_shown():
    assert (
        printable(f"a{ESCAPE}\u202eb\nc é日本") == "a\\x1b[2J\\x1b]0;owned\\x07\\u202eb\\nc é日本"
    )


def test_names_from_data_reach_a_terminal_as_text(tmp_path):
    target = f"[red]{ESCAPE}load"
    table = wave(200).rename(columns={"load": target, "wind": f"w{ESCAPE}"})
    table.iloc[40:43, 2] = None
    table.to_csv(tmp_path / "x.csv", index=False)
    args = ["--window", "6", "--trials", "2", "--epochs", "1", "--workers", "1", "--no-report"]
    (tmp_path / "s.toml").write_text("[space]\nhidden_size = [4]\n")
    command = [sys.executable, "-c", MAIN, "run", "s.toml", "--data", "x.csv", "--target"]
    done = subprocess.run([*command, target, *args], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wrong = subprocess.run(
        [*command, f"x{ESCAPE}", *args], cwd=tmp_path, capture_output=True, text=True
    )
    assert wrong.returncode == 2
    for shown in (done.stdout, done.stderr, wrong.stderr):
        assert "\x1b" not in shown
        assert "\x07" not in shown
    assert "[red]" in done.stdout


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_names_reach_a_spreadsheet_as_text(name):
    assert without_formula(name) == f"'{name}"
    assert without_formula("load") == "load"


def test_predict_prints_no_formula(tmp_path):
    table = wave(200).rename(columns={"load": "=cmd"}).drop(columns="wind")
    table.to_csv(tmp_path / "x.csv", index=False)
    run(
        config_of(tmp_path / "x.csv", data={"target": "=cmd"}, budget={"trials": 1}), tmp_path / "r"
    )
    command = [sys.executable, "-c", MAIN, "predict", "r", "x.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == "time,'=cmd"


def test_names_reach_sql_as_text(tmp_path, csv):
    config = config_of(
        csv, name="x_OR_1", storage=f"sqlite:///{tmp_path}/s.db", budget={"trials": 2}
    )
    document = run(config, tmp_path / "run")
    assert len(load(tmp_path / "run").study.trials) == len(document["trials"])


@pytest.mark.parametrize("option", ["--storage", "--warm-start"])
def test_a_password_of_a_storage_is_never_said(tmp_path, csv, option):
    url = "postgresql+psycopg://me:s3cret@127.0.0.1:1/studies"
    command = [sys.executable, "-c", MAIN, "run", "--data", str(csv), "--target", "load"]
    words = [option, url, "--out", str(tmp_path / "r")]
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "s3cret" not in done.stdout + done.stderr
    assert "me:***@127.0.0.1" in done.stderr


def test_a_run_of_another_name_is_not_a_path(tmp_path):
    made = make_run(tmp_path, ["complete"], name="../../x")
    assert made.write_report() == tmp_path / "report.html"
