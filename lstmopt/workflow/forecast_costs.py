"""What forecasts cost in a study: measured once, on one device, and kept with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as replaced

import msgspec
import torch

from lstmopt.errors import LstmoptError
from lstmopt.execution.engine import Engine, no_cluster
from lstmopt.objectives import ForecastCost, Limits
from lstmopt.results.document import ABOUT, StudyAbout
from lstmopt.search.observer import Observer
from lstmopt.search_space import Architecture
from lstmopt.storage.study_store import StoredStudy
from lstmopt.system.host import host
from lstmopt.training.latency import Setting, forecast_costs
from lstmopt.workflow.job import Job

Costs = dict[Architecture, ForecastCost]
"""What a forecast of each architecture of a space costs."""


def with_costs(
    job: Job, stored: StoredStudy | None, observer: Observer, engine: Engine | None = None
) -> tuple[Job, Costs]:
    """Return what forecasts cost: as the study has it, or measured, once and on one device.

    The job then says where that was. Raises LstmoptError where the limits leave no architecture,
    and where a static objective cannot measure one.
    """
    costs, place = _known_costs(stored)
    if set(costs) >= set(job.plan.space.architectures()):
        if place != _latency_place(job):
            observer.notice(f"latencies are those of {place or 'the machine it began on'}")
    else:
        costs, place = measure_costs(job, observer, engine), _latency_place(job)
    _check_limits(job.plan.limits, list(costs.values()))
    for cost in costs.values():
        job.goals.static_values(cost)  # refuses what is no number before a study is made
    return replaced(job, latency_on=place), costs


def _known_costs(stored: StoredStudy | None) -> tuple[Costs, str]:
    """Return what a study says that forecasts cost, and where they were timed."""
    known = stored.study.user_attrs.get(ABOUT) if stored else None
    if known is None:
        return {}, ""
    about = msgspec.convert(known, StudyAbout)
    return {e.architecture: e.cost for e in about.architectures}, about.study.latency_on


def _latency_place(job: Job) -> str:
    worker = job.config.engine.latency_on
    return f"{f'worker {worker}' if worker else host()}, {job.device}"


def measure_costs(job: Job, observer: Observer, engine: Engine | None = None) -> Costs:
    """Measure every architecture of the space, alone on its machine: no candidate trains yet."""
    features = job.split.train.inputs.shape[1]
    setting = Setting(features, job.config.task.window, job.config.task.horizon, job.device)
    architectures = job.plan.space.architectures()
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
                f"{least.num_layers} x {least.hidden_size} with {least.latency_ms:.3g} ms and "
                f"{least.parameters} parameters comes closest: raise it or widen the space"
            )
