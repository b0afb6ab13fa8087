"""Samplers of OptunaHub that are on this machine: ``optunahub:NAME``.

OptunaHub keeps what it has once loaded in a folder of the user's; nothing is fetched here.
"""

from __future__ import annotations

import inspect
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmopt import Strategy, hookimpl

if TYPE_CHECKING:
    import optuna


class _HubSampler:
    """Makes a hub's sampler; its code runs when its options are asked for, and not before."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def _kind(self) -> Any:
        import optuna
        import optunahub

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = optunahub.load_local_module(
                f"samplers/{self._place.name}", registry_root=str(self._place.parents[1])
            )
        names = getattr(module, "__all__", None) or vars(module)
        found = [getattr(module, name) for name in names]
        kinds = [
            k for k in found if inspect.isclass(k) and issubclass(k, optuna.samplers.BaseSampler)
        ]
        kinds = [kind for kind in kinds if kind.__module__.startswith(module.__name__)]
        if len(kinds) != 1:
            words = ", ".join(kind.__name__ for kind in kinds) or "none"
            raise ValueError(f"a hub's package must hold one sampler, found {words}")
        return kinds[0]

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._kind())

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return inspect.getdoc(self._kind())

    def __call__(self, **options: Any) -> optuna.samplers.BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sampler: optuna.samplers.BaseSampler = self._kind()(**options)
        return sampler


def cache_folder() -> Path:
    """Return where OptunaHub keeps packages."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("OPTUNAHUB_CACHE_HOME") or Path(cache) / "optunahub")


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
    """Return the samplers that OptunaHub keeps on this machine."""
    if find_spec("optunahub") is None:
        return []
    # host / owner / registry / version / package / samplers / NAME
    found = cache_folder().glob("*/*/*/*/package/samplers/*/__init__.py")
    places = {path.parent.name: path.parent for path in sorted(found, reverse=True)}
    return [
        Strategy(
            f"optunahub:{name}",
            _HubSampler(place),
            f"OptunaHub's {name}",
            f"https://hub.optuna.org/samplers/{name}/",
            tell_stopped="nothing",
        )
        for name, place in sorted(places.items())
    ]
