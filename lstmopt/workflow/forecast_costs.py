"""What forecasts cost in a study: measured once, on one device, and kept with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace as replaced

import msgspec
import torch

from lstmopt.errors import LstmoptError
from lstmopt.execution.engine import Engine, no_cluster
from lstmopt.objectives import ForecastCost, Goals, Limits
from lstmopt.results.document import ABOUT, StudyAbout
from lstmopt.search.observer import Observer
from lstmopt.search_space import Architecture, Space
from lstmopt.storage.study_store import StoredStudy
from lstmopt.system.host import host
from lstmopt.training.latency import Setting, forecast_costs
from lstmopt.workflow.job import Job

MOST_AT_ONCE = 64
"""Architectures that are measured before a search; of a larger space those that it comes to."""

Measure = Callable[[Sequence[Architecture]], dict[Architecture, ForecastCost]]
"""Measures what forecasts cost."""


class Costs(dict[Architecture, ForecastCost]):
    """What forecasts cost, measured when it is asked for.

    ``measure`` measures what is missing, with nothing else running in a context of ``alone``; what
    it gives is checked by ``goals``, which refuse what is no number.
    """

    def __init__(
        self,
        known: dict[Architecture, ForecastCost],
        measure: Measure,
        goals: Goals,
        alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        super().__init__()
        self._measure, self._goals = measure, goals
        self._alone = [alone]
        self._take(known)

    def __missing__(self, architecture: Architecture) -> ForecastCost:
        with ExitStack() as stack:
            for alone in self._alone:
                stack.enter_context(alone())
            self._take(self._measure([architecture]))
        return self[architecture]

    def also_alone(self, alone: Callable[[], AbstractContextManager[None]]) -> None:
        """Measure in this context too from now on."""
        self._alone.append(alone)

    def measure_all(self, architectures: Sequence[Architecture]) -> None:
        """Measure all that are missing; nothing trains yet."""
        missing = [a for a in architectures if a not in self]
        if missing:
            self._take(self._measure(missing))

    def _take(self, found: dict[Architecture, ForecastCost]) -> None:
        for cost in found.values():
            self._goals.static_values(cost)
        self.update(found)


def with_costs(
    job: Job, stored: StoredStudy | None, observer: Observer, engine: Engine | None = None
) -> tuple[Job, Costs]:
    """Return what forecasts cost: as the study has it, or measured, once and on one device.

    All architectures of a small space are measured now, those of a large one when they are asked
    for. The job then says where that is. Raises LstmoptError where the limits leave no
    architecture, and where a static objective cannot measure one.
    """
    known, place = _known_costs(stored)
    here = latency_place(job)
    costs = Costs(
        known,
        lambda wanted: measure_costs(job, observer, engine, wanted),
        job.goals,
        engine.alone if engine else nullcontext,
    )
    if known and place != here:
        observer.notice(f"latencies are those of {place or 'the machine it began on'}")
    else:
        place = here
    costs.measure_all(first_measured(job.plan.space))
    if job.plan.space.has_few_architectures(MOST_AT_ONCE):
        _check_limits(job.plan.limits, list(costs.values()))
    return replaced(job, latency_on=place), costs


def first_measured(space: Space) -> list[Architecture]:
    """List the architectures that are measured before anything trains.

    All of a small space; of a large one a single one, so that what cannot be measured is refused
    before a study is made.
    """
    few = space.has_few_architectures(MOST_AT_ONCE)
    return space.architectures(None if few else 1)


def _known_costs(stored: StoredStudy | None) -> tuple[dict[Architecture, ForecastCost], str]:
    """Return what a study says that forecasts cost, and where they were timed."""
    known = stored.study.user_attrs.get(ABOUT) if stored else None
    if known is None:
        return {}, ""
    about = msgspec.convert(known, StudyAbout)
    return {e.architecture: e.cost for e in about.architectures}, about.study.latency_on


def latency_place(job: Job) -> str:
    """Say where forecasts of a study are timed now."""
    worker = job.config.engine.latency_on
    return f"{f'worker {worker}' if worker else host()}, {job.device}"


def measure_costs(
    job: Job,
    observer: Observer,
    engine: Engine | None = None,
    architectures: Sequence[Architecture] | None = None,
) -> dict[Architecture, ForecastCost]:
    """Measure architectures, all that are first measured by default, alone on their machine."""
    setting = Setting(job.split.train.columns, job.device, families=job.families)
    if architectures is None:
        architectures = first_measured(job.plan.space)
    worker = job.config.engine.latency_on
    if worker and engine is None:
        raise no_cluster(worker)
    if worker and engine:
        costs = engine.forecast_costs(worker, architectures, setting)
        for architecture, cost in costs.items():
            observer.measured(architecture, cost.latency_ms)
        return costs
    if setting.device.startswith("cuda") and not torch.cuda.is_available():
        raise LstmoptError(
            "forecasts on cuda are timed where there is a GPU, found none on this machine: name a "
            "worker with --latency-on"
        )
    return forecast_costs(
        architectures,
        setting,
        measured=lambda a, latency: observer.measured(a, latency.median_ms),
    )


def _check_limits(limits: Limits, costs: Sequence[ForecastCost]) -> None:
    """Refuse limits that no architecture keeps."""
    least = min(costs, key=lambda cost: max(limits.excess(cost).values(), default=0.0))
    for name, value in limits.excess(least).items():
        if value > 0:
            raise LstmoptError(
                f"{name} must leave an architecture to train, found that "
                f"{least.architecture} with {least.latency_ms:.3g} ms and "
                f"{least.parameters} parameters comes closest: raise it or widen the space"
            )
