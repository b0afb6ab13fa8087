"""What comes after the search: refits, baselines, the choice, the test part, the saved model."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import msgspec

from lstmopt.data.windows import Shape
from lstmopt.execution.engine import Engine
from lstmopt.forecasting.background_fit import BackgroundFit
from lstmopt.forecasting.baselines import FittedBaseline
from lstmopt.forecasting.conformal import Conformal
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.judging import MOST_SECONDS
from lstmopt.forecasting.members import Mean
from lstmopt.forecasting.model_history import ModelHistory
from lstmopt.objectives import ForecastCosts
from lstmopt.results.document import Outcome
from lstmopt.search.observer import Observer
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.deadline import Deadline
from lstmopt.workflow.averages import Average, Averaging
from lstmopt.workflow.calibration import IntervalPlan
from lstmopt.workflow.finalists import Point, choose, open_test
from lstmopt.workflow.forecast_costs import latency_place
from lstmopt.workflow.job import Job, forecast_objectives
from lstmopt.workflow.outcome import describe
from lstmopt.workflow.refit_all import train_on_all, until
from lstmopt.workflow.refits import (
    Finalist,
    Refit,
    RefitPlan,
    as_searched,
    is_telling,
    kept_from_search,
    longest_seconds,
    refit_all,
)

_TESTING = 1.5
"""Seconds that choosing, testing and saving take beside the baselines' forecasts."""
_FORECASTS, _FORECASTS_SHARE = 3.0, 0.05
"""The baselines' forecasts of the calibration and the test part take so many times those of
validation, but no more than so large a share of the call."""
_AVERAGING, _AVERAGING_SHARE = 8.0, 0.03
"""Seconds that building averages may well take, but no more than so large a share of the call."""
_ALL_ROWS_SHARE = 0.1
"""The most of a call's time that is left for training on all rows."""


@dataclass(frozen=True)
class Finished:
    """What came of a study's finalists.

    Attributes:
        chosen: What was saved: of a trial the refit that is best on validation, or an average.
        outcome: What the record says of it and of the others.
    """

    chosen: Point
    outcome: Outcome

    @property
    def refits(self) -> tuple[Refit, ...]:
        """The networks that were saved."""
        if isinstance(self.chosen, Finalist):
            return (self.chosen.best,)
        return tuple(member.refit for member in self.chosen.members if member.refit)

    @property
    def baselines(self) -> tuple[FittedBaseline, ...]:
        """The baselines that were saved."""
        if isinstance(self.chosen, Finalist):
            return ()
        return tuple(member.baseline for member in self.chosen.members if member.baseline)


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

    def still(self) -> AbstractContextManager[None]:
        """Return a context in which no baseline is fitted, so that something may be timed."""
        return self._baselines.still()

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
            rounds = 1
            if self._builds_averages:
                rounds = -(-self._job.config.finalists.members // max(1, self._engine.workers))
            longest = rounds * longest_seconds(front, self._job.reports)
            predicted = self._all_rows_seconds(longest)
            most = _ALL_ROWS_SHARE * self._deadline.seconds
            unknown = self._deadline.is_set and not is_telling(front)
            last = most if unknown else min(predicted, most)
        return _TESTING + self._averaging() + self._forecasting() + last

    def _averaging(self) -> float:
        """Return what building averages may take, in seconds."""
        if not self._builds_averages:
            return 0.0
        return min(_AVERAGING, _AVERAGING_SHARE * self._deadline.seconds)

    @property
    def _builds_averages(self) -> bool:
        config = self._job.config
        return config.finalists.averages and config.split.folds == 1

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
        return RefitPlan(
            finalists.seeds,
            self._job.reports,
            finalists.pick,
            config.seed,
            deadline,
            self._job.plan.solved,
        )

    def finish(
        self,
        candidates: Sequence[TrialRecord],
        named: bool = False,
        library: Sequence[TrialRecord] = (),
    ) -> Finished:
        """Refit the candidates, choose one on validation, open the test part, save the model.

        Args:
            candidates: Trials that have values.
            named: Whether the only candidate was named by its number, not picked.
            library: Trials whose networks of the search averages may be made of too.

        Returns:
            What came of them.
        """
        job = self._job
        finalists = self._refit(candidates)
        fitted = self._baselines.result(max(0.0, self._deadline.left - _TESTING))
        if fitted.late:
            self._say(f"no time was left to fit {', '.join(fitted.late)}: give a longer --timeout")
        averages = [] if named else self._averages(finalists, fitted.baselines, library)
        chosen = choose([*finalists, *averages], job.goals, job.config.finalists.pick)
        verdict = open_test(
            chosen,
            finalists,
            job.split,
            fitted.baselines,
            self._seconds_each(fitted.baselines),
            averages,
            lambda: self._deadline.left > _TESTING,
            IntervalPlan.of(job.split, job.config.intervals),
        )
        for notice in verdict.notices():
            self._say(notice)
        job.folder.write(
            job.folder.forecasts, verdict.forecasts.to_csv(index=False, float_format="%.12g")
        )
        if verdict.series is not None:
            each = verdict.series.to_csv(index=False, float_format="%.6g")
            job.folder.write(job.folder.series_errors, each)
        save_model(job, verdict.mean, verdict.conformal)
        pick = "named" if named else job.config.finalists.pick
        outcome = describe(verdict, pick, self._latency(chosen), job.series_features)
        return Finished(chosen, outcome)

    def _latency(self, point: Point) -> float:
        """Return what a forecast of a point takes, in milliseconds."""
        if isinstance(point, Average):
            return point.cost.latency_ms
        return self._costs.of(point.best.candidate.params).latency_ms

    def _averages(
        self,
        finalists: Sequence[Finalist],
        baselines: Sequence[FittedBaseline],
        library: Sequence[TrialRecord],
    ) -> list[Average]:
        """Build the averages that may be chosen."""
        job = self._job
        if not job.config.finalists.averages:
            return []
        if not self._builds_averages:
            self._say(
                f"averages are built on one validation part, and the study has "
                f"{job.config.split.folds} folds: only single networks may be chosen"
            )
            return []
        here = latency_place(job)
        if job.latency_on not in ("", here):
            self._say(
                f"averages are timed here, and the study's latencies are those of "
                f"{job.latency_on}: only single networks may be chosen"
            )
            return []
        measures = forecast_objectives(job.split, job.goals)
        there = {finalist.trial.number for finalist in finalists if not finalist.seeds}
        kept = kept_from_search(
            [trial for trial in library if trial.number not in there],
            self._costs,
            self._plan(library),
            partial(_checkpoint_of, job=job),
        )
        return Averaging(
            job.goals,
            job.plan.limits,
            job.split.validation,
            measures[0] if measures else None,
            job.registry,
            job.device,
            job.config.finalists.members,
            self._deadline.keeping(_TESTING + self._forecasting()),
            self._say,
        ).build([*finalists, *kept], baselines)

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
        """Train what was just saved on all rows, where the study says so.

        Args:
            finished: What came of the finalists.

        Returns:
            What the record says of it, with what was trained.

        Raises:
            MachineError: Where that fails; the tested model stays.
        """
        outcome = finished.outcome
        if not self._trains_on_all:
            return outcome
        each = [refit.seconds for refit in finished.refits]
        took = max(max(each, default=0.0), sum(each) / max(1, self._engine.workers))
        took += sum(baseline.fitting_seconds for baseline in finished.baselines)
        if self._all_rows_seconds(took) > self._deadline.left:
            self._say(
                f"no time was left to train the deployed model on all rows: {self._fit} --all"
            )
            return outcome
        return msgspec.structs.replace(outcome, all_rows=train_on_all(self._job, self._observer))

    def _refit(self, candidates: Sequence[TrialRecord]) -> list[Finalist]:
        plan = self._plan(candidates)
        finalists = refit_all(candidates, self._costs, self._engine, plan)
        done, all_of_them = sum(f.seeds for f in finalists), sum(map(plan.seeds_of, candidates))
        checkpoint_of = partial(_checkpoint_of, job=self._job)
        if finalists:
            if done < all_of_them and self._deadline.is_set:
                self._say(f"time was left for {done} of {all_of_them} refits of the front")
            there = {finalist.trial.number for finalist in finalists}
            missing = [trial for trial in candidates if trial.number not in there]
            if self._deadline.is_set:
                finalists += kept_from_search(missing, self._costs, plan, checkpoint_of)
            return finalists
        self._say(
            "no time was left to train a candidate of the front anew: the network of the search "
            f"is deployed; {self._fit} trains the front with other seeds"
        )
        chosen = as_searched(candidates, self._costs, self._engine, plan, checkpoint_of)
        others = [trial for trial in candidates if trial.number != chosen.trial.number]
        return [chosen, *kept_from_search(others, self._costs, plan, checkpoint_of)]


def _checkpoint_of(trial: TrialRecord, job: Job) -> bytes | None:
    return job.folder.last_checkpoint(trial.number)


def save_model(job: Job, mean: Mean, conformal: Conformal | None = None) -> None:
    """Write the weights and what is needed to load them and forecast.

    Args:
        job: A job that was prepared.
        mean: What is deployed.
        conformal: What its intervals rest on; None for none.
    """
    columns = job.split.train.columns
    windows = [job.families.window(n.architecture.params, columns) for n in mean.networks]
    window = max(windows, default=columns.window)
    Forecaster(
        mean,
        job.split.train.inputs.shape[1],
        Shape(window, job.config.task.horizon),
        job.split.scaling,
        job.series.step,
        job.series.calendar,
        job.series.reading,
        ModelHistory(until=until(job)),
        conformal,
    ).save(job.folder.weights)
