"""Finds plug-ins, checks them, names them."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import inspect
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import pluggy

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.plugin import hookspecs

OWN = GROUP = "lstmopt"
DISABLE = "LSTMOPT_DISABLE_PLUGINS"
CONTEXT = ("seed", "study_seed", "space", "naive", "make_pruner", "make_warm_start")
"""Keywords of ``make`` that are filled where the signature has them; never options."""

Kind = Literal["sampler", "pruner", "warm-start", "objective"]
_WITH_ARTICLE: dict[Kind, str] = {
    "sampler": "a sampler",
    "pruner": "a pruner",
    "warm-start": "a warm start",
    "objective": "an objective",
}

TellStopped = Literal["nothing", "last", "extrapolated"]
"""What a sampler sees in place of a stopped or paused trial's learned objectives.

Nothing; the best value so far; or what it would have come to, judged by finished trials.
"""


@dataclass(frozen=True)
class Strategy:
    """A named way to do something, and what it can do.

    The keyword signature of ``make`` is its option schema: names, defaults and annotated types
    (int, float, str, bool). A sampler's ``make`` may also take ``seed`` (int, another for each
    trial) or ``study_seed`` (int, the same for all), and ``space`` (space.Space); a warm start's
    ``make_warm_start``, which makes the one that another name or table stands for; a pruner's
    ``naive``, which gives the naive forecast's losses by objective or is None, and ``make_pruner``,
    which makes the pruner that another name or table stands for.
    ``tell_stopped`` is what serves a sampler best to be told of stopped trials (see `stand_ins`).
    ``sees`` is how many trials a sampler is shown, the latest and as many finished ones, where its
    cost grows with them, and ``stopped_per_finished`` how many stopped trials without values at
    most for each that has them.
    A sampler that supports resume keeps its state in the study alone: it is made anew, with a
    seed of its own, for every trial.
    """

    name: str
    make: Callable[..., Any]
    summary: str
    reference: str
    multi_objective: bool = True
    continuous: bool = True
    conditional: bool = True
    parallel: bool = True
    resume: bool = True
    tell_stopped: TellStopped = "last"
    sees: int | None = None
    stopped_per_finished: int | None = None

    @property
    def supports(self) -> list[str]:
        flags = ("multi_objective", "continuous", "conditional", "parallel", "resume")
        return [f.replace("_", "-") for f in flags if getattr(self, f)]


@dataclass(frozen=True)
class Objective:
    """One thing a study optimises.

    A ``static`` objective is known before training: ``measure(forecast_cost)`` gets an
    ``objectives.ForecastCost``. A ``learned`` one is known epoch by epoch: ``measure(epoch)`` gets
    a ``training.Epoch``. ``scale`` is how the axis is best read.
    """

    name: str
    direction: Literal["minimize", "maximize"]
    kind: Literal["static", "learned"]
    measure: Callable[[Any], float]
    summary: str = ""
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"

    @property
    def supports(self) -> list[str]:
        return [self.kind, self.direction]

    def minimised(self, value: float) -> float:
        """Turn a value of this objective into one that is better the lower it is, and back."""
        return value if self.direction == "minimize" else -value


Entry = TypeVar("Entry", Strategy, Objective)


@dataclass(frozen=True)
class Registered:
    """A strategy or objective with the distribution that brought it."""

    kind: Kind
    package: str
    item: Strategy | Objective


@dataclass(frozen=True)
class Named:
    """A strategy's name and its options, written ``NAME`` or ``NAME:KEY=VALUE,KEY=VALUE``."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Named:
        name, rest = _SPLIT.fullmatch(text).groups("")  # type: ignore[union-attr]
        options = {}
        for part in filter(None, rest.split(",")):
            key, equals, value = part.partition("=")
            if not (key and equals):
                raise LstmoptError(
                    f"a strategy's options are KEY=VALUE, found {part!r} in {text!r}: "
                    "write for instance percentile:percentile=40"
                )
            options[key] = value
        return cls(name, options)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Named:
        """Read a table that holds the name and the options."""
        return cls(table["name"], {k: v for k, v in table.items() if k != "name"})

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


_SPLIT = re.compile(r"([^=]*?)(?::([^:=]*=.*))?", re.DOTALL)
"""A name, which may hold a colon itself (``optuna:NopPruner``), and what follows it with ``=``."""


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
                "supports": ", ".join(entry.item.supports),
                "package": entry.package,
                "summary": entry.item.summary,
            }
            for entry in self.entries.values()
        ]

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


def takes(strategy: Strategy, keyword: str) -> bool:
    """Say whether ``strategy.make`` has a keyword."""
    return keyword in inspect.signature(strategy.make).parameters


def make(strategy: Strategy, kind: Kind, options: Mapping[str, Any], **context: Any) -> Any:
    """Call ``strategy.make`` with checked options and the parts of ``context`` it asks for."""
    signature = inspect.signature(strategy.make).parameters
    schema = {name: p for name, p in signature.items() if name not in CONTEXT}
    checked = {}
    for name, value in options.items():
        if name not in schema:
            raise LstmoptError(
                f"{kind} {strategy.name!r} takes its own options only, found {name!r}: "
                f"{near_miss(name, list(schema))}"
            )
        checked[name] = _coerce(f"{kind} option {name}", value, schema[name].annotation)
    filled = {name: context[name] for name in CONTEXT if name in signature and name in context}
    try:
        return strategy.make(**checked, **filled)
    except ImportError as error:
        raise LstmoptError(
            f"{kind} {strategy.name!r} needs a package that is not installed, found: {error}: "
            f"pip install {error.name or 'it'}"
        ) from error
    except (ValueError, TypeError) as error:
        raise LstmoptError(f"{kind} {strategy.name!r} refused its options: {error}") from error


def _read_number(text: str, wanted: Sequence[str]) -> Any:
    """Read a text of the command line as the number that one of several types allows."""
    for name, read in (("int", int), ("float", float)):
        if name in wanted:
            with contextlib.suppress(ValueError):
                return read(text)
    return text


_TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false"}
_WORDS = {"true": True, "false": False}


def _coerce(where: str, value: Any, annotation: Any) -> Any:
    """Read a value from TOML or the command line (text) as the annotated type."""
    # an annotation may be text (PEP 563) whose other names exist for type checkers only
    wanted = annotation if isinstance(annotation, str) else annotation.__name__
    try:
        if wanted == "bool":
            return value if isinstance(value, bool) else _WORDS[str(value).lower()]
        if wanted == "int":
            if isinstance(value, bool) or int(value) != float(value):
                raise ValueError
            return int(value)
        if wanted == "float":
            return float(value)
        if isinstance(value, str) and " | " in wanted:
            return _read_number(value, wanted.split(" | "))
    except (ValueError, KeyError, TypeError):
        raise LstmoptError(f"{where} takes {_TYPES[wanted]}, found {value!r}: change it") from None
    return value
