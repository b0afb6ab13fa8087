"""No command that people run every day asks a network for anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.parts import wave

CUT = ["unshare", "--net", "--map-root-user"]
MAIN = "from lstmopt.cli.main import main; main()"


@pytest.fixture
def cut() -> list[str]:
    """The words before a command that cut its network, where this machine can."""
    try:
        done = subprocess.run([*CUT, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("unshare is not there to cut the network")
    if done.returncode:
        pytest.skip(f"the network cannot be cut here: {done.stderr.strip()}")
    return CUT


def test_the_network_is_cut(cut):
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    done = subprocess.run([*cut, sys.executable, "-c", code], capture_output=True, text=True)
    assert "unreachable" in done.stderr


def test_a_study_its_report_and_a_forecast_need_no_network(cut, tmp_path):
    wave(200).to_csv(tmp_path / "wave.csv", index=False)
    (tmp_path / "s.toml").write_text(
        'name = "s"\n[data]\npath = "wave.csv"\ntarget = "load"\n[task]\nwindow = 6\n'
        "[training]\nepochs = 2\n[space]\nhidden_size = [4, 8]\n[budget]\ntrials = 3\n"
    )
    for words in (
        ("run", "s.toml", "--workers", "2"),
        ("pareto", "runs/s", "--pick", "knee"),
        ("fit", "runs/s"),
        ("predict", "runs/s", "wave.csv"),
        ("plugins",),
    ):
        command = [*cut, sys.executable, "-c", MAIN, *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, (words, done.stderr)
    assert (tmp_path / "runs" / "s" / "report.html").is_file()
