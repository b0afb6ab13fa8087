"""``lstmopt plugins check``: the contract of what is installed, under a name or from a package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.plugin.network import Network
from lstmopt.plugin.registry import Registered, load_registry
from lstmopt.plugin.strategy import Kind, Named, Strategy
from lstmopt.testing.baselines import BaselineContract
from lstmopt.testing.contract import Contract, broken_laws
from lstmopt.testing.networks import NetworkContract
from lstmopt.testing.objectives import ObjectiveContract
from lstmopt.testing.pruners import PrunerContract
from lstmopt.testing.samplers import SamplerContract
from lstmopt.testing.warm_starts import WarmStartContract

_CONTRACTS: dict[Kind, type[Contract]] = {
    "sampler": SamplerContract,
    "pruner": PrunerContract,
    "warm-start": WarmStartContract,
    "objective": ObjectiveContract,
    "network": NetworkContract,
    "baseline": BaselineContract,
}


@dataclass(frozen=True)
class Checked:
    """A law of a plug-in, held or broken.

    Attributes:
        kind: The plug-in's.
        name: The plug-in's.
        law: What it must hold to, in words.
        broken: How it is broken, "" where it holds.
    """

    kind: Kind
    name: str
    law: str
    broken: str


def check_plugins(text: str, files: tuple[Path, ...] = ()) -> Iterator[Checked]:
    """Check everything under a name, or brought by a package of the name.

    Args:
        text: ``NAME`` or ``NAME:KEY=VALUE,…``, a strategy's options.
        files: Python files that bring plug-ins.

    Yields:
        The laws, each as soon as it is checked.

    Raises:
        LstmoptError: Where there is nothing of the name.
    """
    registry = load_registry(files)
    named = Named.parse(text)
    found = [e for e in registry.entries.values() if named.name in (e.item.name, e.package)]
    if not found:
        known = [e.item.name for e in registry.entries.values()]
        raise LstmoptError(
            f"a check takes the name of a plug-in or of the package that brings it, found "
            f"{named.name!r}: {near_miss(named.name, known)}"
        )
    for entry in found:
        for law, broken in _check(entry, named):
            yield Checked(entry.kind, entry.item.name, law, broken)


def _check(entry: Registered, named: Named) -> Iterator[tuple[str, str]]:
    contract = _CONTRACTS[entry.kind]
    if isinstance(entry.item, Strategy):
        return broken_laws(contract, strategy=entry.item, options=named.options)
    if isinstance(entry.item, Network):
        return broken_laws(contract, network=entry.item)
    return broken_laws(contract, objective=entry.item)
