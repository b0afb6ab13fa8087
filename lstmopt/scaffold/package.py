"""``lstmopt plugins new``: an installable package that passes its own tests."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import jinja2

from lstmopt.errors import LstmoptError
from lstmopt.plugin.strategy import Kind


def write_package(name: str, kind: Kind, folder: Path) -> list[Path]:
    """Write a package for a plug-in of a kind.

    Args:
        name: The distribution's name; its module has ``_`` in place of ``-``.
        kind: What the plug-in adds.
        folder: The package's folder ``name`` is made in it.

    Returns:
        The files, in the order in which they were written.

    Raises:
        LstmoptError: For a name that no package can have or that can be imported already, and
            where something of that name lies in ``folder``.
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
        "name": name,
        "module": module,
        "kind": kind,
        "strategy": module.removeprefix("lstmopt_"),
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{module}.py": f"{kind}.py",
        f"tests/test_{module}.py": f"test_{kind}.py",
    }
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    written = []
    for path, template in templates.items():
        source = (files("lstmopt.scaffold") / "templates" / f"{template}.jinja").read_text("utf-8")
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(environment.from_string(source).render(words), "utf-8")
        written.append(target / path)
    return written
