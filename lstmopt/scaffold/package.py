"""``lstmopt plugins new``: an installable package that passes its own tests."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from lstmopt.errors import LstmoptError
from lstmopt.plugin.strategy import Kind

_CONTRACTS: dict[Kind, str] = {
    "sampler": "SamplerContract",
    "pruner": "PrunerContract",
    "warm-start": "WarmStartContract",
    "objective": "ObjectiveContract",
}
"""The contract of each kind."""


def write_package(name: str, kind: Kind, folder: Path) -> list[Path]:
    """Write a package for a plug-in of a kind into ``folder`` / ``name``; return its files.

    Raises LstmoptError for a name that no package can have, and where something is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]*[a-z0-9]", name) or keyword.iskeyword(name):
        raise LstmoptError(
            f"a package's name is small letters, digits, - and _, found {name!r}: "
            "write for instance my-sampler"
        )
    if find_spec(name.replace("-", "_")) is not None:
        raise LstmoptError(
            f"a new package hides no other, found that {name!r} can be imported here already: "
            "choose another name"
        )
    target = folder / name
    if target.exists():
        raise LstmoptError(
            f"a new package needs a folder of its own, found {target} there already: "
            "choose another name, or another --out"
        )
    module = name.replace("-", "_")
    words = {
        "NAME": name,
        "MODULE": module,
        "KIND": kind,
        "STRATEGY": module.removeprefix("lstmopt_"),
        "CONTRACT": _CONTRACTS[kind],
    }
    templates = files("lstmopt.scaffold") / "templates"
    contents = {
        "pyproject.toml": (templates / "pyproject.toml.txt").read_text("utf-8"),
        "README.md": (templates / "README.md.txt").read_text("utf-8"),
        f"{module}.py": (templates / f"{kind}.py.txt").read_text("utf-8"),
        f"tests/test_{module}.py": (templates / f"test_{kind}.py.txt").read_text("utf-8"),
    }
    written = []
    for path, text in contents.items():
        for word, value in words.items():
            text = text.replace(f"<{word}>", value)
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, "utf-8")
        written.append(target / path)
    return written
