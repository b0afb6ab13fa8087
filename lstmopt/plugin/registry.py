"""Finds plug-ins, checks them, names them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pluggy

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.plugin import hookspecs
from lstmopt.plugin.options import options_of
from lstmopt.plugin.strategy import Kind, Objective, Strategy

OWN = GROUP = "lstmopt"
DISABLE = "LSTMOPT_DISABLE_PLUGINS"

_WITH_ARTICLE: dict[Kind, str] = {
    "sampler": "a sampler",
    "pruner": "a pruner",
    "warm-start": "a warm start",
    "objective": "an objective",
}
_FLAGS: dict[Kind, tuple[str, ...]] = {
    "sampler": ("multi_objective", "continuous", "conditional", "parallel", "resume"),
    "pruner": ("resume",),
}
"""The flags of a strategy that mean something for its kind."""


@dataclass(frozen=True)
class Registered:
    """A strategy or objective with the distribution that brought it."""

    kind: Kind
    package: str
    item: Strategy | Objective

    @property
    def supports(self) -> list[str]:
        """What it can do that others of its kind cannot; of an objective, what it is."""
        if isinstance(self.item, Objective):
            return [self.item.kind, self.item.direction]
        flags = _FLAGS.get(self.kind, ())
        return [flag.replace("_", "-") for flag in flags if getattr(self.item, flag)]

    def describe(self) -> dict[str, Any]:
        """Return as plain values what a user may know of it, with the options that it takes."""
        strategy = self.item if isinstance(self.item, Strategy) else None
        return {
            "name": self.item.name,
            "kind": self.kind,
            "package": self.package,
            "summary": self.item.summary,
            "reference": strategy.reference if strategy else "",
            "supports": ", ".join(self.supports),
            "options": [asdict(o) for o in options_of(strategy)] if strategy else [],
        }


class Registry:
    """Every plug-in that could be loaded, by kind and name."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        packages: Mapping[str, str],
        disabled: Sequence[str] = (),
    ) -> None:
        self.manager, self.hook = manager, manager.hook
        self.disabled = tuple(disabled)
        """Packages that LSTMOPT_DISABLE_PLUGINS leaves out."""
        self.third_parties = {
            name: version for name in packages.values() if (version := _third_party(name))
        }
        """Versions of the packages, other than this one, that brought a plug-in."""
        self.entries: dict[tuple[Kind, str], Registered] = {}
        kinds: tuple[tuple[Kind, Any], ...] = (
            ("sampler", manager.hook.lstmopt_samplers),
            ("pruner", manager.hook.lstmopt_pruners),
            ("warm-start", manager.hook.lstmopt_warm_starts),
            ("objective", manager.hook.lstmopt_objectives),
        )
        for kind, hook in kinds:
            for implementation in hook.get_hookimpls():
                for item in implementation.function():
                    self._add(Registered(kind, packages[implementation.plugin_name], item))

    def _add(self, new: Registered) -> None:
        key = (new.kind, new.item.name)
        if old := self.entries.get(key):
            raise LstmoptError(
                f"a {new.kind} name belongs to one package, found {new.item.name!r} in both "
                f"{old.package} and {new.package}: uninstall one of them"
            )
        self.entries[key] = new

    def names(self, kind: Kind) -> list[str]:
        return [name for k, name in self.entries if k == kind]

    def table(self) -> list[dict[str, str]]:
        """List every entry with name, kind, what it supports, package and summary."""
        return [
            {
                "name": entry.item.name,
                "kind": entry.kind,
                "supports": ", ".join(entry.supports),
                "package": entry.package,
                "summary": entry.item.summary,
            }
            for entry in self.entries.values()
        ]

    def find(self, name: str) -> list[Registered]:
        """Return everything of a name, of whatever kind.

        Raises:
            LstmoptError: Where nothing has that name.
        """
        found = [entry for (_, known), entry in self.entries.items() if known == name]
        if not found:
            raise LstmoptError(
                f"a plug-in is shown by its registered name, found {name!r}: "
                f"{near_miss(name, [known for _, known in self.entries])}"
            )
        return found

    def _find(self, kind: Kind, name: str) -> Strategy | Objective:
        if found := self.entries.get((kind, name)):
            return found.item
        left_out = ", ".join(self.disabled)
        raise LstmoptError(
            f"{_WITH_ARTICLE[kind]} is chosen by its registered name, found {name!r}: "
            f"{near_miss(name, self.names(kind))}"
            + (f" (LSTMOPT_DISABLE_PLUGINS leaves out {left_out})" if left_out else "")
        )

    def packages_of(self, chosen: Iterable[tuple[Kind, str]]) -> dict[str, str]:
        """Return the third parties that brought the chosen entries, and their versions."""
        found = [self.entries[key].package for key in chosen if key in self.entries]
        return {name: self.third_parties[name] for name in found if name in self.third_parties}

    def strategy(self, kind: Kind, name: str) -> Strategy:
        found = self._find(kind, name)
        assert isinstance(found, Strategy)
        return found

    def objective(self, name: str) -> Objective:
        found = self._find("objective", name)
        assert isinstance(found, Objective)
        return found


def load_registry(files: tuple[Path, ...] = ()) -> Registry:
    """Load every plug-in of the entry-point group ``lstmopt`` and the given Python files.

    A plug-in that fails to import costs a warning that names it; two packages that claim one
    name are an error that names both. The environment's ``LSTMOPT_DISABLE_PLUGINS`` leaves out
    third parties: ``all`` of them, or packages and entry points by their names, with commas.
    """
    unwanted = set(filter(None, re.split(r"[,\s]+", os.environ.get(DISABLE, ""))))
    disabled: dict[str, None] = {}
    manager = pluggy.PluginManager("lstmopt")
    manager.add_hookspecs(hookspecs)
    packages: dict[str, str] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        package = entry.dist.name if entry.dist else "unknown"
        if package != OWN and unwanted & {"all", package, entry.name}:
            disabled[package] = None
            continue
        _register(manager, packages, entry.name, package, entry.load)
    for file in files:
        _register(manager, packages, str(file), str(file), partial(_import_file, file))
    return Registry(manager, packages, tuple(disabled))


def _third_party(package: str) -> str | None:
    """Return the version of an installed package that is not this one."""
    try:
        return None if package == OWN else importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None  # a file of --plugin


def _register(
    manager: pluggy.PluginManager,
    packages: dict[str, str],
    name: str,
    package: str,
    load: Callable[[], Any],
) -> None:
    unique = f"{package}:{name}"
    if unique in packages:  # one distribution seen twice on the path
        return
    try:
        manager.register(load(), unique)
        packages[unique] = package
    except LstmoptError:
        raise
    except Exception as error:
        warnings.warn(f"plug-in {name!r} of {package} was left out: {error!r}", stacklevel=2)


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise LstmoptError(f"--plugin takes a Python file, found none at {path}: mend the path")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise LstmoptError(f"--plugin takes a Python file, found {path}: give one ending in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
