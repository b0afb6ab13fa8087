"""docs/clusters.md: every command and example, as far as one machine can run it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lstmopt import load
from lstmopt.cli.main import cli
from support import ROOT
from support.parts import wave
from support.real_cluster import HOST, free_port, wait_until
from support.real_postgresql import real_postgresql

PAGE = (ROOT / "docs" / "clusters.md").read_text()
STUDY = (
    'name = "sales"\n[data]\npath = "sales.csv"\ntarget = "load"\n[task]\nwindow = 6\n'
    "[training]\nepochs = 2\n[space]\nhidden_size = [4, 8]\n[budget]\ntrials = 3\n"
    '[warm_start]\nname = "none"\n[finalists]\nseeds = 1\n'
)


def block(language: str, word: str) -> str:
    """Return the one block of the page that holds a word."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    (found,) = (text for text in blocks if word in text)
    return found


@pytest.fixture
def folder(tmp_path):
    wave(200).to_csv(tmp_path / "sales.csv", index=False)
    (tmp_path / "sales.toml").write_text(STUDY)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path} | more


def run_lines(lines: list[str], folder: Path) -> None:
    for line in lines:
        words = ["bash", "-c", line]
        done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stderr)


def commands(text: str) -> list[str]:
    """List a block's commands of ours, which the test runs quicker without a report."""
    lines = [line for line in text.splitlines() if line.startswith("lstmopt")]
    return [line.replace("lstmopt run", "lstmopt run --no-report") for line in lines]


@pytest.mark.dask
def test_a_cluster_of_this_machines_own(folder):
    run_lines(commands(block("sh", "--engine dask")), folder)
    assert load(folder / "runs" / "sales").document["study"]["engine"] == "dask"


@pytest.mark.dask
def test_two_laptops(folder):
    port = str(free_port())

    def here(text: str) -> str:
        return text.replace("dask scheduler --host ada", f"dask scheduler --port {port}").replace(
            "tcp://ada:8786", f"tcp://{HOST}:{port}"
        )

    scheduler, worker = here(block("sh", "dask scheduler")).splitlines()
    (joining,) = re.findall(r"may join later:\n\n```sh\n(dask worker .*)\n```", PAGE)
    started = []
    try:
        for command in (scheduler, worker, here(joining)):
            quiet = f"{command.replace('--nworkers 4', '--nworkers 1')} --host {HOST}"
            words = ["bash", "-c", f"exec {quiet} --no-dashboard > {len(started)}.txt 2>&1"]
            started.append(subprocess.Popen(words, cwd=folder, env=environment()))
            wait_until(lambda: _listens(int(port)))
        study = here("lstmopt run sales.toml --engine tcp://ada:8786")
        assert "lstmopt run sales.toml --engine tcp://ada:8786\n```" in PAGE
        run_lines(commands(study), folder)
    finally:
        for process in started:
            _kill(process)
    assert load(folder / "runs" / "sales").document["study"]["engine"].endswith(port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with those that it has started."""
    for child in [*psutil.Process(process.pid).children(recursive=True), process]:
        child.kill()
    process.wait()


@pytest.mark.dask
def test_slurm_with_a_queue_that_starts_every_job_at_once(folder):
    programs = folder / "bin"
    programs.mkdir()
    (programs / "sbatch").write_text(  # as SLURM does, it keeps the script, which is then deleted
        '#!/bin/sh\ncp "$1" job.$$.sh\nsetsid bash job.$$.sh > job.$$.txt 2>&1 &\n'
        'echo "Submitted batch job $!"\n'
    )
    (programs / "scancel").write_text('#!/bin/sh\nfor job; do kill -- -"$job"; done\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    script = folder / "slurm.py"
    text = block("python", "SLURMCluster")
    script.write_text(text.replace('"sales.toml",', '"sales.toml", "--no-report",'))
    words = environment(DASK_JOBQUEUE__SLURM__INTERFACE="lo")
    words["PATH"] = f"{programs}{os.pathsep}{words['PATH']}"
    subprocess.run([sys.executable, str(script)], cwd=folder, env=words, check=True, timeout=300)
    document = load(folder / "runs" / "sales").document
    assert document["study"]["engine"].startswith("tcp://127.0.0.1:")
    assert document["chosen"]


def test_kubernetes_gets_a_manifest_that_it_knows(folder):
    subprocess.run(
        [sys.executable, "-c", block("python", "make_cluster_spec")], cwd=folder, check=True
    )
    import yaml

    spec = yaml.safe_load((folder / "lstmopt-cluster.yaml").read_text())
    assert (spec["apiVersion"], spec["kind"]) == ("kubernetes.dask.org/v1", "DaskCluster")
    (container,) = spec["spec"]["worker"]["spec"]["containers"]
    assert container["args"][:4] == ["dask", "worker", "--nthreads", "1"]
    assert spec["spec"]["scheduler"]["service"]["ports"][0]["port"] == 8786


def test_any_executor(folder):
    script = folder / "pool.py"
    script.write_text(block("python", "ProcessPoolExecutor"))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "mean" in done.stdout


@pytest.mark.postgres
def test_the_record_in_postgresql(folder):
    text = block("sh", "lstmopt copy-study runs/sales")
    with real_postgresql() as server:
        url = server.create("studies")
        run, there, back = commands(text.replace("postgresql+psycopg://me:secret@db/studies", url))
        run_lines([run], folder)
        document = json.loads((folder / "runs/sales/optimization_results.json").read_text())
        # the run's study is there already: what is copied is another's
        run_lines(["lstmopt run --no-report sales.toml --out runs/journal"], folder)
        elsewhere = server.create("elsewhere")
        run_lines([there.replace("runs/sales", "runs/journal").replace(url, elsewhere)], folder)
        run_lines([back], folder)
        copied = load(folder / "runs" / "copy").document
    assert [t["params"] for t in copied["trials"]] == [t["params"] for t in document["trials"]]


def test_every_option_that_the_page_names_is_there():
    options = {option for parameter in cli.commands["run"].params for option in parameter.opts}
    for line in re.findall(r"lstmopt run .*", PAGE):
        assert set(re.findall(r"--[a-z-]+", line)) <= options, line


def test_readme_shows_commands_of_this_page():
    readme = (ROOT / "README.md").read_text()
    (shown,) = re.findall(r"## Many machines\n\n```sh\n(.*?)```", readme, re.DOTALL)
    ours = commands(shown)
    assert len(ours) == 3
    assert set(ours) <= set(commands(PAGE))
