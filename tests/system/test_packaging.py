"""The wheel holds what its user needs: strategies, study files with their data, tables."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile

from support import ROOT

PARTS = ("lstmopt", "plugins", "studies", "benchmarks", "pyproject.toml", "README.md", "LICENSE")


def test_the_wheel_is_whole(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    hidden = shutil.ignore_patterns(".*", "__pycache__")
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=hidden)
        else:
            shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path]
    done = subprocess.run([*command, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for package, folder in (
        ("lstmopt", "lstmopt"),
        ("lstmopt_plugins", "plugins"),
        ("lstmopt_benchmarks", "benchmarks/harness"),
    ):
        modules = {f"{package}/{path.name}" for path in (ROOT / folder).glob("*.py")}
        assert modules
        assert modules <= names
    files = (path for path in (source / "lstmopt").rglob("*") if path.is_file())
    assert {path.relative_to(source).as_posix() for path in files} <= names
    assert {
        "lstmopt_studies/bike_sharing.toml",
        "lstmopt_studies/nyc_taxi.csv.gz",
        "lstmopt_benchmarks/recorded/bike_sharing.npz",
        "lstmopt_benchmarks/recorded/nyc_taxi.npz",
        "lstmopt_benchmarks/report.html.jinja",
        "lstmopt_plugins/shipped.json",
    } <= names
    assert not any(word in name for name in names for word in ("micro", "peers", "examples"))
