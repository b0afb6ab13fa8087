"""What may vary between candidates, and the candidates drawn from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from lstmopt.search_space.architecture import Architecture
from lstmopt.search_space.hyperparameters import (
    CLASSIC_CONDITIONS,
    FIXED,
    STANDARD,
    When,
)
from lstmopt.search_space.parameters import (
    Choice,
    Parameter,
    Params,
    Range,
    Value,
    draw_value,
    nearest_value,
    suggest_value,
)

if TYPE_CHECKING:
    import numpy as np
    import optuna

CLASSIC: dict[str, Parameter] = {
    "hidden_size": Choice((32, 64, 128, 256)),
    "num_layers": Range(1, 4, integer=True),
    "learning_rate": Range(1e-5, 1e-1, log=True),
    "dropout": Range(0.1, 0.5),
    "weight_decay": Range(1e-6, 1e-3, log=True),
    "batch_size": Choice((16, 32, 64, 128)),
    "optimizer": Choice(("Adam", "AdamW")),
}
"""The classic space of one-file LSTM tuners."""


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
        """What decides the cost of its forecasts, as far as the standard hyperparameters say."""
        return Architecture.of(self.params)

    def __getitem__(self, name: str) -> Any:
        return self.params.get(name, FIXED[name])


@dataclass(frozen=True)
class Space:
    """The hyperparameters that vary, each a list of values or a range, and when they apply.

    Attributes:
        parameters: The hyperparameters by name, in the order of the study file.
        conditions: For a hyperparameter that does not always apply, the values of others with which
            it does.
        defaults: The values of hyperparameters beside the standard ones where they do not vary.
        training: Hyperparameters beside the standard ones that do not decide what a forecast costs.
    """

    parameters: dict[str, Parameter]
    conditions: Mapping[str, When] = field(default_factory=lambda: CLASSIC_CONDITIONS)
    defaults: Mapping[str, Value] = field(default_factory=dict)
    training: Collection[str] = ()

    def with_fixed(self, name: str, value: Value) -> Space:
        """Return the space with a hyperparameter of one value, where it does not vary already."""
        if name in self.parameters:
            return self
        return replace(self, parameters={**self.parameters, name: Choice((value,))})

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

    def architecture(self, params: Mapping[str, Value]) -> Architecture:
        """Return what decides the cost of a candidate's forecasts.

        Args:
            params: The candidate.

        Returns:
            Its architecture.
        """
        return Architecture.of(params, self.training)

    def applies(self, name: str, params: Mapping[str, Value]) -> bool:
        """Return whether a hyperparameter applies to a candidate.

        Args:
            name: The hyperparameter's.
            params: The candidate; what it leaves out is as where it does not vary.

        Returns:
            Whether every condition holds, and holds for what the conditions ask of.
        """
        return all(
            self._value(parent, params) in values and self.applies(parent, params)
            for parent, values in self.conditions.get(name, {}).items()
        )

    def _value(self, name: str, params: Mapping[str, Value]) -> Value | None:
        return params.get(name, {**FIXED, **self.defaults}.get(name))

    def is_conditional(self, name: str) -> bool:
        """Return whether there are candidates to which a hyperparameter does not apply.

        Args:
            name: The hyperparameter's; it need not vary here.

        Returns:
            Whether a condition of its own, or of what it depends on, may fail.
        """
        return any(
            any(value not in values for value in self.values_of(parent))
            or self.is_conditional(parent)
            for parent, values in self.conditions.get(name, {}).items()
        )

    def values_of(self, name: str) -> Collection[Value | None]:
        """Return the values that a hyperparameter takes.

        Args:
            name: The hyperparameter's; one that does not vary has one value.

        Returns:
            Its values, the ends where there is no list of them.
        """
        match self.parameters.get(name):
            case None:
                return (self._value(name, {}),)
            case Range(low, high) as found:
                return found.grid() or (low, high)
            case Choice(values):
                return values

    def names(self, params: Mapping[str, Value]) -> list[str]:
        """Return the names of the hyperparameters that apply to a candidate.

        Args:
            params: The candidate, or what is known of it.

        Returns:
            The names, in the order of the study file.
        """
        return [name for name in self.parameters if self.applies(name, params)]

    @cached_property
    def order(self) -> list[str]:
        """The hyperparameters in the study file's order, but each after those it depends on."""
        return self._after_parents(self.parameters)

    def _after_parents(self, names: Iterable[str]) -> list[str]:
        found: dict[str, None] = {}

        def add(name: str) -> None:
            for parent in self.conditions.get(name, {}):
                add(parent)
            if name in self.parameters:
                found[name] = None

        for name in names:
            add(name)
        return list(found)

    @cached_property
    def _drawing_order(self) -> list[str]:
        """The order in which they are drawn: first those on which anything could depend."""
        asked = {parent for of_one in self.conditions.values() for parent in of_one}
        first = [name for name in self.parameters if name in asked]
        return self._after_parents([*first, *self.parameters])

    def suggest(self, trial: optuna.Trial) -> Params:
        """Ask a trial for every hyperparameter that applies.

        Args:
            trial: A trial of Optuna's, asked of a sampler.

        Returns:
            The candidate, in the order of the study file.
        """
        params: Params = {}
        for name in self._drawing_order:
            if self.applies(name, params):
                params[name] = suggest_value(trial, name, self.parameters[name])
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
        for name in self.order:
            if (
                self.applies(name, {**params, **found})
                and name in params
                and (moved := nearest_value(self.parameters[name], params[name])) is not None
            ):
                found[name] = moved
        return {name: found[name] for name in self.names(found) if name in found}

    @property
    def continuous(self) -> list[str]:
        """The names of the hyperparameters without a finite list of values."""
        return [name for name, p in self.parameters.items() if p.grid() is None]

    @property
    def conditional(self) -> list[str]:
        """The names of the hyperparameters that vary and do not apply to every candidate."""
        return [name for name in self.parameters if self.is_conditional(name)]

    def grid(self) -> Iterator[Params]:
        """Yield every combination once, in the order of the study file.

        A continuous hyperparameter leaves nothing to yield.

        Yields:
            Candidates, without what does not apply to them.
        """
        for params in self._grid(self.order, {}):
            yield {name: params[name] for name in self.names(params)}

    def _grid(self, names: list[str], params: Params) -> Iterator[Params]:
        """Yield every combination of some hyperparameters, given those before them."""
        if not names:
            yield params
            return
        name, *others = names
        if not self.applies(name, params):
            yield from self._grid(others, params)
            return
        for value in self.parameters[name].grid() or ():
            yield from self._grid(others, params | {name: value})

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

    def architectures(self, most: int | None = None) -> list[Architecture]:
        """List the architectures in the space.

        Args:
            most: How many at most; None for all.

        Returns:
            Each once. Of a hyperparameter without a list of values only the ends.
        """
        deciding = self._deciding()
        listed = {n: _listed(p) for n, p in self.parameters.items() if n in deciding}
        inner = Space(listed, self.conditions, self.defaults, self.training)
        found = dict.fromkeys(self.architecture(params) for params in islice(inner.grid(), most))
        return list(found)

    def _deciding(self) -> set[str]:
        """Return the hyperparameters that decide the cost, with all on which they depend."""
        found: set[str] = set()

        def add(name: str) -> None:
            found.add(name)
            for parent in self.conditions.get(name, {}):
                add(parent)

        for name in self.parameters:
            standard = STANDARD.get(name)
            if name not in self.training and (standard is None or standard.costs):
                add(name)
        return found

    def has_few_architectures(self, most: int) -> bool:
        """Return whether there are at most so many architectures, all of which can be listed.

        Args:
            most: The number.

        Returns:
            Whether `architectures` gives all of them.
        """
        deciding = self._deciding() & self.parameters.keys()
        whole = all(self.parameters[name].grid() is not None for name in deciding)
        return whole and len(self.architectures(most + 1)) <= most


def _listed(parameter: Parameter) -> Parameter:
    """Return a hyperparameter with a list of values: of a range without one its ends."""
    if isinstance(parameter, Range) and parameter.grid() is None:
        return Choice((parameter.low, parameter.high))
    return parameter


def draw(space: Space, count: int, rng: np.random.Generator) -> list[Params]:
    """Draw candidates uniformly from a space, each hyperparameter on its own scale.

    Args:
        space: Where they are drawn from.
        count: How many.
        rng: What draws.

    Returns:
        The candidates, without what does not apply to them.
    """
    drawn = [{n: draw_value(p, rng) for n, p in space.parameters.items()} for _ in range(count)]
    return [{n: params[n] for n in space.names(params)} for params in drawn]
