"""README's commands and examples, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from lstmopt.cli.main import cli
from lstmopt.config.study_file import make_config, read_config, shipped_study
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import CLASSIC, parse_space
from support import ROOT
from support.parts import wave

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sales")
    table = wave(300).rename(columns={"load": "sales"}).drop(columns="wind")
    table.to_csv(folder / "sales.csv", index=False)
    return folder


def run_shell(commands: str, folder: Path) -> str:
    """Run commands as a reader would whose environment is this one; return what they print."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sold(sales):
    """Run the commands for one's own series; return what they print."""
    (commands,) = (block for block in blocks("sh") if "lstmopt predict runs/sales" in block)
    fewer = commands.replace("--trials 30", "--trials 2 --epochs 1 --workers 1")
    return run_shell(fewer, sales)


def test_the_commands_for_your_own_series_run(sold):
    assert "time,sales" in sold


def test_the_command_for_new_rows_runs(tmp_path):
    (command,) = (block for block in blocks("sh") if "lstmopt update" in block)
    table = wave(400).rename(columns={"load": "sales"}).drop(columns="wind")
    table[:300].to_csv(tmp_path / "sales.csv", index=False)
    table[300:].to_csv(tmp_path / "april.csv", index=False)
    (tmp_path / "small.toml").write_text(
        'name = "sales"\nworkers = 1\nbaselines = ["repeat"]\n[data]\npath = "sales.csv"\n'
        'target = "sales"\n[space]\nhidden_size = [8]\n[budget]\ntrials = 1\n'
        "[training]\nepochs = 1\n"
    )
    shown = run_shell(f"lstmopt run small.toml --no-report\n{command}", tmp_path)
    assert "pdated with april.csv (100 rows" in shown


@pytest.mark.usefixtures("sold")
def test_the_commands_to_look_at_a_run_run(sales):
    (commands,) = (block for block in blocks("sh") if "lstmopt compare" in block)
    fewer = commands.replace("--trials 30", "--trials 2 --epochs 1 --workers 1 --no-report")
    shown = run_shell(fewer, sales)
    assert "report: runs/sales/report.html" in shown
    assert "importance needs 10" in shown
    assert "the runs have different tasks, splits or training" in shown
    assert (sales / "comparison.html").is_file()


def test_the_pictures_are_there():
    for name in re.findall(r'src="([^"]+)"', README):
        assert (ROOT / name).is_file(), name


def test_every_command_is_in_the_table():
    named = {
        line.split()[1].rstrip("`") for line in re.findall(r"^\| (`lstmopt [^|]+)", README, re.M)
    }
    assert named == set(cli.commands)


def test_the_commands_that_learn_from_earlier_studies_run(tmp_path):
    (commands,) = (block for block in blocks("sh") if "--warm-start" in block)
    fewer = "--trials 4 --epochs 1 --workers 1 --window 6 --no-report"
    for seed, month in enumerate(("january", "february", "march", "april")):
        table = wave(200, seed).rename(columns={"load": "sales"}).drop(columns="wind")
        table.to_csv(tmp_path / f"{month}.csv", index=False)
    first = [f"lstmopt run --data {m}.csv --target sales {fewer}" for m in ("january", "february")]
    then = [f"{command} {fewer}" for command in commands.splitlines()]
    shown = run_shell("\n".join([*first, *then]), tmp_path)
    assert "earlier runs taken are february (" in shown


def test_every_warm_start_is_in_the_table():
    table = README.split("## Learning from earlier studies")[1].split("## ")[0]
    named = set(re.findall(r"^\| `([\w]+)` \|", table, re.MULTILINE))
    assert named == set(load_registry().names("warm-start"))


def test_the_benchmark_runs_on_the_shipped_tables(tmp_path):
    (commands,) = (block for block in blocks("sh") if "lstmopt bench" in block)
    (command,) = (line for line in commands.splitlines() if line.startswith("lstmopt bench"))
    shown = run_shell(f"{command} --seeds 2 --budget 4", tmp_path)
    assert "pruner median is better than none on" in shown
    assert (tmp_path / "runs" / "bench" / "report.html").is_file()


def test_the_python_examples_run(sales):
    for block in blocks("python"):  # one looks at what another ran
        # a classic network of 4 x 256 takes its time even for one epoch: try small ones
        fast = block.replace("epochs=1)", 'epochs=1, space={"hidden_size": [8]})')
        words = [sys.executable, "-c", fast]
        done = subprocess.run(words, cwd=sales, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_study_file_is_one():
    (block,) = blocks("toml")
    config = make_config(tomllib.loads(block))
    assert config.sampler == {"name": "nsga2", "population_size": 10}
    assert parse_space(config.space).architectures()


def test_the_commands_that_set_up_use_the_constraints():
    setups = [line for block in blocks("sh") for line in block.splitlines() if "venv &&" in line]
    assert len(setups) == 2
    assert all("-c constraints.txt -e" in line for line in setups)
    assert setups[0].endswith("lstmopt run --sampler tpe --pruner median")


def test_every_direct_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[<>=\[]", requirement)[0] for requirement in direct} - {"lstmopt"}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0] for line in lines if "==" in line}
    assert names == pinned


def test_the_shipped_studies_are_read_and_leave_the_targets_parts_out():
    for path in shipped_study().parent.glob("*.toml"):
        config = read_config(path)
        assert Path(config.data.path).is_file()
        assert not {"casual", "registered"} & {*(config.data.features or ()), *config.data.known}


def test_the_classic_study_has_the_classic_space():
    config = read_config(shipped_study().with_name("classic.toml"))
    space = parse_space(config.space)
    layers = {"num_layers": space.parameters["num_layers"]}
    assert set(layers["num_layers"].values) == {1, 2, 3, 4}
    assert space.parameters | {"num_layers": CLASSIC["num_layers"]} == CLASSIC


def test_contributing_names_files_that_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for name in re.findall(r"`((?:lstmopt|plugins|tests)/[\w/.]+)`", text):
        assert (ROOT / name).exists(), name
