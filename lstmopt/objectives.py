"""What is measured: static (known before training) or learned (known epoch by epoch)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstmopt.errors import LstmoptError
from lstmopt.pruning.trial_curves import TrialView
from lstmopt.search_space import Architecture, Value

if TYPE_CHECKING:
    from lstmopt.epoch import Epoch
    from lstmopt.plugin.registry import Objective


@dataclass(frozen=True)
class ForecastCost:
    """What one forecast of an architecture costs; what static objectives measure.

    The forecast maps ``window`` rows of ``features`` columns to ``horizon`` values.
    """

    hidden_size: int
    num_layers: int
    latency_ms: float
    latency_spread_ms: float
    parameters: int
    features: int = 1
    window: int = 24
    horizon: int = 1

    @property
    def model_mb(self) -> float:
        """Size of the float32 weights in megabytes (10^6 bytes)."""
        return self.parameters * 4 / 1e6


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a forecaster may cost at most; what breaks one of the first three is never trained.

    ``max_memory_mb`` is what training a candidate may take beyond what a worker holds anyway, in
    megabytes (10^6 bytes): predicted before it (see `memory`) and held to while it trains.
    ``max_trial_seconds`` ends a candidate's training.
    """

    max_latency_ms: float | None = None
    max_parameters: int | None = None
    max_memory_mb: float | None = None
    max_trial_seconds: float | None = None

    def excess(self, cost: ForecastCost, memory_mb: float = 0.0) -> dict[str, float]:
        """Return by which share each limit is exceeded, by its name: at most 0 is within it."""
        excess = {}
        if self.max_latency_ms is not None:
            excess["max_latency_ms"] = cost.latency_ms / self.max_latency_ms - 1
        if self.max_parameters is not None:
            excess["max_parameters"] = cost.parameters / self.max_parameters - 1
        if self.max_memory_mb is not None:
            excess["max_memory_mb"] = memory_mb / self.max_memory_mb - 1
        return excess


def cost_of(
    costs: Mapping[Architecture, ForecastCost],
) -> Callable[[Mapping[str, Value]], ForecastCost]:
    """Return the function that looks up what a candidate's forecast costs."""
    return lambda params: costs[Architecture.of(params)]


def cost_table(costs: Mapping[Architecture, ForecastCost]) -> list[dict[str, Any]]:
    """List what each architecture's forecast costs, for the record."""
    return [asdict(cost) | {"model_mb": cost.model_mb} for cost in costs.values()]


def costs_of_table(table: Iterable[Mapping[str, Any]]) -> dict[Architecture, ForecastCost]:
    """Read back what `cost_table` has listed."""
    fields = ForecastCost.__dataclass_fields__
    rows = [ForecastCost(**{k: v for k, v in row.items() if k in fields}) for row in table]
    return {Architecture(cost.hidden_size, cost.num_layers): cost for cost in rows}


@dataclass(frozen=True)
class Goals:
    """The objectives of a study, in the order of the values that a trial is told."""

    objectives: tuple[Objective, ...]

    @property
    def names(self) -> list[str]:
        return [o.name for o in self.objectives]

    @property
    def directions(self) -> list[Literal["minimize", "maximize"]]:
        return [o.direction for o in self.objectives]

    @property
    def learned(self) -> list[Objective]:
        return [o for o in self.objectives if o.kind == "learned"]

    @property
    def static(self) -> list[Objective]:
        return [o for o in self.objectives if o.kind == "static"]

    def static_values(self, cost: ForecastCost) -> dict[str, float]:
        return {o.name: o.measure(cost) for o in self.static}

    def view(self, number: int, static: Mapping[str, float], curve: Sequence[Epoch]) -> TrialView:
        """Return a trial as a pruner sees it: everything turned so that lower is better."""
        by_name = {o.name: o for o in self.objectives}
        return TrialView(
            number,
            {name: by_name[name].minimised(value) for name, value in static.items()},
            {o.name: [o.minimised(o.measure(e)) for e in curve] for o in self.learned},
        )

    def values(self, cost: ForecastCost, curve: tuple[Epoch, ...]) -> dict[str, float]:
        """Measure a trained candidate at the epoch whose weights are kept: the best one."""
        best = min(curve, key=lambda epoch: epoch.val_loss)
        return {o.name: o.measure(cost if o.kind == "static" else best) for o in self.objectives}

    def notices(self) -> list[str]:
        if {"val_loss", "val_r2"} <= set(self.names):
            return [
                "val_loss and val_r2 are one objective in two units (R² = 1 - MSE / variance): "
                "the front will be a single point"
            ]
        return []


REFERENCE = 1.1
"""The corner of hypervolumes over objectives from 0 to 1: the ends of a front count too."""


def normalise(points: ArrayLike, goals: Goals) -> NDArray[np.float64]:
    """Scale minimised points [n, objectives] to 0..1 over all of them, each objective by itself.

    On the logarithm where an objective is best read so and every value is above 0.
    """
    values = np.array(points, float).reshape(-1, len(goals.objectives))
    if len(values) == 0:
        return values
    for n, objective in enumerate(goals.objectives):
        if objective.scale == "log" and (values[:, n] > 0).all():
            values[:, n] = np.log(values[:, n])
    low, high = values.min(0), values.max(0)
    scaled: NDArray[np.float64] = (values - low) / np.where(high > low, high - low, 1.0)
    return scaled


def make_goals(objectives: list[Objective]) -> Goals:
    """Check a study's objectives: at least one, none twice, at least one learned."""
    names = [o.name for o in objectives]
    if twice := [n for n in names if names.count(n) > 1]:
        raise LstmoptError(
            f"an objective counts once, found {twice[0]!r} {names.count(twice[0])} times: "
            "name it once"
        )
    if not any(o.kind == "learned" for o in objectives):
        raise LstmoptError(
            f"a study needs an objective that is learned, found only {', '.join(names) or 'none'}: "
            "add val_loss"
        )
    return Goals(tuple(objectives))
