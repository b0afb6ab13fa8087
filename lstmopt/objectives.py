"""What is measured: static (known before training), or with each report of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from lstmopt.errors import LstmoptError
from lstmopt.pruning.trial_curves import Trials, TrialView
from lstmopt.search_space import Architecture, Params

if TYPE_CHECKING:
    from lstmopt.epoch import Epoch
    from lstmopt.plugin.strategy import Objective


@dataclass(frozen=True)
class ForecastCost:
    """What one forecast of an architecture costs; what static objectives measure.

    Attributes:
        architecture: The hyperparameters that decide it.
        latency_ms: Median time of one forecast on the study's device, in milliseconds.
        latency_spread_ms: Interquartile range of these times, in milliseconds.
        parameters: Number of weights.
        features: Columns of a forecast's input.
        window: Rows of a forecast's input.
        horizon: Values of a forecast.
    """

    architecture: Architecture
    latency_ms: float
    latency_spread_ms: float
    parameters: int
    features: int = 1
    window: int = 24
    horizon: int = 1

    def __getitem__(self, name: str) -> Any:
        """Return a hyperparameter of the architecture, such as ``hidden_size``."""
        return self.architecture[name]

    @property
    def model_mb(self) -> float:
        """Size of the float32 weights in megabytes (10^6 bytes)."""
        return self.parameters * 4 / 1e6


@dataclass(frozen=True)
class MeanCost:
    """What one forecast of an average costs; an architecture it has none.

    Attributes:
        latency_ms: Median time of one forecast, a member after the other, in milliseconds.
        latency_spread_ms: Interquartile range of these times, in milliseconds.
        parameters: Numbers that its members hold.
        model_mb: What they take in megabytes (10^6 bytes).
        features: Columns of a forecast's input.
        window: Rows of a forecast's input.
        horizon: Values of a forecast.
    """

    latency_ms: float
    latency_spread_ms: float
    parameters: int
    model_mb: float
    features: int
    window: int
    horizon: int


Positive = Annotated[float, Meta(gt=0)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a forecaster may cost at most, each None for no limit.

    What breaks one of the first three is never trained.

    Attributes:
        max_latency_ms: Time of one forecast, in milliseconds.
        max_parameters: Number of weights.
        max_memory_mb: What training a candidate may take beyond what a worker holds anyway, in
            megabytes (10^6 bytes): predicted before it (see `training.memory_estimate`) and held to
            while it trains.
        max_trial_seconds: Training of a candidate, in seconds; it ends there.
    """

    max_latency_ms: Positive | None = None
    max_parameters: Annotated[int, Meta(ge=1)] | None = None
    max_memory_mb: Positive | None = None
    max_trial_seconds: Positive | None = None

    def excess(self, cost: ForecastCost | MeanCost, memory_mb: float = 0.0) -> dict[str, float]:
        """Return by which share each limit is exceeded, by its name: at most 0 is within it."""
        excess = {}
        if self.max_latency_ms is not None:
            excess["max_latency_ms"] = cost.latency_ms / self.max_latency_ms - 1
        if self.max_parameters is not None:
            excess["max_parameters"] = cost.parameters / self.max_parameters - 1
        if self.max_memory_mb is not None:
            excess["max_memory_mb"] = memory_mb / self.max_memory_mb - 1
        return excess


@dataclass(frozen=True)
class Goals:
    """The objectives of a study, in the order of the values that a trial is told.

    Attributes:
        objectives: At least one, of which one is learned; `make_goals` checks that.
        cumulative: Whether a report takes in all before it, as a mean over folds does: then a
            trial's last report counts and not its best.
    """

    objectives: tuple[Objective, ...]
    cumulative: bool = False

    @property
    def names(self) -> list[str]:
        """The objectives' names."""
        return [o.name for o in self.objectives]

    @property
    def directions(self) -> list[Literal["minimize", "maximize"]]:
        """The objectives' directions, as Optuna takes them."""
        return [o.direction for o in self.objectives]

    @property
    def learned(self) -> list[Objective]:
        """The objectives that training shows, in this order: learned and forecast ones."""
        return [o for o in self.objectives if o.kind != "static"]

    @property
    def forecast(self) -> list[Objective]:
        """The learned objectives that are measured from validation forecasts, in this order."""
        return [o for o in self.objectives if o.kind == "forecast"]

    @property
    def static(self) -> list[Objective]:
        """The objectives that are known before training, in this order."""
        return [o for o in self.objectives if o.kind == "static"]

    def told(self, values: Mapping[str, float | None]) -> list[float]:
        """Return a finished trial's values in this order, as they are told."""
        found = (values[o.name] for o in self.objectives)
        return [value for value in found if value is not None]

    def minimised(self, values: Mapping[str, float | None]) -> list[float]:
        """Return a finished trial's values in this order, turned so that lower is better."""
        told = zip(self.objectives, self.told(values), strict=True)
        return [o.minimised(value) for o, value in told]

    def minimised_static(self, static: Mapping[str, float]) -> tuple[float, ...]:
        """Return the static objectives in this order, turned so that lower is better."""
        return tuple(o.minimised(static[o.name]) for o in self.static)

    def static_values(self, cost: ForecastCost | MeanCost) -> dict[str, float]:
        """Return the static objectives of an architecture, by name, in their own units."""
        return {o.name: o.value(cost) for o in self.static}

    def trial_view(
        self, number: int, static: Mapping[str, float], curve: Sequence[Epoch]
    ) -> TrialView:
        """Return a trial as a pruner sees it: everything turned so that lower is better."""
        by_name = {o.name: o for o in self.objectives}
        return TrialView(
            number,
            {name: by_name[name].minimised(value) for name, value in static.items()},
            {o.name: [o.minimised(o.at(e)) for e in curve] for o in self.learned},
            self.cumulative,
        )

    def no_trials(self) -> Trials:
        """Return the columns in which a study's trials are compared, without any trial yet."""
        static, learned = [o.name for o in self.static], [o.name for o in self.learned]
        return Trials(static, learned, self.cumulative)

    def what_counts(self, curve: Sequence[Epoch]) -> Epoch:
        """Return the report by which a candidate is judged: its best, or the last of folds."""
        return curve[-1] if self.cumulative else min(curve, key=lambda epoch: epoch.val_loss)

    def values(self, static: Mapping[str, float], curve: Sequence[Epoch]) -> dict[str, float]:
        """Return a trained candidate's values at the report that counts.

        That is its best epoch, whose weights are kept; with several folds, their mean. ``static``
        holds its static objectives, by name.
        """
        found = self.what_counts(curve)
        return {
            o.name: static[o.name] if o.kind == "static" else o.at(found) for o in self.objectives
        }

    def notices(self) -> list[str]:
        """Return a line for each pair of objectives that say the same."""
        if {"val_loss", "val_r2"} <= set(self.names):
            return [
                "val_loss and val_r2 are one objective in two units (R² = 1 - MSE / variance): "
                "the front will be a single point"
            ]
        return []


class CandidateCosts(Protocol):
    """What a search knows of a candidate before it trains."""

    def is_known(self, params: Params) -> bool:
        """Return whether its static objectives are known without measuring them."""

    def static(self, params: Params) -> dict[str, float]:
        """Return its static objectives, by name."""

    def excess(self, params: Params) -> dict[str, float]:
        """Return by which share it exceeds each limit, by the limit's name."""


@dataclass(frozen=True)
class ForecastCosts:
    """What forecasts cost, by architecture, as a search asks for it.

    Attributes:
        costs: The cost of each architecture, which may be measured when it is asked for.
        goals: What a study optimises.
        limits: What a forecaster may cost at most.
        memory_mb: Predicts what training a candidate takes, in megabytes (10^6 bytes).
        training: Hyperparameters beside the standard ones that do not decide a cost.
    """

    costs: Mapping[Architecture, ForecastCost]
    goals: Goals
    limits: Limits
    memory_mb: Callable[[Params], float] = lambda _: 0.0
    training: Collection[str] = ()

    def of(self, params: Params) -> ForecastCost:
        """Return what a candidate's forecasts cost."""
        return self.costs[Architecture.of(params, self.training)]

    def is_known(self, params: Params) -> bool:
        """Return whether what a candidate's forecasts cost is known without measuring it."""
        return Architecture.of(params, self.training) in self.costs

    def static(self, params: Params) -> dict[str, float]:
        """Return a candidate's static objectives, by name."""
        return self.goals.static_values(self.of(params))

    def excess(self, params: Params) -> dict[str, float]:
        """Return by which share a candidate exceeds each limit, by the limit's name."""
        return self.limits.excess(self.of(params), self.memory_mb(params))


def normalise(points: ArrayLike, goals: Goals) -> NDArray[np.float64]:
    """Scale minimised points to 0..1 over all of them, each objective by itself.

    On the logarithm where an objective is best read so and every value is above 0.

    Args:
        points: Values, lower is better [points, objectives].
        goals: The objectives, in the order of the columns.

    Returns:
        The scaled points [points, objectives]; an objective that is the same in all is 0.
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


def make_goals(objectives: list[Objective], cumulative: bool = False) -> Goals:
    """Check a study's objectives.

    Args:
        objectives: In the order in which a trial is told their values.
        cumulative: Whether a trial's last report counts, not its best (see `Goals`).

    Returns:
        The goals.

    Raises:
        LstmoptError: Where one is named twice, and where all are static.
    """
    names = [o.name for o in objectives]
    if twice := [n for n in names if names.count(n) > 1]:
        raise LstmoptError(
            f"an objective counts once, found {twice[0]!r} {names.count(twice[0])} times: "
            "name it once"
        )
    if all(o.kind == "static" for o in objectives):
        raise LstmoptError(
            f"a study needs an objective that is learned, found only {', '.join(names) or 'none'}: "
            "add val_loss"
        )
    return Goals(tuple(objectives), cumulative)
