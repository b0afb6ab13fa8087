"""Commands that are imported when they are asked for.

As click's documentation does it ("Lazily Loading Subcommands"), in the group's mapping of commands
itself, so that everything that click says of a group's commands holds.
"""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any


class LazyCommands(UserDict[str, Any]):
    """Commands by name, made of the places where they are, as ``module:attribute``."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = self.data[name].partition(":")
        return getattr(import_module(module), attribute)
