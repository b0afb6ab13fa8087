"""What forecasts cost in a study: measured once, on one device, and kept with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as replaced

import torch

from lstmopt.errors import LstmoptError
from lstmopt.execution.engine import Engine
from lstmopt.execution.open_engine import ClusterEngine
from lstmopt.objectives import ForecastCost, Limits, costs_of_table
from lstmopt.results.document import ABOUT
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

    The job then says where that was. Raises LstmoptError where the limits leave no architecture.
    """
    about = stored.study.user_attrs.get(ABOUT, {}) if stored else {}
    costs = costs_of_table(about.get("architectures", ()))
    if set(costs) >= set(job.plan.space.architectures()):
        place = about["study"].get("latency_on", "")
        if place != _latency_place(job):
            observer.notice(f"latencies are those of {place or 'the machine it began on'}")
    else:
        costs, place = measure_costs(job, observer, engine), _latency_place(job)
    _check_limits(job.plan.limits, list(costs.values()))
    return replaced(job, latency_on=place), costs


def _latency_place(job: Job) -> str:
    worker = job.config.engine.latency_on
    return f"{f'worker {worker}' if worker else host()}, {job.device}"


def measure_costs(job: Job, observer: Observer, engine: Engine | None = None) -> Costs:
    """Measure every architecture of the space, alone on its machine: no candidate trains yet."""
    features = job.split.train.inputs.shape[1]
    setting = Setting(features, job.config.task.window, job.config.task.horizon, job.device)
    architectures = job.plan.space.architectures()
    if worker := job.config.engine.latency_on:
        if not isinstance(engine, ClusterEngine):
            raise LstmoptError(
                f"--latency-on names a worker of a cluster, found {worker!r} and no cluster: give "
                "--engine, or leave it out"
            )
        costs = engine.executor.measure(worker, architectures, setting)
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
