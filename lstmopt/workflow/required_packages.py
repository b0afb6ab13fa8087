"""Which packages' plug-ins a study uses, and whether they are here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lstmopt.config.options import Config
from lstmopt.config.study_file import read_config, replace
from lstmopt.errors import LstmoptError
from lstmopt.plugin.registry import DISABLE, Registry
from lstmopt.plugin.strategy import Kind, Named
from lstmopt.search_space import NETWORK
from lstmopt.storage.run_folder import RunFolder


def with_packages(config: Config, registry: Registry, folder: RunFolder) -> Config:
    """Name the packages that bring what the study uses; refuse where one that it needs is lacking.

    That is one that its file requires, or that it used when it began.
    """
    for package, version in (config.requires | _begun_with(folder)).items():
        if package not in registry.third_parties:
            left_out = package in registry.disabled
            remedy = f"unset {DISABLE}" if left_out else f"pip install {package}=={version}"
            raise LstmoptError(
                f"a study runs with the plug-ins that it uses, found no {package} {version}"
                f"{f', which {DISABLE} leaves out' if left_out else ''}: {remedy}"
            )
    chosen: list[tuple[Kind, str]] = [
        ("sampler", str(config.sampler["name"])),
        ("warm-start", str(config.warm_start["name"])),
        *(("objective", name) for name in config.objectives),
        *(("baseline", Named.parse(text).name) for text in config.baselines or ()),
        *(("pruner", name) for name in _pruners_of(config.pruner)),
        *(("network", name) for name in _networks_of(config)),
    ]
    named: Config = replace(config, requires=registry.packages_of(chosen))
    return named


def _networks_of(config: Config) -> list[str]:
    """Name the families of networks that a study's space may hold."""
    entry = config.space.get(NETWORK, ())
    varied = entry.get("values", ()) if isinstance(entry, Mapping) else entry
    in_space = varied if isinstance(varied, list | tuple) else ()
    return [str(name) for name in (*(config.networks or ()), *in_space)]


def _pruners_of(table: Mapping[str, Any]) -> list[str]:
    """Name a pruner and those that it wraps."""
    named = [str(table["name"])]
    for value in table.values():
        if isinstance(value, Mapping):
            named += _pruners_of(value)
        elif isinstance(value, str):
            named.append(Named.parse(value).name)
    return named


def changed_versions(registry: Registry, folder: RunFolder) -> list[str]:
    """Say of each package that has another version now than when the study began."""
    return [
        f"{package} is {now} now, and was {version} when the study began"
        for package, version in _begun_with(folder).items()
        if (now := registry.third_parties.get(package)) != version
    ]


def _begun_with(folder: RunFolder) -> dict[str, str]:
    return read_config(folder.study_file).requires if folder.study_file.is_file() else {}
