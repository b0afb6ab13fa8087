"""Optuna's samplers by their own names and options: ``optuna:GPSampler`` and so on."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lstmopt import Strategy, hookimpl

if TYPE_CHECKING:
    import optuna

_LEFT_OUT = ("BaseSampler", "BaseGASampler", "GridSampler", "PartialFixedSampler")
"""What is no sampler by itself, and what needs a value that no option can name (`grid` is ours)."""

_SINGLE = ("CmaEsSampler",)
"""Those that refuse several objectives."""

_FINITE = ("BruteForceSampler",)
"""Those that need a finite list of values."""

_TOLD_LAST = ("CmaEsSampler", "NSGAIISampler", "NSGAIIISampler")
"""Those that learn from every trial; the others do better without losses after few epochs."""

_SEES = {"TPESampler": 500, "NSGAIISampler": 200, "NSGAIIISampler": 200, "RandomSampler": 1}
"""How many trials are shown where the cost grows with them."""

_SHARES = {"NSGAIIISampler": "NSGAIISampler"}
"""Samplers whose documentation leaves options to that of another."""

_ARGS = re.compile(r"(?<=\nArgs:\n)(?:(?: .*)?\n)+")


def make_sampler(kind: Any, **options: Any) -> optuna.samplers.BaseSampler:
    """Return a sampler of a class of Optuna's, made without warnings that it is experimental.

    Args:
        kind: The class.
        **options: What its constructor is given.

    Returns:
        The sampler.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler: optuna.samplers.BaseSampler = kind(**options)
    return sampler


def _make_sequence(kind: Any, *, study_seed: int, **options: Any) -> optuna.samplers.BaseSampler:
    """Return a sampler whose points are one sequence, of which the study counts the places."""
    quiet = {"warn_asynchronous_seeding": False, "warn_independent_sampling": False}
    return make_sampler(kind, seed=study_seed, **(quiet | options))


def _make_gp(kind: Any, **options: Any) -> optuna.samplers.BaseSampler:
    """Return the Gaussian process sampler on one thread; on all it takes ten times longer.

    Its problems are small, and threads cost more than they bring.
    """
    from threadpoolctl import threadpool_limits

    class OneThreadGPSampler(kind):  # type: ignore[misc]
        @threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
        def sample_relative(self, *args: Any) -> dict[str, Any]:
            drawn: dict[str, Any] = super().sample_relative(*args)
            return drawn

    return make_sampler(OneThreadGPSampler, **({"warn_independent_sampling": False} | options))


def _make_cma_es(kind: Any, **options: Any) -> optuna.samplers.BaseSampler:
    """Return the sampler that would look for its package at the first proposal only."""
    importlib.import_module("cmaes")
    return make_sampler(kind, **({"warn_independent_sampling": False} | options))


_MAKERS: dict[str, Callable[..., optuna.samplers.BaseSampler]] = {
    "QMCSampler": _make_sequence,
    "GPSampler": _make_gp,
    "CmaEsSampler": _make_cma_es,
}


def _strategy(kind: Any) -> Strategy:
    name = kind.__name__
    maker = _MAKERS.get(name, make_sampler)
    make = functools.partial(maker, kind)
    make.__signature__ = _signature(kind, maker)  # type: ignore[attr-defined]
    make.__doc__ = _document(kind)
    return Strategy(
        f"optuna:{name}",
        make,
        f"Optuna's {name}",
        f"https://optuna.readthedocs.io/en/stable/reference/samplers/generated/optuna.samplers.{name}.html",
        multi_objective=name not in _SINGLE,
        continuous=name not in _FINITE,
        tell_stopped="last" if name in _TOLD_LAST else "nothing",
        sees=_SEES.get(name),
        stopped_per_finished=4 if name == "TPESampler" else None,
    )


def _signature(kind: Any, maker: Callable[..., Any]) -> inspect.Signature:
    """Return the class's options, with the seed that its maker asks for in place of its own."""
    seeds = [p for p in inspect.signature(maker).parameters.values() if p.name == "study_seed"]
    options = [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for p in inspect.signature(kind).parameters.values()
        if not (seeds and p.name == "seed")
    ]
    return inspect.Signature([*seeds, *options])


def _document(kind: Any) -> str:
    """Return what Optuna says of a sampler, with the options that another's page explains."""
    document = inspect.getdoc(kind) or ""
    if other := _SHARES.get(kind.__name__):
        import optuna

        shared = _ARGS.search(inspect.getdoc(getattr(optuna.samplers, other)) or "")
        if shared:
            document = document.replace("\nArgs:\n", f"\nArgs:\n{shared[0]}", 1)
    return document


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
    """Return every sampler of Optuna's that options can make."""
    import optuna

    names = [name for name in optuna.samplers.__all__ if name not in _LEFT_OUT]
    kinds = [getattr(optuna.samplers, name) for name in names]
    return [_strategy(kind) for kind in kinds if inspect.isclass(kind)]
