"""What decides the cost of a forecast."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lstmopt.search_space.hyperparameters import FIXED, NETWORK, STANDARD
from lstmopt.search_space.parameters import Params, Value

_OF_TRAINING = frozenset(name for name, found in STANDARD.items() if not found.costs)
_OF_LAYERS = ("lstm", "gru", "segment")
"""Families of which one says first how many layers of how many units."""
_IN_HEAD = frozenset({NETWORK, "num_layers", "hidden_size"})


@dataclass(frozen=True)
class Architecture:
    """The hyperparameters that decide what a forecast costs.

    Latency and size belong to it, not to a trial.

    Attributes:
        values: Names and values in the order of the names, without what is as in `FIXED`.
    """

    values: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, params: Mapping[str, Any], training: Collection[str] = ()) -> Architecture:
        """Return the architecture of a candidate.

        Args:
            params: Its hyperparameters; what they leave out is as in `FIXED`.
            training: Names besides the standard ones that do not decide the cost.

        Returns:
            The architecture.
        """
        counted = {
            name: value
            for name, value in params.items()
            if name not in _OF_TRAINING and name not in training
        }
        differing = {n: v for n, v in counted.items() if n not in FIXED or v != FIXED[n]}
        return cls(tuple(sorted(differing.items())))

    @staticmethod
    def decides(name: str) -> bool:
        """Return whether a hyperparameter decides a cost, as far as the standard ones say."""
        return name not in _OF_TRAINING

    @property
    def params(self) -> Params:
        """The hyperparameters that are not as in `FIXED`."""
        return dict(self.values)

    def __getitem__(self, name: str) -> Any:
        """Return a hyperparameter, as in `FIXED` where it is not among the values."""
        return self.params.get(name, FIXED[name]) if name in FIXED else self.params[name]

    def __str__(self) -> str:
        if self[NETWORK] not in _OF_LAYERS:
            own = [f"{name} {value}" for name, value in self.values if name != NETWORK]
            return " ".join([str(self[NETWORK]), *own])
        others = [f"{name} {value}" for name, value in self.values if name not in _IN_HEAD]
        size = f"{self['num_layers']} x {self['hidden_size']}"
        family = "" if self[NETWORK] == FIXED[NETWORK] else f"{self[NETWORK]} "
        return " ".join([f"{family}{size}", *others])
