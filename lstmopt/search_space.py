"""What may vary between candidates, and the candidates drawn from it."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lstmopt.errors import LstmoptError, near_miss

if TYPE_CHECKING:
    import numpy as np
    import optuna

Value = str | int | float
Params = dict[str, Value]


@dataclass(frozen=True)
class Choice:
    """One of a few values, unordered.

    Attributes:
        values: Numbers or names, at least one.
    """

    values: tuple[Value, ...]

    def grid(self) -> tuple[Value, ...] | None:
        """Return the values."""
        return self.values

    def contains(self, value: Value) -> bool:
        """Return whether ``value`` is one of them."""
        return value in self.values

    def distribution(self) -> optuna.distributions.BaseDistribution:
        """Return what Optuna draws a value from."""
        import optuna

        return optuna.distributions.CategoricalDistribution(self.values)


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes:
        low: The least.
        high: The largest.
        log: Whether their logarithm is searched.
        integer: Whether they are whole.
        points: How many values a grid takes, evenly spaced on the range's scale; without it a grid
            takes every whole number, and there is none of other numbers.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False
    points: int | None = None

    def grid(self) -> tuple[Value, ...] | None:
        """Return the values that a grid takes, ascending; None where there are too many to list."""
        if self.points is None:
            return tuple(range(int(self.low), int(self.high) + 1)) if self.integer else None
        if self.points == 1:
            return (self.low,)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        steps = [low + (high - low) * n / (self.points - 1) for n in range(self.points)]
        inner = [math.exp(s) if self.log else s for s in steps[1:-1]]
        values = [self.low, *inner, self.high]  # the ends exactly, whatever the rounding
        return tuple(dict.fromkeys(round(v) for v in values)) if self.integer else tuple(values)

    def contains(self, value: Value) -> bool:
        """Return whether ``value`` is a number between the ends."""
        return not isinstance(value, str) and self.low <= value <= self.high

    def distribution(self) -> optuna.distributions.BaseDistribution:
        """Return what Optuna draws a value from."""
        import optuna

        if self.integer:
            return optuna.distributions.IntDistribution(int(self.low), int(self.high), log=self.log)
        return optuna.distributions.FloatDistribution(self.low, self.high, log=self.log)


Parameter = Choice | Range

CLASSIC: dict[str, Parameter] = {
    "hidden_size": Choice((32, 64, 128, 256)),
    "num_layers": Range(1, 4, integer=True),
    "learning_rate": Range(1e-5, 1e-1, log=True),
    "dropout": Range(0.1, 0.5),
    "weight_decay": Range(1e-6, 1e-3, log=True),
    "batch_size": Choice((16, 32, 64, 128)),
    "optimizer": Choice(("Adam", "AdamW")),
}
"""The classic space of one-file LSTM tuners; also the default of a study that names none."""

FIXED: Params = {
    "hidden_size": 64,
    "num_layers": 1,
    "learning_rate": 1e-3,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "batch_size": 64,
    "optimizer": "Adam",
}
"""The value of a hyperparameter that a space leaves out."""

ARCHITECTURE = ("hidden_size", "num_layers")


@dataclass(frozen=True)
class Architecture:
    """What decides the cost of a forecast; latency and size belong to it, not to a trial.

    Attributes:
        hidden_size: Units of a layer.
        num_layers: LSTM layers.
    """

    hidden_size: int
    num_layers: int

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Architecture:
        """Return the architecture of a candidate; what it leaves out is as in `FIXED`."""
        return cls(
            int(params.get("hidden_size", FIXED["hidden_size"])),
            int(params.get("num_layers", FIXED["num_layers"])),
        )


def applies(name: str, params: Mapping[str, Value]) -> bool:
    """Return whether a hyperparameter applies to a candidate: dropout acts between layers only."""
    return name != "dropout" or Architecture.of(params).num_layers > 1


def is_conditional(name: str) -> bool:
    """Return whether there are candidates to which a hyperparameter does not apply."""
    return not applies(name, {"num_layers": 1})


@dataclass(frozen=True)
class Candidate:
    """A point of the space and the seed of everything random in its training.

    Attributes:
        params: Hyperparameters by name; what is left out is as in `FIXED`.
        seed: Everything random in its training follows from it.
    """

    params: Params
    seed: int

    @property
    def architecture(self) -> Architecture:
        """What decides the cost of its forecasts."""
        return Architecture.of(self.params)

    def __getitem__(self, name: str) -> Any:
        return self.params.get(name, FIXED[name])


@dataclass(frozen=True)
class Space:
    """The hyperparameters that vary, each a list of values or a range.

    Attributes:
        parameters: The hyperparameters by name, in the order of the study file.
    """

    parameters: dict[str, Parameter]

    def distributions(
        self, params: Mapping[str, Value]
    ) -> dict[str, optuna.distributions.BaseDistribution]:
        """Return what Optuna draws each hyperparameter of a candidate from.

        Args:
            params: The candidate; of its values only the names count.

        Returns:
            The distributions by name.
        """
        return {name: self.parameters[name].distribution() for name in params}

    def names(self, params: Mapping[str, Value]) -> list[str]:
        """Return the names of the hyperparameters that apply to a candidate.

        Args:
            params: The candidate, or what is known of it.

        Returns:
            The names, in the order of the study file.
        """
        return [name for name in self.parameters if applies(name, params)]

    def suggest(self, trial: optuna.Trial) -> Params:
        """Ask a trial for every hyperparameter that applies.

        Args:
            trial: A trial of Optuna's, asked of a sampler.

        Returns:
            The candidate, in the order of the study file.
        """
        params: Params = {}
        # num_layers first, because it decides whether dropout applies
        for name in sorted(self.parameters, key=lambda n: n != "num_layers"):
            if name in self.names(params):
                params[name] = _suggest(trial, name, self.parameters[name])
        return {name: params[name] for name in self.names(params)}

    def rejects(self, params: Mapping[str, Value], partly: bool = False) -> str | None:
        """Say why a candidate is not a point of this space.

        Args:
            params: The candidate.
            partly: Whether hyperparameters may be left open.

        Returns:
            The reason in words, None where it is a point.
        """
        wanted = self.names(params)
        if not partly and (missing := [n for n in wanted if n not in params]):
            return f"it has no {missing[0]}"
        if extra := [n for n in params if n not in (self.parameters if partly else wanted)]:
            return f"{extra[0]} does not vary here"
        for name, value in params.items():
            if not self.parameters[name].contains(value):
                return f"{name} = {value} lies outside"
        return None

    def excludes(self, other: Space) -> str | None:
        """Say why another space does not lie in this one.

        Args:
            other: A space that may be narrower, but has the same hyperparameters of the same kinds.

        Returns:
            The reason in words, None where it lies inside.
        """
        if list(other.parameters) != list(self.parameters):
            return "other hyperparameters vary"
        for name, parameter in other.parameters.items():
            match parameter:
                case Choice(values):
                    ends: tuple[Value, ...] = values
                case Range(low, high):
                    ends = (low, high)
            if type(parameter) is not type(self.parameters[name]) or not ends:
                return f"{name} is of another kind"
            if not all(self.parameters[name].contains(end) for end in ends):
                return f"{name} goes beyond"
        return None

    def nearest(self, params: Mapping[str, Value]) -> Params:
        """Move a candidate of another space into this one, hyperparameter by hyperparameter.

        Args:
            params: The candidate.

        Returns:
            What it is here, without what does not vary here or has no nearest value; a choice's
            number is the nearest on the logarithm.
        """
        found: Params = {}
        for name in self.names(params):
            if (
                name in params
                and (moved := _nearest(self.parameters[name], params[name])) is not None
            ):
                found[name] = moved
        applicable = self.names(found)
        return {name: value for name, value in found.items() if name in applicable}

    @property
    def continuous(self) -> list[str]:
        """The names of the hyperparameters without a finite list of values."""
        return [name for name, p in self.parameters.items() if p.grid() is None]

    @property
    def conditional(self) -> bool:
        """Whether there are candidates to which not every hyperparameter applies."""
        layers = self.parameters.get("num_layers")
        one_possible = layers.contains(1) if layers else FIXED["num_layers"] == 1
        return one_possible and any(map(is_conditional, self.parameters))

    def grid(self) -> Iterator[Params]:
        """Yield every combination once, in the order of the study file.

        A continuous hyperparameter leaves nothing to yield.

        Yields:
            Candidates, without what does not apply to them.
        """
        axes = {name: p.grid() or () for name, p in self.parameters.items()}
        seen: set[tuple[tuple[str, Value], ...]] = set()
        for values in itertools.product(*axes.values()):
            drawn = dict(zip(axes, values, strict=True))
            params = {name: drawn[name] for name in self.names(drawn)}
            if (key := tuple(params.items())) not in seen:
                seen.add(key)
                yield params

    def largest(self, name: str) -> int:
        """Return the largest whole number that a hyperparameter takes.

        Args:
            name: Of a hyperparameter with numbers; one that does not vary has its value in `FIXED`.

        Returns:
            The number.
        """
        match self.parameters.get(name):
            case Choice(values):
                return max(int(value) for value in values)
            case Range(_, high):
                return int(high)
            case None:
                return int(FIXED[name])

    def architectures(self) -> list[Architecture]:
        """List every architecture in the space.

        Returns:
            The combinations of hidden sizes and numbers of layers.
        """
        fixed = ((FIXED["hidden_size"],), (FIXED["num_layers"],))
        axes = [
            self.parameters[name].grid() or () if name in self.parameters else default
            for name, default in zip(ARCHITECTURE, fixed, strict=True)
        ]
        return [Architecture(int(h), int(n)) for h, n in itertools.product(*axes)]


def _nearest(parameter: Parameter, value: Value) -> Value | None:
    """Return the value of a hyperparameter that is nearest, on the logarithm for a choice."""
    match parameter:
        case Choice(values) if value in values:
            return next(v for v in values if v == value)
        case Choice(values) if isinstance(value, str) or any(isinstance(v, str) for v in values):
            return None
        case Choice(values):
            log = math.log(max(float(value), 1e-12))
            return min(values, key=lambda v: abs(math.log(max(float(v), 1e-12)) - log))
        case Range(low, high, _, integer) if not isinstance(value, str):
            moved = min(max(value, low), high)
            return round(moved) if integer else float(moved)
    return None


def _suggest(trial: optuna.Trial, name: str, parameter: Parameter) -> Value:
    match parameter:
        case Choice(values):
            chosen: Any = trial.suggest_categorical(name, values)
            return cast(Value, chosen)
        case Range(low, high, log, integer=True):
            return trial.suggest_int(name, int(low), int(high), log=log)
        case Range(low, high, log):
            return trial.suggest_float(name, low, high, log=log)


def draw(space: Space, count: int, rng: np.random.Generator) -> list[Params]:
    """Draw candidates uniformly from a space, each hyperparameter on its own scale.

    Args:
        space: Where they are drawn from.
        count: How many.
        rng: What draws.

    Returns:
        The candidates, without what does not apply to them.
    """
    drawn = [{n: _draw_one(p, rng) for n, p in space.parameters.items()} for _ in range(count)]
    return [{n: params[n] for n in space.names(params)} for params in drawn]


def _draw_one(parameter: Parameter, rng: np.random.Generator) -> Value:
    match parameter:
        case Choice(values):
            return values[rng.integers(len(values))]
        case Range(low, high, log, integer):
            # an integer stands for the unit interval around it, as in Optuna
            low, high = (low - 0.5, high + 0.5) if integer else (low, high)
            drawn = (
                math.exp(rng.uniform(math.log(low), math.log(high)))
                if log
                else rng.uniform(low, high)
            )
            return round(drawn) if integer else float(drawn)


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


def parse_space(table: Mapping[str, Any]) -> Space:
    """Read a ``[space]`` table.

    Args:
        table: Hyperparameters by name: a list is a choice, ``{low, high, log, points}`` a range. An
            empty table is the classic space. Numbers and arrays of numpy's are taken as Python's.

    Returns:
        The space.

    Raises:
        LstmoptError: For a hyperparameter or a value that there is not, which it names, and for
            more architectures than can be measured.
    """
    if not table:
        return Space(dict(CLASSIC))
    parameters: dict[str, Parameter] = {}
    for name, entry in plain(table).items():
        if name not in FIXED:
            raise LstmoptError(
                f"[space] varies known hyperparameters only, found {name!r}: "
                f"{near_miss(name, list(FIXED))}"
            )
        parameters[name] = _parse_parameter(name, entry)
    space = Space(parameters)
    if len(space.architectures()) > _MOST_ARCHITECTURES:
        raise LstmoptError(
            f"latency is measured once an architecture, for {_MOST_ARCHITECTURES} at most, and "
            f"[space] holds {len(space.architectures())}: give hidden_size a list of values"
        )
    return space


_MOST_ARCHITECTURES = 256
_LOWEST = {"hidden_size": 1, "num_layers": 1, "batch_size": 1}
_INTEGERS = frozenset(_LOWEST)


def _parse_parameter(name: str, entry: Any) -> Parameter:
    where = f"[space] {name}"
    if isinstance(entry, list) and entry:
        for value in entry:
            _check_value(where, name, value)
        return Choice(tuple(entry))
    if not isinstance(entry, Mapping) or not {"low", "high"} <= set(entry):
        raise LstmoptError(
            f"{where} takes a list of values or a table with low and high, found {entry!r}: "
            f"write {name} = [a, b] or {name} = {{ low = a, high = b }}"
        )
    if extra := [k for k in entry if k not in ("low", "high", "log", "points")]:
        raise LstmoptError(
            f"{where} takes low, high, log and points, found {extra[0]!r}: "
            f"{near_miss(extra[0], ['low', 'high', 'log', 'points'])}"
        )
    if name == "optimizer":
        raise LstmoptError(f'{where} takes a list of names: write {name} = ["Adam", "AdamW"]')
    for end in ("low", "high"):
        _check_value(where, name, entry[end])
    low, high, log = entry["low"], entry["high"], entry.get("log", False)
    if not isinstance(log, bool):
        raise LstmoptError(f"{where} needs log true or false, found {log!r}: write log = true")
    points = entry.get("points")
    if low > high or (log and low <= 0):
        rule = "low above 0 where log is true" if log and low <= 0 else "low at most high"
        raise LstmoptError(f"{where} needs {rule}, found low = {low}, high = {high}: mend the ends")
    if points is not None and (type(points) is not int or points < 1):
        raise LstmoptError(f"{where} needs points of at least 1, found {points!r}: give a number")
    return Range(low, high, log, name in _INTEGERS, points)


def _check_value(where: str, name: str, value: Any) -> None:
    if name == "optimizer":
        valid, rule = value in ("Adam", "AdamW"), "Adam or AdamW"
    elif name in _INTEGERS:
        valid = type(value) is int and value >= _LOWEST[name]
        rule = f"whole numbers of at least {_LOWEST[name]}"
    else:
        valid = type(value) in (int, float) and math.isfinite(value) and value >= 0
        valid = valid and not (name == "dropout" and value >= 1)
        rule = "numbers from 0 to below 1" if name == "dropout" else "numbers of at least 0"
    if not valid:
        raise LstmoptError(f"{where} takes {rule}, found {value!r}: change that value")


def describe_params(params: Mapping[str, object]) -> str:
    """Return hyperparameters in one line, numbers short."""
    return " ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in params.items()
    )
