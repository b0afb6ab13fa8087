"""The seam: everything a plug-in can add, on one page.

A plug-in is a module (or object) with any of these hooks, marked ``@lstmopt.hookimpl`` and named
under the entry-point group ``lstmopt``. Hooks return values; they never change the core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import optuna

    from lstmopt.plugin.network import Network
    from lstmopt.plugin.strategy import Objective, Strategy

hookspec = pluggy.HookspecMarker("lstmopt")
hookimpl = pluggy.HookimplMarker("lstmopt")
"""Marks a function of a plug-in that has a hook's name as its implementation."""


@hookspec
def lstmopt_samplers() -> Sequence[Strategy]:  # type: ignore[empty-body]
    """Return strategies whose ``make`` gives an ``optuna.samplers.BaseSampler``."""


@hookspec
def lstmopt_pruners() -> Sequence[Strategy]:  # type: ignore[empty-body]
    """Return strategies whose ``make`` gives a `lstmopt.Pruner`, or a `pruning.pruners.Rule`."""


@hookspec
def lstmopt_warm_starts() -> Sequence[Strategy]:  # type: ignore[empty-body]
    """Return strategies whose ``make`` gives a `warm_start.protocols.WarmStart`."""


@hookspec
def lstmopt_objectives() -> Sequence[Objective]:  # type: ignore[empty-body]
    """Return what a study can measure, known before training or epoch by epoch."""


@hookspec
def lstmopt_networks() -> Sequence[Network]:  # type: ignore[empty-body]
    """Return families of networks, each with an encoder of windows and what of it may vary."""


@hookspec
def lstmopt_baselines() -> Sequence[Strategy]:  # type: ignore[empty-body]
    """Return strategies whose ``make`` gives a `forecasting.baselines.Baseline`."""


@hookspec
def lstmopt_trial_finished(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Observe a trial that has just been told; nothing is returned and nothing may be changed."""
