"""A study file's ``[space]``."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.search_space.hyperparameters import (
    CLASSIC_CONDITIONS,
    NETWORK,
    STANDARD,
    Hyperparameter,
)
from lstmopt.search_space.parameters import Choice, Parameter, Range, Value
from lstmopt.search_space.space import CLASSIC, Space


def plain(value: Any) -> Any:
    """Return a value from Python as a study file would hold it.

    Args:
        value: Tables, sequences and single values; numbers, texts and arrays of numpy's or of a
            library that is like it, and paths, also within them.

    Returns:
        Dicts, lists, and Python's own numbers and texts; what is none of these as it is.
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(entry) for entry in value]
    if isinstance(value, str):
        return str(value)
    if callable(as_list := getattr(value, "tolist", None)):  # a scalar of numpy's has it too
        return as_list()
    return value


@dataclass(frozen=True)
class Known:
    """The hyperparameters that a space may vary.

    Attributes:
        hyperparameters: By name.
        families: For each family of networks, the names of those that it has.
    """

    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=lambda: STANDARD)
    families: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def training(self) -> frozenset[str]:
        """Names beside the standard ones that do not decide what a forecast costs."""
        others = self.hyperparameters.keys() - STANDARD.keys()
        return frozenset(name for name in others if not self.hyperparameters[name].costs)

    @property
    def defaults(self) -> dict[str, Value]:
        """The values of those beside the standard ones where they do not vary."""
        others = self.hyperparameters.keys() - STANDARD.keys()
        return {name: self.hyperparameters[name].default for name in others}

    def conditions(self) -> dict[str, dict[str, Collection[Value]]]:
        """Return when each hyperparameter applies: with a family that has it, and its own ``when``.

        Returns:
            Conditions by name; without families those of a stacked LSTM.
        """
        if not self.families:
            return {name: dict(when) for name, when in CLASSIC_CONDITIONS.items()}
        found: dict[str, dict[str, Collection[Value]]] = {}
        for name, hyperparameter in self.hyperparameters.items():
            mine = tuple(family for family, names in self.families.items() if name in names)
            by_family = {NETWORK: mine} if len(mine) < len(self.families) else {}
            found[name] = {**by_family, **hyperparameter.when}
        del found[NETWORK]
        return {name: when for name, when in found.items() if when}


def parse_space(table: Mapping[str, Any], known: Known | None = None) -> Space:
    """Read a ``[space]`` table.

    Args:
        table: Hyperparameters by name: a list is a choice, ``{low, high, log, points}`` a range,
            ``{values}`` a choice too, and both may have ``when``, values of others by name. An
            empty table is the classic space. Numbers and arrays of numpy's are taken as Python's.
        known: What may vary; by default the hyperparameters of a stacked LSTM and its training.

    Returns:
        The space.

    Raises:
        LstmoptError: For a hyperparameter or a value that there is not, which it names, and for one
            that never applies.
    """
    known = known or Known()
    conditions = known.conditions()
    if not table:
        return Space(dict(CLASSIC), conditions, known.defaults, known.training)
    parameters: dict[str, Parameter] = {}
    asked: dict[str, Collection[str]] = {}
    for name, entry in plain(table).items():
        if name not in known.hyperparameters:
            raise LstmoptError(
                f"[space] varies known hyperparameters only, found {name!r}: "
                f"{near_miss(name, list(known.hyperparameters))}"
            )
        checked = _Checked(f"[space] {name}", name, known.hyperparameters[name])
        if isinstance(entry, Mapping) and "when" in entry:
            wanted = _when(name, entry["when"], known)
            conditions[name], asked[name] = {**conditions.get(name, {}), **wanted}, wanted.keys()
            entry = {key: value for key, value in entry.items() if key != "when"}
        if name == NETWORK and known.families:
            _check_families(entry, known.families)
        parameters[name] = checked.parameter(entry)
    space = Space(parameters, conditions, known.defaults, known.training)
    _check_conditions(space, asked)
    return space


def _check_families(entry: Any, families: Iterable[str]) -> None:
    for name in entry if isinstance(entry, list) else ():
        if name not in families:
            raise LstmoptError(
                f"[space] network names registered families, found {name!r}: "
                f"{near_miss(str(name), list(families))}"
            )


def _when(name: str, table: Any, known: Known) -> dict[str, tuple[Value, ...]]:
    """Read the condition under which a hyperparameter applies.

    Returns:
        Values by name.

    Raises:
        LstmoptError: For what is no condition.
    """
    where = f"[space] {name} when"
    if not isinstance(table, Mapping) or not table:
        raise LstmoptError(
            f"{where} takes values of other hyperparameters, found {table!r}: write for instance "
            "when = { num_layers = [2, 3] }"
        )
    found = {}
    for parent, values in table.items():
        if parent not in known.hyperparameters or parent == name:
            others = [other for other in known.hyperparameters if other != name]
            raise LstmoptError(
                f"{where} names another hyperparameter, found {parent!r}: "
                f"{near_miss(parent, others)}"
            )
        checked = _Checked(f"{where} {parent}", parent, known.hyperparameters[parent])
        chosen = checked.parameter(values if isinstance(values, list) else [values])
        assert isinstance(chosen, Choice)
        found[parent] = chosen.values
    return found


def _check_conditions(space: Space, asked: Mapping[str, Collection[str]]) -> None:
    """Refuse conditions in a circle, and a hyperparameter that never applies.

    That is one of no family in the space, or one whose own ``when``, on what is ``asked``, is
    never so.

    Raises:
        LstmoptError: For either.
    """
    for name in space.conditions:
        _check_no_circle(space, name, ())
    for name in space.parameters:
        for parent, values in space.conditions.get(name, {}).items():
            if parent != NETWORK and parent not in asked.get(name, ()):
                continue  # such as dropout of a single layer
            if not any(value in values for value in space.values_of(parent)):
                allowed = " or ".join(map(str, list(values)[:4]))
                raise LstmoptError(
                    f"[space] varies what applies to a candidate at least, found {name}, which "
                    f"needs {parent} to be {allowed}: leave it out or add that to {parent}"
                )


def _check_no_circle(space: Space, name: str, seen: tuple[str, ...]) -> None:
    """Refuse a hyperparameter that depends on itself.

    Raises:
        LstmoptError: For such a one.
    """
    if name in seen:
        raise LstmoptError(
            f"[space] when depends on others that do not depend on it, found a circle of "
            f"{', '.join(seen)}: leave one out"
        )
    for parent in space.conditions.get(name, {}):
        _check_no_circle(space, parent, (*seen, name))


@dataclass(frozen=True)
class _Checked:
    """Reads what a study file says of one hyperparameter."""

    where: str
    name: str
    known: Hyperparameter

    def parameter(self, entry: Any) -> Parameter:
        if isinstance(entry, Mapping) and set(entry) == {"values"}:
            entry = entry["values"]
        if isinstance(entry, list) and entry:
            for value in entry:
                self._check(value)
            return Choice(tuple(entry))
        name, where = self.name, self.where
        if not isinstance(entry, Mapping) or not {"low", "high"} <= set(entry):
            raise LstmoptError(
                f"{where} takes a list of values or a table with low and high, found {entry!r}: "
                f"write {name} = [a, b] or {name} = {{ low = a, high = b }}"
            )
        allowed = ["low", "high", "log", "points", "when"]
        if extra := [key for key in entry if key not in allowed]:
            raise LstmoptError(
                f"{where} takes low, high, log and points, found {extra[0]!r}: "
                f"{near_miss(extra[0], allowed)}"
            )
        if isinstance(self.known.default, str | bool):
            names = getattr(self.known.domain, "values", ())
            example = ", ".join(f'"{n}"' if isinstance(n, str) else str(n).lower() for n in names)
            raise LstmoptError(f"{where} takes a list of names: write {name} = [{example}]")
        for end in ("low", "high"):
            self._check(entry[end])
        low, high, log = entry["low"], entry["high"], entry.get("log", False)
        if not isinstance(log, bool):
            raise LstmoptError(f"{where} needs log true or false, found {log!r}: write log = true")
        points = entry.get("points")
        if low > high or (log and low <= 0):
            rule = "low above 0 where log is true" if log and low <= 0 else "low at most high"
            raise LstmoptError(
                f"{where} needs {rule}, found low = {low}, high = {high}: mend the ends"
            )
        if points is not None and (type(points) is not int or points < 1):
            raise LstmoptError(
                f"{where} needs points of at least 1, found {points!r}: give a number"
            )
        return Range(low, high, log, isinstance(self.known.default, int), points)

    def _check(self, value: Any) -> None:
        if not self.known.accepts(value):
            raise LstmoptError(
                f"{self.where} takes {self.known.rule}, found {value!r}: change that value"
            )


def describe_params(params: Mapping[str, object]) -> str:
    """Return hyperparameters in one line, numbers short."""
    return " ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in params.items()
    )
