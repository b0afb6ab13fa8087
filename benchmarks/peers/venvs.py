"""One virtual environment a library, made from exact pins."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
OURS = "ours"
_WHEELS_ONLY = ("--only-binary", ":all:")
_NOT_SOURCES = (".git", ".venv*", ".venvs", ".runs", "runs", "build", "dist", "*.egg-info")


class InstallError(RuntimeError):
    """A peer that cannot be installed here; the message is pip's error line."""


def ensure(name: str) -> Path:
    """Return the Python of the environment ``name``, made or renewed where its pins changed."""
    folder = HERE / ".venvs" / name
    python, stamp = folder / "bin" / "python", folder / "pins"
    wanted = _pins(name)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"making the environment of {name}", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    if name == OURS:
        _install_checkout(python)
    else:
        _pip(python, ("-r", str(HERE / "requirements" / f"{name}.txt")))
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _pins(name: str) -> str:
    """Name what an environment is made from by its content."""
    sources = [HERE / "requirements" / f"{name}.txt"]
    if name == OURS:
        sources = [CHECKOUT / "constraints.txt", CHECKOUT / "pyproject.toml"]
        for package in ("lstmopt", "plugins"):
            sources += sorted((CHECKOUT / package).rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return f"{sys.version_info[:2]} {digest}"


def _install_checkout(python: Path) -> None:
    """Install a copy of the checkout, so that the build leaves nothing in it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        ignored = shutil.ignore_patterns(*_NOT_SOURCES, "__pycache__")
        shutil.copytree(CHECKOUT, copy, ignore=ignored)
        _pip(python, ("-c", str(CHECKOUT / "constraints.txt"), str(copy)))


def _pip(python: Path, arguments: Sequence[str]) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", *_WHEELS_ONLY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise InstallError(errors[-1] if errors else done.stderr[-500:])
