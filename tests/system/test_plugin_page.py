"""The page for plug-in authors: its code runs, its commands are there, no hook is left out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

from lstmopt.cli.main import cli
from lstmopt.plugin import hookspecs
from lstmopt.plugin.options import CONTEXT
from lstmopt.scaffold.package import write_package
from support import ROOT

PAGE = (ROOT / "plugins" / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


PYTHON = blocks("python")
HOOKS = [name for name in vars(hookspecs) if name.startswith("lstmopt_")]
PLUGINS = [block for block in PYTHON if "def lstmopt_" in block and "trial_finished" not in block]


def test_every_hook_is_in_the_table_and_in_an_example():
    table = PAGE.split("## The hooks")[1].split("###")[0]
    for hook in HOOKS:
        assert f"`{hook}(" in table
        assert any(f"def {hook}(" in block for block in PYTHON), hook
    assert set(re.findall(r"\| `(lstmopt_\w+)\(", table)) == set(HOOKS)


def test_every_keyword_that_is_filled_in_is_named():
    assert all(f"`{keyword}`" in PAGE for keyword in CONTEXT)


@pytest.mark.parametrize("block", PLUGINS, ids=lambda b: re.search(r"def (lstmopt_\w+)", b)[1])
def test_a_plug_in_of_the_page_holds_to_its_contract(tmp_path, block):
    path = tmp_path / "page.py"
    path.write_text(block)
    for name in re.findall(r'(?:Strategy|Objective|Network)\(\s*"(\w+)"', block):
        checked = CliRunner().invoke(cli, ["plugins", "check", name, "--plugin", str(path)])
        assert checked.exit_code == 0, checked.output


def test_the_observer_of_the_page_sees_every_trial(tmp_path, csv):
    (block,) = (block for block in PYTHON if "trial_finished" in block)
    (tmp_path / "page.py").write_text(block)
    command = [
        "run",
        "--data",
        str(csv),
        "--target",
        "load",
        "--plugin",
        "page.py",
        "--trials",
        "2",
    ]
    small = tmp_path / "small.toml"
    small.write_text("[space]\nhidden_size = [4, 8]\n")
    command[1:1] = [str(small)]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from lstmopt.cli.main import main; main()",
            *command,
            "--epochs",
            "1",
            "--no-report",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "small: trial 1 is COMPLETE" in done.stdout


def test_the_tests_of_the_page_pass(tmp_path):
    (block,) = (block for block in PYTHON if "Contract" in block)
    (tmp_path / "test_page.py").write_text(block)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_every_block_of_code_is_run_by_a_test():
    run = [*PLUGINS, *(b for b in PYTHON if "trial_finished" in b or "Contract" in b)]
    assert sorted(run) == sorted(PYTHON)


def test_the_commands_of_the_page_are_those_that_a_new_package_has(tmp_path):
    first, then = blocks("sh")
    arguments = first.split()[1:]
    done = CliRunner().invoke(cli, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    readme = (tmp_path / "my-sampler" / "README.md").read_text()
    assert "lstmopt plugins check my_sampler" in then
    assert "lstmopt plugins check my_sampler" in readme
    for command in then.splitlines():
        if command.startswith("lstmopt"):
            words = command.split()[1:3] if "plugins" in command else command.split()[1:2]
            assert CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0


def test_the_entry_point_of_the_page_is_the_one_that_is_written(tmp_path):
    (block,) = blocks("toml")
    write_package("my-sampler", "sampler", tmp_path)
    written = tomllib.loads((tmp_path / "my-sampler" / "pyproject.toml").read_text())
    shown = tomllib.loads(block)["project"]["entry-points"]
    assert written["project"]["entry-points"] == shown


def test_the_examples_that_the_page_names_are_there():
    names = re.findall(r"`(lstmopt-\w+)`", PAGE)
    folder = ROOT / "plugins" / "examples"
    assert sorted(names) == sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert all(f"`{path.name}`" in PAGE for path in folder.glob("*.py"))
