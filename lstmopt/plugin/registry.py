"""Finds plug-ins, checks them, names them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pluggy

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.plugin import hookspecs
from lstmopt.plugin.failures import PluginErrors
from lstmopt.plugin.network import Network, hyperparameter_about
from lstmopt.plugin.options import options_of
from lstmopt.plugin.strategy import Kind, Objective, Strategy

if TYPE_CHECKING:
    import optuna

OWN = GROUP = "lstmopt"
DISABLE = "LSTMOPT_DISABLE_PLUGINS"
HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("lstmopt_"))
"""The names of all hooks."""

_WITH_ARTICLE: dict[Kind, str] = {
    "sampler": "a sampler",
    "pruner": "a pruner",
    "warm-start": "a warm start",
    "objective": "an objective",
    "network": "a network",
    "baseline": "a baseline",
}
_FLAGS: dict[Kind, tuple[str, ...]] = {
    "sampler": ("multi_objective", "continuous", "conditional", "parallel", "resume"),
    "pruner": ("resume",),
}
"""The flags of a strategy that mean something for its kind."""


Item = Strategy | Objective | Network


@dataclass(frozen=True)
class Registered:
    """What a hook handed over, with the distribution that brought it."""

    kind: Kind
    package: str
    item: Item

    @property
    def supports(self) -> list[str]:
        """What it can do that others of its kind cannot.

        Of an objective, what it is; of a network, its own hyperparameters.
        """
        if isinstance(self.item, Objective):
            return [self.item.kind, self.item.direction]
        if isinstance(self.item, Network):
            return list(self.item.hyperparameters)
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
            "reference": getattr(self.item, "reference", ""),
            "supports": ", ".join(self.supports),
            "options": [asdict(o) for o in options_of(strategy)] if strategy else [],
            "hyperparameters": (
                {
                    name: hyperparameter_about(name, h)
                    for name, h in self.item.hyperparameters.items()
                }
                if isinstance(self.item, Network)
                else {}
            ),
        }


class Registry:
    """Every plug-in that could be loaded, by kind and name."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        packages: Mapping[str, str],
        disabled: Sequence[str] = (),
    ) -> None:
        self.manager, self._packages = manager, packages
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
            ("network", manager.hook.lstmopt_networks),
            ("baseline", manager.hook.lstmopt_baselines),
        )
        for kind, hook in kinds:
            for implementation in hook.get_hookimpls():
                package = packages[implementation.plugin_name]
                for item in _items(kind, implementation.function, package):
                    self._add(Registered(kind, package, item))

    def tell_finished(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Let every plug-in observe a trial that has just been told.

        Args:
            study: The trial's study.
            trial: The trial.

        Raises:
            LstmoptError: Where a plug-in raises, which it names.
        """
        observers = self.manager.hook.lstmopt_trial_finished
        told = {"study": study, "trial": trial}
        for implementation in reversed(observers.get_hookimpls()):  # as pluggy calls them
            brought = self._packages.get(implementation.plugin_name, implementation.plugin_name)
            with PluginErrors(f"lstmopt_trial_finished of {brought}"):
                implementation.function(*(told[name] for name in implementation.argnames))

    def _add(self, new: Registered) -> None:
        key = (new.kind, new.item.name)
        if old := self.entries.get(key):
            raise LstmoptError(
                f"a {new.kind} name belongs to one package, found {new.item.name!r} in both "
                f"{old.package} and {new.package}: rename it in one of them, or leave one out "
                f"(with {DISABLE}, or without --plugin)"
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

    def _find(self, kind: Kind, name: str) -> Item:
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

    def network(self, name: str) -> Network:
        found = self._find("network", name)
        assert isinstance(found, Network)
        return found

    @property
    def networks(self) -> list[Network]:
        """All families of networks."""
        return [self.network(name) for name in self.names("network")]

    @property
    def solved_families(self) -> tuple[str, ...]:
        """The names of families that are not trained step by step."""
        return tuple(network.name for network in self.networks if not network.trained)


def load_registry(files: tuple[Path, ...] = ()) -> Registry:
    """Load every plug-in of the entry-point group ``lstmopt`` and the given Python files.

    A plug-in that fails to import or has no hook costs a warning that names it; two packages that
    claim one name are an error that names both, and so is a file whose hooks are misspelt. The
    environment's ``LSTMOPT_DISABLE_PLUGINS`` leaves out third parties: ``all`` of them, or packages
    and entry points by their names, with commas.
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
        plugin = _register(manager, packages, entry.name, package, entry.load)
        for words in _misspelt(manager, plugin, package) or _hookless(manager, plugin, package):
            warnings.warn(words, stacklevel=2)
    for file in files:
        plugin = _register(manager, packages, str(file), str(file), partial(_import_file, file))
        if misspelt := _misspelt(manager, plugin, str(file)):
            raise LstmoptError(misspelt[0])
        for words in _hookless(manager, plugin, str(file)):
            warnings.warn(words, stacklevel=2)
    return Registry(manager, packages, tuple(disabled))


def _misspelt(manager: pluggy.PluginManager, plugin: Any, place: str) -> list[str]:
    """Say, a sentence each, what of a plug-in looks like a hook and is none."""
    found = []
    for name in dir(plugin):
        marked = manager.parse_hookimpl_opts(plugin, name)
        if marked is None and name in HOOKS and inspect.isroutine(getattr(plugin, name)):
            found.append(
                f"a hook is marked @lstmopt.hookimpl, found {name!r} in {place} without it: mark it"
            )
        elif marked is not None and (hook := marked.get("specname") or name) not in HOOKS:
            found.append(
                f"a function that is marked @lstmopt.hookimpl has a hook's name, found {hook!r} in "
                f"{place}: {near_miss(hook, list(HOOKS))}"
            )
    return found


def _hookless(manager: pluggy.PluginManager, plugin: Any, place: str) -> list[str]:
    """Say in a sentence that a plug-in adds nothing, where it has no hook."""
    if plugin is None or manager.get_hookcallers(plugin):
        return []
    return [f"a plug-in has a hook, found none in {place}: hooks are {', '.join(HOOKS)}"]


def _items(kind: Kind, hook: Callable[[], Iterable[Any]], package: str) -> list[Item]:
    """Return what a hook hands over; what it cannot costs a warning that names its package."""
    try:
        return [replace(_checked(kind, item), package=package) for item in hook()]
    except Exception as error:
        warnings.warn(f"the {kind}s of {package} were left out: {error!r}", stacklevel=3)
        return []


def _checked(kind: Kind, item: Any) -> Item:
    """Return what a hook handed over; TypeError or ValueError where it can be none of its kind."""
    wanted: type[Any] = _CLASSES.get(kind, Strategy)
    if not isinstance(item, wanted):
        raise TypeError(f"a hook returns a list of {wanted.__name__}, found {item!r}")
    for field, values in _WORDS.items():
        if isinstance(item, Objective) and getattr(item, field) not in values:
            rule = " or ".join(values)
            raise ValueError(f"{item.name!r} has {field} {rule}, found {getattr(item, field)!r}")
    found: Item = item
    return found


_CLASSES: dict[Kind, type[Item]] = {"objective": Objective, "network": Network}
"""What a hook returns a list of, where that is not strategies."""

_WORDS = {
    name: get_args(get_type_hints(Objective)[name]) for name in ("direction", "kind", "scale")
}
"""What the fields of an objective may say."""


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
) -> Any:
    """Return what was registered, None where it was left out."""
    unique = f"{package}:{name}"
    if unique in packages:  # one distribution seen twice on the path
        return None
    try:
        plugin = load()
        manager.register(plugin, unique)
        packages[unique] = package
        return plugin
    except LstmoptError:
        raise
    except Exception as error:
        if manager.has_plugin(unique):  # hooks before one that pluggy refuses
            manager.unregister(name=unique)
        warnings.warn(f"plug-in {name!r} of {package} was left out: {error!r}", stacklevel=2)
        return None


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise LstmoptError(f"--plugin takes a Python file, found none at {path}: mend the path")
    # no name that could be imported: what it holds goes to workers by value
    spec = importlib.util.spec_from_file_location(f"plugin file {path.stem}", path)
    if spec is None or spec.loader is None:
        raise LstmoptError(f"--plugin takes a Python file, found {path}: give one ending in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
