"""The families of networks that a study may build, with what each candidate leaves unsaid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from lstmopt.data.input_columns import Columns
from lstmopt.errors import LstmoptError, near_miss
from lstmopt.networks.forecast_network import ForecastNetwork, MakeEncoder, build_network
from lstmopt.plugin.failures import PluginErrors
from lstmopt.plugin.network import Network
from lstmopt.plugin.registry import Registry, load_registry
from lstmopt.plugin.strategy import described
from lstmopt.search_space import NETWORK, Architecture, Params, Value
from lstmopt.system.portable import Portable


class MissingFamily(LstmoptError):
    """A network's family is not here."""


@dataclass(frozen=True)
class Families:
    """Families by name, packed so that workers anywhere can be given them."""

    packed: Mapping[str, Portable]

    @classmethod
    def of(cls, networks: Iterable[Network]) -> Families:
        """Pack families. Raises LstmoptError for one that cannot be sent."""
        kind = "families of networks"
        return cls({n.name: Portable.of(n, kind, described("network", n)) for n in networks})

    @classmethod
    def of_space(cls, registry: Registry, names: Iterable[Any]) -> Families:
        """Pack the families that a space names."""
        return cls.of(registry.network(str(name)) for name in names)

    def family(self, params: Mapping[str, Value]) -> Network:
        """Return a candidate's family. Raises LstmoptError where it is not here."""
        name = str(params.get(NETWORK, "lstm"))
        if name not in self.packed:
            raise MissingFamily(
                f"a network is of a family that is installed, found {name!r}: "
                f"{near_miss(name, list(self.packed))}; install the package that brings it, or "
                "name its file with --plugin"
            )
        found: Network = self.packed[name].value
        return found

    def complete(self, params: Mapping[str, Value], columns: Columns) -> Params:
        """Return all hyperparameters of a candidate; its window is in rows."""
        found = self.family(params).complete(params)
        return {**found, "window": found["window"] or columns.window}

    def build(self, params: Mapping[str, Value], columns: Columns) -> ForecastNetwork:
        """Build a candidate's network, its weights drawn from torch's random numbers."""
        family = self.family(params)
        with PluginErrors(described("network", family)):
            make: MakeEncoder = family.build or _no_encoder
            return build_network(make, self.complete(params, columns), columns)

    def window(self, params: Mapping[str, Value], columns: Columns) -> int:
        """Return how many rows a candidate's network reads."""
        return int(self.complete(params, columns)["window"])

    def count_parameters(self, architecture: Architecture, columns: Columns) -> int:
        """Count the weights without allocating them."""
        with torch.device("meta"):
            model = self.build(architecture.params, columns)
        return sum(p.numel() for p in model.parameters())


def _no_encoder(*_: Any) -> None:
    """Stand in for the encoder of a family that is linear alone."""


@cache
def _installed() -> Families:
    return Families.of(load_registry().networks)


_of_files: dict[str, Portable] = {}
"""Families of plug-ins' files that this process was given."""


def installed_families() -> Families:
    """Return all families that are installed, and those of files that this process was given."""
    return Families({**_installed().packed, **_of_files})


def take_from_files(files: Iterable[str | Path]) -> None:
    """Take in the families that plug-ins' files bring, for models that are built later."""
    if paths := tuple(map(Path, files)):
        found = Families.of(load_registry(paths).networks)
        _of_files.update({n: p for n, p in found.packed.items() if n not in _installed().packed})
