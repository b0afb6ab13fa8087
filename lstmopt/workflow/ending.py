"""What comes after the search: refits, baselines, the choice, the test part, the saved model."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from lstmopt.data.windows import Shape
from lstmopt.execution.engine import Engine
from lstmopt.forecasting.background_fit import BackgroundFit
from lstmopt.forecasting.baselines import FittedBaseline
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.judging import MOST_SECONDS
from lstmopt.forecasting.model_history import ModelHistory
from lstmopt.objectives import ForecastCosts
from lstmopt.results.document import Outcome
from lstmopt.search.observer import Observer
from lstmopt.search_space import Architecture
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.deadline import Deadline
from lstmopt.workflow.finalists import choose, describe, open_test
from lstmopt.workflow.job import Job
from lstmopt.workflow.refit_all import train_on_all, until
from lstmopt.workflow.refits import (
    Finalist,
    Refit,
    RefitPlan,
    as_searched,
    longest_seconds,
    refit_all,
)

_TESTING = 1.5
"""Seconds that choosing, testing and saving take beside the baselines' forecasts."""
_FORECASTS, _FORECASTS_SHARE = 2.0, 0.05
"""The baselines' forecasts of the test part take so many times those of validation, but no more
than so large a share of the call."""
_ALL_ROWS_SHARE = 0.1
"""The most of a call's time that is left for training on all rows."""


@dataclass(frozen=True)
class Finished:
    """What came of a study's finalists.

    Attributes:
        deployed: The network that was saved.
        outcome: What the record says of it and of the others.
    """

    deployed: Refit
    outcome: Outcome


class Ending:
    """Ends a study in the time that it has; baselines are fitted from the beginning on.

    Args:
        job: A job that was prepared.
        costs: What forecasts cost.
        engine: Where candidates are trained.
        observer: Is told what there was no time for.
        deadline: When the study is to have ended.
    """

    def __init__(
        self,
        job: Job,
        costs: ForecastCosts,
        engine: Engine,
        observer: Observer | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self._job, self._costs, self._engine = job, costs, engine
        self._observer, self._deadline = observer or Observer(), deadline or Deadline()
        self._say = self._observer.notice
        self._baselines = BackgroundFit(
            job.registry,
            job.config.baselines,
            job.split.folds,
            job.series.season,
            _FORECASTS_SHARE * self._deadline.seconds,
        )

    def seconds(self, front: Sequence[TrialRecord]) -> float:
        """Predict how long the ending takes with this front: what a search should leave for it.

        Args:
            front: The front so far.

        Returns:
            Seconds.
        """
        refits = self._plan(front).kept_back(front, self._engine.workers)
        return refits + self._after_refits(front)

    def _after_refits(self, front: Sequence[TrialRecord]) -> float:
        """Predict what testing and training on all rows take."""
        last = 0.0
        if self._trains_on_all:
            predicted = self._all_rows_seconds(longest_seconds(front, self._job.reports))
            last = min(predicted, _ALL_ROWS_SHARE * self._deadline.seconds)
        return _TESTING + self._forecasting() + last

    def _forecasting(self) -> float:
        """Return what the baselines' forecasts of the test part may take, in seconds."""
        predicted = _FORECASTS * self._baselines.scoring_seconds
        return min(predicted, _FORECASTS_SHARE * self._deadline.seconds)

    @property
    def _trains_on_all(self) -> bool:
        return self._job.config.finalists.refit == "all"

    def _all_rows_seconds(self, seconds: float) -> float:
        """Predict what training on all rows takes, from what the training part took."""
        ends = self._job.split.ends
        return seconds * ends[2] / ends[0]

    def _plan(self, front: Sequence[TrialRecord]) -> RefitPlan:
        config, finalists = self._job.config, self._job.config.finalists
        deadline = self._deadline.keeping(self._after_refits(front))
        return RefitPlan(finalists.seeds, self._job.reports, finalists.pick, config.seed, deadline)

    def finish(self, candidates: Sequence[TrialRecord], named: bool = False) -> Finished:
        """Refit the candidates, choose one on validation, open the test part, save the model.

        Args:
            candidates: Trials that have values.
            named: Whether the only candidate was named by its number, not picked.

        Returns:
            What came of them.
        """
        job = self._job
        finalists = self._refit(candidates)
        fitted = self._baselines.result(max(0.0, self._deadline.left - _TESTING))
        if fitted.late:
            self._say(f"no time was left to fit {', '.join(fitted.late)}: give a longer --timeout")
        chosen = choose(finalists, job.goals, job.config.finalists.pick)
        verdict = open_test(
            chosen,
            finalists,
            job.split,
            fitted.baselines,
            job.families,
            self._seconds_each(fitted.baselines),
        )
        for notice in verdict.notices():
            self._say(notice)
        job.folder.write(
            job.folder.forecasts, verdict.forecasts.to_csv(index=False, float_format="%.12g")
        )
        save_model(job, verdict.deployed)
        latency = self._costs.of(verdict.deployed.candidate.params).latency_ms
        pick = "named" if named else job.config.finalists.pick
        outcome = describe(
            verdict, pick, latency, job.split.scaling.target_std, job.series_features
        )
        return Finished(verdict.deployed, outcome)

    @property
    def _fit(self) -> str:
        """The command that refits this run."""
        return f"lstmopt fit {shlex.quote(str(self._job.folder.path))}"

    def _seconds_each(self, baselines: Sequence[FittedBaseline]) -> float:
        """Return what forecasting the test part may take a slow baseline, in seconds."""
        if not self._deadline.is_set:
            return MOST_SECONDS["test"]
        left = min(self._forecasting(), max(0.0, self._deadline.left))
        slow = sum(_FORECASTS * b.scoring_seconds * len(baselines) > left for b in baselines)
        return min(MOST_SECONDS["test"], left / max(1, slow))

    def with_all_rows(self, finished: Finished) -> Outcome:
        """Train the network that was just saved on all rows, where the study says so.

        Args:
            finished: What came of the finalists.

        Returns:
            What the record says of it, with what was trained.

        Raises:
            MachineError: Where that fails; the tested network stays.
        """
        outcome, deployed = finished.outcome, finished.deployed
        if not self._trains_on_all:
            return outcome
        curve = deployed.curve
        took = deployed.best_epoch * sum(e.seconds for e in curve) / curve[-1].number
        if self._all_rows_seconds(took) > self._deadline.left:
            self._say(
                f"no time was left to train the deployed network on all rows: {self._fit} --all"
            )
            return outcome
        return msgspec.structs.replace(outcome, all_rows=train_on_all(self._job, self._observer))

    def _refit(self, candidates: Sequence[TrialRecord]) -> list[Finalist]:
        plan = self._plan(candidates)
        finalists = refit_all(candidates, self._costs, self._engine, plan)
        done, all_of_them = sum(f.seeds for f in finalists), plan.seeds * len(candidates)
        if finalists:
            if done < all_of_them and self._deadline.is_set:
                self._say(f"time was left for {done} of {all_of_them} refits of the front")
            return finalists
        self._say(
            "no time was left to train a candidate of the front anew: the network of the search "
            f"is deployed; {self._fit} trains the front with other seeds"
        )
        checkpoint_of = partial(_checkpoint_of, job=self._job)
        return [as_searched(candidates, self._costs, self._engine, plan, checkpoint_of)]


def _checkpoint_of(trial: TrialRecord, job: Job) -> bytes | None:
    return job.folder.last_checkpoint(trial.number)


def save_model(job: Job, deployed: Refit) -> None:
    """Write the weights and what is needed to load them and forecast.

    Args:
        job: A job that was prepared.
        deployed: The network.
    """
    window = job.families.window(deployed.candidate.params, job.split.train.columns)
    Forecaster(
        deployed.weights,
        Architecture.of(deployed.candidate.params, job.plan.space.training),
        job.split.train.inputs.shape[1],
        Shape(window, job.config.task.horizon),
        job.split.scaling,
        job.series.step,
        job.series.calendar,
        job.series.reading,
        ModelHistory(
            params=dict(deployed.candidate.params),
            seed=deployed.candidate.seed,
            reports=deployed.best_epoch,
            until=until(job),
        ),
    ).save(job.folder.weights)
