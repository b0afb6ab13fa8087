"""Disks that are full, files that may not grow, folders that go away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lstmopt import load
from support.parts import wave
from support.processes import started

MAIN = "from lstmopt.cli.main import main; main()"
STUDY = (
    'name = "s"\nworkers = {workers}\n[data]\npath = "../wave.csv"\ntarget = "load"\n'
    "[task]\nwindow = 12\n[training]\nepochs = 12\n[space]\nhidden_size = [8, 64]\n"
    "learning_rate = {{ low = 0.001, high = 0.1 }}\n[budget]\ntrials = 60\n"
    '[warm_start]\nname = "none"\n[finalists]\nseeds = 1\n'
)


@contextmanager
def start(folder: Path, workers: int = 1, **options) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir(exist_ok=True)
    wave().to_csv(folder.parent / "wave.csv", index=False)
    (folder.parent / "s.toml").write_text(STUDY.format(workers=workers).replace("../", ""))
    command = [sys.executable, "-c", MAIN, "run", "s.toml", "--no-report", "--out", str(folder)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with started(command, cwd=folder.parent, **pipes, **options) as process:
        yield process


def finish(folder: Path) -> list[dict]:
    with start(folder) as process:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    return json.loads((folder / "optimization_results.json").read_text())["trials"]


def assert_refused(process: subprocess.Popen[str], words: str) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert "Traceback" not in errors
    assert words in errors
    assert errors.strip().splitlines()[-1].startswith("lstmopt: the system refused: ")


def assert_kept(before: list[dict], after: list[dict]) -> None:
    numbers = {entry["number"]: entry for entry in after}
    assert len(numbers) == len(after) == 60
    for entry in before:
        assert numbers[entry["number"]] == entry


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(small_disk):
    with start(small_disk) as process:
        assert_refused(process, "No space left on device")
    before = load(small_disk).document["trials"]
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert_kept(before, finish(small_disk))


@pytest.mark.skipif(sys.platform == "win32", reason="files are limited on POSIX alone")
def test_a_file_that_may_not_grow_is_one_sentence_and_the_same_command_goes_on(tmp_path):
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    folder = tmp_path / "run"
    with start(folder, preexec_fn=limit) as process:
        assert_refused(process, "File too large")
    before = load(folder).document["trials"]
    assert before
    assert_kept(before, finish(folder))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_that_goes_away_is_one_sentence(tmp_path, workers):
    folder = tmp_path / "run"
    moved = tmp_path / "moved"
    with start(folder, workers) as process:
        while not (folder / "study.toml").is_file():
            assert process.poll() is None
            time.sleep(0.05)
        os.rename(folder, moved)
        assert_refused(process, "No such file or directory")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(moved, folder)
    assert len(finish(folder)) == 60
