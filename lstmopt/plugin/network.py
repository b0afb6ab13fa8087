"""What a plug-in hands over as a family of networks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lstmopt.errors import LstmoptError
from lstmopt.search_space import (
    FIXED,
    NETWORK,
    STANDARD,
    Choice,
    Hyperparameter,
    Known,
    Parameter,
    Params,
    Range,
    Value,
)
from lstmopt.search_space.hyperparameters import EVERY, TRAINED


@dataclass(frozen=True)
class Network:
    """A family of networks: an encoder of windows, and what of it may vary.

    Around the encoder stands what all families share: the window's normalisation, a linear skip and
    the head that maps its last state to all leads (see `networks.forecast_network`).

    Attributes:
        name: What it is chosen by.
        build: Makes the encoder from all hyperparameters of a candidate, the columns of an input
            and its rows: a ``torch.nn.Module`` with a number ``size`` that maps inputs [batch,
            rows, columns] to states [batch, steps, size], of which the last is read. One that gives
            a state for each row may say so with ``per_row = True``, so that several of a window's
            last rows forecast. None for a family that is linear alone, and is not trained step by
            step.
        hyperparameters: Those that it has besides what every network has; a name that another
            family has too means the same there.
        summary: What it is, in a line.
        reference: The paper or the page that describes it.
        package: Who brought it, the distribution's name or a file's path; the registry fills it in.
    """

    name: str
    build: Callable[[Mapping[str, Value], int, int], Any] | None
    hyperparameters: Mapping[str, Hyperparameter]
    summary: str
    reference: str
    package: str = field(default="", compare=False)

    @property
    def trained(self) -> bool:
        """Whether it is trained step by step."""
        return self.build is not None

    @property
    def names(self) -> Collection[str]:
        """The names of all hyperparameters that a candidate of it has."""
        shared = EVERY | TRAINED if self.trained else EVERY
        return [*self.hyperparameters, *shared]

    def complete(self, params: Mapping[str, Value]) -> Params:
        """Return all hyperparameters of a candidate.

        Args:
            params: Those that vary.

        Returns:
            They and the others, which have their defaults.
        """
        own = {name: found.default for name, found in self.hyperparameters.items()}
        return {**FIXED, **own, NETWORK: self.name, **params}


def known_hyperparameters(networks: Iterable[Network]) -> Known:
    """Return what a space may vary.

    Args:
        networks: The families that there are.

    Returns:
        Their hyperparameters.

    Raises:
        LstmoptError: Where two families, or a family and all others, mean different things by one
            name.
    """
    hyperparameters: dict[str, Hyperparameter] = dict(STANDARD)
    families = {}
    for network in networks:
        families[network.name] = frozenset(network.names)
        for name, found in network.hyperparameters.items():
            if hyperparameters.setdefault(name, found) != found:
                raise LstmoptError(
                    f"a hyperparameter is one thing in all networks, found {name!r} of "
                    f"{network.name!r} ({network.package or 'unknown'}) unlike that of others: "
                    "rename it there"
                )
    return Known(hyperparameters, families)


def hyperparameter_about(name: str, found: Hyperparameter) -> dict[str, Any]:
    """Return as plain values what a user may know of a hyperparameter.

    The domain of a standard one is empty: a default space sizes it by the series.
    """
    return {
        "takes": found.rule,
        "default": found.default,
        "costs": found.costs,
        "domain": "" if name in STANDARD else _domain_in_words(found.domain),
        "when": {name: _values_in_words(values) for name, values in found.when.items()},
    }


def _domain_in_words(domain: Parameter) -> str:
    match domain:
        case Choice(values):
            return ", ".join(str(v).lower() if isinstance(v, bool) else str(v) for v in values)
        case Range(low, high, log):
            return f"{low:g} to {high:g}{' by logarithm' if log else ''}"


def _values_in_words(values: Collection[Value]) -> str:
    if isinstance(values, range) and len(values) > 1:
        return f"{values[0]} to {values[-1]}"
    return " or ".join(map(str, values))
