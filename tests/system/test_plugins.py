"""Plug-ins as their authors and users meet them: written, installed, used, recorded, missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import get_args

import optuna
import pytest
from click.testing import CliRunner

from lstmopt import run
from lstmopt.cli.main import cli
from lstmopt.cli.plugins import KINDS
from lstmopt.errors import LstmoptError
from lstmopt.plugin.registry import load_registry
from lstmopt.plugin.strategy import Kind
from lstmopt.scaffold.package import write_package
from lstmopt.testing.stage import Stage
from support import ROOT
from support.parts import wave
from support.studies import config_of

EXAMPLES = ROOT / "plugins" / "examples"


class Environment:
    """A virtual environment of its own that sees what this one has installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin" / "python"
        site = next(folder.glob("lib/*/site-packages"))
        here = sysconfig.get_path("purelib")
        (site / "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n")

    def install(self, source: Path) -> None:
        copy = self.folder / "sources" / source.name
        shutil.copytree(source, copy)
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet"]
        self.call(*pip, "--no-index", "--no-deps", "--no-build-isolation", copy)

    def call(self, *command, cwd=None, ok=True, **environment) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def lstmopt(self, *arguments, cwd=None, ok=True, **environment) -> str:
        program = "from lstmopt.cli.main import main; main()"
        return self.call(self.python, "-c", program, *arguments, cwd=cwd, ok=ok, **environment)


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "venv")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_new_package_passes_its_own_tests_at_once(environment, tmp_path, kind):
    written = CliRunner().invoke(
        cli, ["plugins", "new", f"my-{kind}", "--kind", kind, "--out", str(tmp_path)]
    )
    assert written.exit_code == 0, written.output
    environment.install(tmp_path / f"my-{kind}")
    tests = tmp_path / f"my-{kind}" / "tests"
    pytest_options = ("-q", "-W", "error", "-p", "no:cacheprovider")
    shown = environment.call(environment.python, "-m", "pytest", *pytest_options, tests)
    assert " passed" in shown
    assert "skipped" not in shown
    name = f"my-{kind}".replace("-", "_")
    assert "ok" in environment.lstmopt("plugins", "check", name)
    rows = json.loads(environment.lstmopt("plugins", "--json"))
    assert any(row["name"] == name and row["package"] == f"my-{kind}" for row in rows)


def test_the_kinds_of_the_command_line_are_those_of_the_registry():
    assert tuple(KINDS.choices) == get_args(Kind)


@pytest.mark.parametrize(
    ("name", "words"),
    [("My Sampler", "small letters"), ("x", "small letters"), ("there", "a folder of its own")],
)
def test_a_package_that_cannot_be_written_is_one_sentence(tmp_path, name, words):
    (tmp_path / "there").mkdir()
    with pytest.raises(LstmoptError, match=words):
        write_package(name, "sampler", tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]


USES = {
    "lstmopt-sobol": (("--sampler", "sobol"), "sobol"),
    "lstmopt-flat": (("--pruner", "flat", "--pruner-option", "reports=1"), "flat"),
    "lstmopt-macs": (("--objective", "val_loss", "--objective", "kilo_macs"), "kilo_macs"),
    "lstmopt-tcn": (("--network", "tcn"), "tcn"),
}


def test_every_example_is_used_by_a_test():
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(USES)


@pytest.mark.parametrize("package", USES)
def test_an_example_is_installed_used_recorded_and_missed(environment, tmp_path, package):
    options, name = USES[package]
    environment.install(EXAMPLES / package)
    tests = EXAMPLES / package / "tests"
    environment.call(environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests)
    environment.lstmopt("plugins", "check", name)
    wave().to_csv(tmp_path / "wave.csv", index=False)
    command = ("run", "--data", "wave.csv", "--target", "load", "--epochs", "2", "--workers", "1")
    command += ("--trials", "3", "--window", "6", "--no-report", *options)
    varies = "batch_size = [16]" if name == "tcn" else "hidden_size = [4, 8]"
    (tmp_path / "small.toml").write_text(f"[space]\n{varies}\n")
    small = ("run", "small.toml", *command[1:])
    environment.lstmopt(*small, cwd=tmp_path)
    results = tmp_path / "runs" / "small" / "optimization_results.json"
    document = json.loads(results.read_text())
    assert document["study"]["plugins"] == {package: "0.1.0"}
    assert name in json.dumps([document["study"], document["objectives"]])
    assert all(trial["state"] in ("complete", "pruned") for trial in document["trials"])
    # the same command goes on with it, and says what is missing without it
    environment.lstmopt(*small, cwd=tmp_path)
    shown = environment.lstmopt(*small, cwd=tmp_path, ok=False, LSTMOPT_DISABLE_PLUGINS="all")
    words = f"found no {package} 0.1.0, which LSTMOPT_DISABLE_PLUGINS leaves out"
    assert words in shown
    here = subprocess.run(
        [sys.executable, "-c", "from lstmopt.cli.main import main; main()", *small],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert here.returncode == 2
    assert f"found no {package} 0.1.0: pip install {package}==0.1.0" in here.stderr


def test_third_parties_are_left_out_all_or_by_name(environment):
    for package in ("lstmopt-sobol", "lstmopt-flat"):
        environment.install(EXAMPLES / package)

    def listed(disabled):
        rows = json.loads(
            environment.lstmopt("plugins", "--json", LSTMOPT_DISABLE_PLUGINS=disabled)
        )
        return {row["name"] for row in rows}

    assert {"sobol", "flat", "tpe"} <= listed("")
    assert "tpe" in listed("all")
    assert not {"sobol", "flat"} & listed("all")
    assert "flat" in listed("lstmopt-sobol")
    assert "sobol" not in listed("lstmopt-sobol")
    assert "flat" not in listed("other, flat")
    shown = environment.lstmopt(
        "run", "--sampler", "sobol", ok=False, LSTMOPT_DISABLE_PLUGINS="all"
    )
    assert "(LSTMOPT_DISABLE_PLUGINS leaves out" in shown


def test_a_study_that_requires_a_package_that_is_not_there_is_refused(csv, tmp_path):
    with pytest.raises(LstmoptError, match=r"found no lstmopt-none 2\.0: pip install"):
        run(config_of(csv, requires={"lstmopt-none": "2.0"}), tmp_path / "run")


def test_check_says_what_a_plug_in_breaks_and_exits_with_1(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from lstmopt import Objective, hookimpl\n"
        "@hookimpl\n"
        "def lstmopt_objectives():\n"
        "    return [Objective('mine', 'minimize', 'static', lambda cost: 1, 'counts')]\n"
    )
    checked = CliRunner().invoke(cli, ["plugins", "check", "mine", "--plugin", str(path)])
    assert checked.exit_code == 1
    broken = "objective mine: it measures finite numbers: broken: a measure is a float, found int"
    assert broken in checked.output
    assert "objective mine: it says what it is: ok" in checked.output
    as_json = CliRunner().invoke(cli, ["plugins", "check", "val_loss", "--json"])
    assert as_json.exit_code == 0
    assert all(not law["broken"] for law in json.loads(as_json.output))


def test_check_of_what_is_not_there_names_the_near_miss():
    with pytest.raises(LstmoptError, match="did you mean 'halving'"):
        CliRunner().invoke(cli, ["plugins", "check", "halvin"], catch_exceptions=False)


REGISTRY = load_registry()


def test_any_sampler_of_optuna_is_there_but_those_that_need_another_or_a_grid():
    ours = {n.partition(":")[2] for n in REGISTRY.names("sampler") if n.startswith("optuna:")}
    theirs = {n for n in optuna.samplers.__all__ if n.endswith("Sampler")}
    assert theirs - ours == {"BaseSampler", "BaseGASampler", "GridSampler", "PartialFixedSampler"}


def sampler_of(text, tmp_path, csv, **more):
    config = config_of(csv, sampler=text, budget={"trials": 3}, **more)
    return run(config, tmp_path / "run")


def test_an_option_of_optunas_is_checked_against_its_signature(tmp_path, csv):
    wrong = {"name": "optuna:GPSampler", "n_startup_trial": 3}
    with pytest.raises(LstmoptError, match="did you mean 'n_startup_trials'"):
        sampler_of(wrong, tmp_path, csv)
    with pytest.raises(LstmoptError, match="handles one objective"):
        sampler_of({"name": "optuna:CmaEsSampler"}, tmp_path, csv)
    with pytest.raises(LstmoptError, match="cannot search learning_rate"):
        sampler_of({"name": "optuna:BruteForceSampler"}, tmp_path, csv)


def test_optunas_gaussian_process_searches_and_is_recorded(tmp_path, csv):
    right = {"name": "optuna:GPSampler", "n_startup_trials": 1}
    document = sampler_of(right, tmp_path, csv, warm_start={"name": "none"})
    assert document["study"]["sampler"] == "optuna:GPSampler"
    assert len(document["trials"]) == 3


def test_a_quasi_random_sequence_goes_on_and_does_not_begin_again():
    strategy = REGISTRY.strategy("sampler", "optuna:QMCSampler")
    once, in_halves = Stage(strategy, {}), Stage(strategy, {})
    in_halves.search(6)
    tried = [r.params["learning_rate"] for r in in_halves.search(12)]
    assert tried == [r.params["learning_rate"] for r in once.search(12)]
    assert len(set(tried)) == 12


HUB = """
import optuna
class HubSampler(optuna.samplers.RandomSampler):
    def __init__(self, *, seed: int | None = None, width: float = 1.0) -> None:
        super().__init__(seed)
        if width < 0:
            raise ValueError("width is at least 0")
__all__ = ["HubSampler"]
"""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("OPTUNAHUB_CACHE_HOME", str(tmp_path / "hub"))
    place = tmp_path / "hub" / "github.com" / "optuna" / "optunahub-registry" / "main"
    package = place / "package" / "samplers" / "width_sampler"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(HUB)
    return package


def test_a_sampler_of_optunahub_that_is_on_this_machine_is_there_by_its_name(hub):
    strategy = load_registry().strategy("sampler", "optunahub:width_sampler")
    records = Stage(strategy, {"width": "2.5"}).search(4)
    assert [r.state for r in records] == ["complete"] * 4
    with pytest.raises(LstmoptError, match="did you mean 'width'"):
        Stage(strategy, {"widht": 1}).search(1)
    with pytest.raises(LstmoptError, match="width is at least 0"):
        Stage(strategy, {"width": -1}).search(1)


def test_a_hubs_package_is_not_run_to_be_listed(hub):
    (hub / "__init__.py").write_text("raise SystemExit('run')")
    assert "optunahub:width_sampler" in load_registry().names("sampler")


def test_a_sampler_whose_package_is_not_installed_says_which(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    strategy = REGISTRY.strategy("sampler", "optuna:CmaEsSampler")
    with pytest.raises(LstmoptError, match="needs a package that is not installed"):
        Stage(strategy, {}).search(1)
