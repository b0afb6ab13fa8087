"""Means of refits and baselines, built on validation: points that may be chosen and deployed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lstmopt.data.windows import Part
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baselines import FittedBaseline
from lstmopt.forecasting.ensemble_selection import MOST_MEMBERS, error_products, greedy_path
from lstmopt.forecasting.members import BaselineMember, Mean, Member
from lstmopt.objectives import Goals, Limits, MeanCost
from lstmopt.plugin.registry import Registry
from lstmopt.plugin.strategy import Named
from lstmopt.system.deadline import Deadline
from lstmopt.training.forecast_objectives import ForecastObjectives, Measured
from lstmopt.training.latency import time_calls
from lstmopt.training.metrics import Quantiles, score
from lstmopt.workflow.refits import Finalist, Refit

Made = Literal["refits", "networks", "networks and baselines"]
"""What an average is of: a finalist's refits, or the best of what there is."""


@dataclass(frozen=True)
class PoolMember:
    """Something that an average may be made of.

    Attributes:
        member: What forecasts.
        validation: Its forecasts at every origin of the validation part [windows, horizon].
        trial: The number of a network's trial, None for a baseline.
        number: Which of the trial's refits it is, from 1 on; 0 where the search trained it.
        refit: A network as it was trained.
        baseline: A baseline as it was fitted.
        quantiles: Its quantiles of the validation part, where it has any and an objective measures
            them.
    """

    member: Member
    validation: NDArray[np.float32]
    trial: int | None = None
    number: int = 0
    refit: Refit | None = None
    baseline: FittedBaseline | None = None
    quantiles: Quantiles | None = None


@dataclass(frozen=True)
class Average:
    """A mean of members of a pool.

    Attributes:
        number: Which of a study's averages it is, from 1 on.
        made: What it is of.
        members: Its members.
        counts: How often each is in it [members].
        values: Every objective on validation.
        mse: Its squared error there.
        cost: What one forecast costs.
    """

    number: int
    made: Made
    members: tuple[PoolMember, ...]
    counts: tuple[int, ...]
    values: dict[str, float]
    mse: float
    cost: MeanCost

    @cached_property
    def mean(self) -> Mean:
        """What forecasts."""
        return Mean(tuple(each.member for each in self.members), self.counts)


@dataclass(frozen=True)
class Averaging:
    """How averages are built.

    Attributes:
        goals: What a study optimises.
        limits: What a forecaster may cost at most; an average that breaks one is left out.
        validation: The part that they are built on.
        measure: The study's forecast objectives there, None where it has none.
        registry: Where a saved model will look up its baselines.
        device: Where networks are timed.
        most: How many members one has at most, each counted as often as it is in it.
        deadline: When the last is to have been built.
        notice: Is told of those that were left out.
    """

    goals: Goals
    limits: Limits
    validation: Part
    measure: ForecastObjectives | None
    registry: Registry
    device: str = "cpu"
    most: int = MOST_MEMBERS
    deadline: Deadline = field(default_factory=Deadline)
    notice: Callable[[str], None] = lambda _: None

    def build(
        self, finalists: Sequence[Finalist], baselines: Sequence[FittedBaseline]
    ) -> list[Average]:
        """Build the averages of refits and baselines.

        They are the mean of each finalist's refits, and the greedy paths over all refits and over
        these and the baselines (see `greedy_path`): each mean of several members that is better
        than all before it, of those with the same members the last. Each is there once.

        Args:
            finalists: With their refits, or networks of the search.
            baselines: Those that cannot be saved are left out, those that a model could not find
                again as they are of a file, and those too slow to be seen at every origin.

        Returns:
            Those within the limits of which every objective is a finite number.
        """
        if self.deadline.left <= 0:
            self.notice("no time was left to build averages: give a longer --timeout")
            return []
        networks = [member for finalist in finalists for member in self._refits(finalist)]
        pool = [*networks, *self._baselines(baselines)]
        wanted = dict(_wanted(pool, len(networks), self._products(pool), self.most))
        found: list[Average] = []
        for done, (counts, made) in enumerate(wanted.items()):
            if self.deadline.left <= 0:
                self.notice(f"time was left for {done} of {len(wanted)} averages")
                break
            members = tuple(pool[place] for place, _ in counts)
            average = self._average(
                len(found) + 1, made, members, tuple(count for _, count in counts)
            )
            if average is not None:
                found.append(average)
        return found

    def _refits(self, finalist: Finalist) -> Iterator[PoolMember]:
        for number, refit in enumerate(finalist.refits, 1):
            member = refit.member
            number = number if finalist.seeds else 0
            quantiles = member.quantiles(self.validation) if self._measures_quantiles else None
            yield PoolMember(
                member,
                member(self.validation),
                finalist.trial.number,
                number,
                refit=refit,
                quantiles=quantiles,
            )

    @property
    def _measures_quantiles(self) -> bool:
        return any(objective.quantiles for objective in self.goals.objectives)

    def _baselines(self, baselines: Sequence[FittedBaseline]) -> Iterator[PoolMember]:
        for fitted in baselines:
            seen_everywhere = fitted.judged is not None and not fitted.judged.sampled
            installed = Named.parse(fitted.text).name in self.registry.names("baseline")
            if fitted.state and fitted.judged and seen_everywhere and installed:
                member = BaselineMember(fitted.text, fitted.state, self.registry)
                yield PoolMember(member, fitted.judged.forecasts, baseline=fitted)

    def _products(self, pool: Sequence[PoolMember]) -> NDArray[np.float64]:
        targets, mask = self.validation.gather_targets(self.validation.origins())
        return error_products([each.validation for each in pool], targets, mask)

    def _average(
        self,
        number: int,
        made: Made,
        members: tuple[PoolMember, ...],
        counts: tuple[int, ...],
    ) -> Average | None:
        """Measure a mean; None where it breaks a limit, or an objective has no number of it."""
        mean = Mean(tuple(each.member for each in members), counts)
        cost = self._cost(mean)
        if any(excess > 0 for excess in self.limits.excess(cost).values()):
            return None
        forecasts = mean.mean_of([each.validation for each in members])
        quantiles = mean.quantiles_of([each.quantiles for each in members])
        try:
            report = self._report(forecasts, quantiles)
            values = self.goals.values(self.goals.static_values(cost), [report])
        except LstmoptError as error:
            self.notice(f"an average is left out, as an objective cannot measure it: {error}")
            return None
        if not all(map(math.isfinite, values.values())):
            missing = [name for name, value in values.items() if not math.isfinite(value)]
            self.notice(f"an average is left out, as it has no {', '.join(missing)}")
            return None
        return Average(number, made, members, counts, values, report.val_loss, cost)

    def _cost(self, mean: Mean) -> MeanCost:
        part, shape = self.validation, self.validation.shape
        with threadpool_limits(1):
            latency = time_calls(mean.timed(part, self.device), self.device)
        return MeanCost(
            latency.median_ms,
            latency.spread_ms,
            mean.parameters,
            mean.megabytes,
            part.inputs.shape[1],
            shape.window,
            shape.horizon,
        )

    def _report(self, forecasts: NDArray[np.float32], quantiles: Quantiles | None) -> Epoch:
        """Return what validation forecasts [windows, horizon] came to, as a report has it."""
        origins = self.validation.origins()
        scores = score(forecasts, *self.validation.gather_targets(origins))
        measured = Measured()
        if self.measure:
            measured = self.measure.measure(forecasts, origins, quantiles)
        if measured.failure:
            raise LstmoptError(measured.failure)
        # a mean has no training of its own
        unknown, values = math.nan, dict(measured.values)
        return Epoch(1, unknown, scores.mse, scores.mae, scores.r2, unknown, values)


Counts = tuple[tuple[int, int], ...]
"""Places in a pool, ascending, and how often each is in a mean."""


def _wanted(
    pool: Sequence[PoolMember], networks: int, products: NDArray[np.float64], most: int
) -> Iterator[tuple[Counts, Made]]:
    """Yield the means that are worth measuring, each once; the first ``networks`` are networks."""
    made: dict[Counts, Made] = {}
    trials: dict[int | None, list[int]] = {}
    for place in range(networks):
        if pool[place].number:
            trials.setdefault(pool[place].trial, []).append(place)
    for places in trials.values():
        made.setdefault(tuple((place, 1) for place in places[:most]), "refits")
    paths: Mapping[Made, int] = {"networks": networks, "networks and baselines": len(pool)}
    for kind, size in paths.items():
        # other weights cost the same, and later ones are better
        last = {
            tuple(place for place, _ in selected.counts): selected.counts
            for selected in greedy_path(products[:size, :size], most)
        }
        for counts in last.values():
            common = math.gcd(*(count for _, count in counts))
            made.setdefault(tuple((place, count // common) for place, count in counts), kind)
    return ((counts, kind) for counts, kind in made.items() if len(counts) > 1)
