"""Real work: studies that train networks on a series, on a named device."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace as replaced
from functools import cached_property
from pathlib import Path
from typing import Any

from lstmopt.config.options import BudgetOptions, Config
from lstmopt.config.study_file import replace
from lstmopt.plugin.registry import Registry
from lstmopt.plugin.strategy import Named
from lstmopt.search.observer import Observer
from lstmopt.search_space import Space
from lstmopt.warm_start.past_studies import Frame, read_past
from lstmopt.warm_start.protocols import Beginning, PastStudy
from lstmopt.workflow.forecast_costs import measure_costs
from lstmopt.workflow.job import Job, prepare
from lstmopt.workflow.run_study import open_search, start_engine

from . import studies
from .contenders import NONE, RANDOM, Contender
from .events import Study
from .scale import TaskScale

_PILOT = Contender("pilot", RANDOM, NONE, stream=2)


class RealTask:
    """A study file as work for contenders.

    ``seconds`` is the wall-clock of one study's search, beside its epochs. An interrupted study
    begins anew: the wall-clock of two halves could not be compared with anyone's.
    """

    def __init__(
        self,
        config: Config,
        device: str,
        seconds: float | None = None,
        past: Sequence[Path] = (),
        plugins: Sequence[Path] = (),
    ) -> None:
        studies.check_one_fold(config)
        self._config = replace(config, device=device, plugins=tuple(map(str, plugins)))
        self._seconds, self._past = seconds, tuple(past)
        self.name, self.epochs = f"{config.name} ({device})", config.training.epochs

    def check(self, contenders: Sequence[Contender], registry: Registry) -> None:
        """Refuse what a contender cannot do, and a study that could not run."""
        for contender in contenders:
            job = self._job(contender, 0, 1)
            plan = studies.make_plan(contender, 0, job.goals, job.plan.space, 1, registry)
            plan.make_sampler(0)
            self._begin(contender, plan.space, registry)

    def describe(self) -> dict[str, Any]:
        """Return what a report says of the task."""
        identity = self._plain_job.identity() | {"device": self._plain_job.device}
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
        return {
            "kind": "real",
            "fingerprint": digest.hexdigest()[:12],
            "objectives": self._plain_job.goals.names,
            "device": self._plain_job.device,
            "workers": self._plain_job.workers,
            "seconds": self._seconds,
            "source": Path(self._config.data.path).name,
        }

    def freeze(self, epochs: int, registry: Registry) -> TaskScale:
        """Return bounds and front of a pilot: random search with seeds that nobody else has."""
        study = self.search(_PILOT, 0, epochs, None, registry)
        points = [trial.values for trial in study.trials if trial.values]
        goals = self._plain_job.goals
        scale = TaskScale.of(points, [o.kind == "static" for o in goals.objectives])
        costs = measure_costs(self._plain_job, Observer()).values()
        low, high = list(scale.low), list(scale.high)
        for n, objective in enumerate(goals.objectives):
            if objective.kind == "static":
                values = [objective.minimised(objective.value(cost)) for cost in costs]
                low[n], high[n] = min(values), max(values)
        return replaced(scale, low=tuple(low), high=tuple(high))

    def search(
        self, contender: Contender, seed: int, epochs: int, trials: int | None, registry: Registry
    ) -> Study:
        """Let a contender spend ``epochs`` of training, and no more seconds than it has."""
        with tempfile.TemporaryDirectory(prefix="lstmopt-bench-") as folder:
            job = self._job(contender, seed, epochs, Path(folder))
            opened = open_search(job, Observer())
            bounded = trials is None or epochs < trials * self.epochs
            plan = studies.make_plan(
                contender, seed, job.goals, job.plan.space, epochs, registry, trials, bounded
            )
            plan = replaced(plan, seconds=job.plan.seconds)
            with start_engine(job) as engine:
                start = time.perf_counter()
                work = studies.StudyWork(
                    self.name,
                    epochs,
                    opened.costs,
                    engine,
                    opened.context.stored,
                    job.folder,
                    full_values=lambda params: None,
                    device=job.device,
                    clock=lambda: time.perf_counter() - start,
                )
                beginning = self._begin(contender, plan.space, registry)
                return studies.search(work, plan, contender, seed, registry, beginning)

    def _begin(self, contender: Contender, space: Space, registry: Registry) -> Beginning:
        target = self._plain_job.series.target_fingerprint
        return studies.begin(contender, space, self._past_studies, registry, target)

    @cached_property
    def _plain_job(self) -> Job:
        return self._job(_PILOT, 0, 1)

    def _past_studies(self) -> list[PastStudy]:
        job = self._plain_job
        costs = job.forecast_costs(measure_costs(job, Observer()))
        frame = Frame(job.goals, job.plan.space, costs, job.work(), job.series_features)
        places = [str(path) for path in self._past]
        return read_past(places, job.folder.path, frame)[0]

    def _job(self, contender: Contender, seed: int, epochs: int, out: Path = Path()) -> Job:
        seconds = self._seconds and self._seconds * contender.budget_factor
        config = replace(
            self._config,
            seed=contender.study_seed(seed),
            sampler=_table(contender.sampler),
            pruner=_table(contender.pruner),
            warm_start={"name": "none"},
            budget=BudgetOptions(trials=epochs, epochs=epochs, timeout=seconds),
        )
        return prepare(config, out)


def _table(choice: Named) -> dict[str, Any]:
    return {"name": choice.name, **choice.options}
