"""How often pruning was wrong: its decisions replayed, stopped trials trained to their end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import optuna

from lstmopt.config.options import Config
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.objectives import ForecastCosts, Goals, normalise
from lstmopt.pareto import front_mask, hypervolume
from lstmopt.pruning.pruners import Closing, Promoter, Pruner, decisions
from lstmopt.pruning.trial_curves import TrialView
from lstmopt.results.document import (
    SCHEMA,
    Audit,
    AuditedTrial,
    AuditSoFar,
    FrontMember,
    as_json,
    epochs_of,
    finite,
    read_results,
)
from lstmopt.search.observer import Observer
from lstmopt.search.search_plan import training_seed
from lstmopt.search_space import Candidate
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.segments import Judgement, Segment, read_segments, worth_recording
from lstmopt.storage.study_store import spoken_errors
from lstmopt.storage.trial_record import (
    DUPLICATE_OF,
    PROMOTIONS,
    STATIC,
    TAKEN_OVER,
    TrialRecord,
    closed_trials,
    front_of,
    trial_end,
    trial_record,
)
from lstmopt.workflow.forecast_costs import with_costs
from lstmopt.workflow.job import Job, prepare
from lstmopt.workflow.run_study import open_stored, start_engine

_ALPHA = 0.05


def audit_run(
    config: Config, out: str | Path, sample: int, seed: int = 0, observer: Observer | None = None
) -> Audit:
    """Replay a run's decisions, train a random ``sample`` of its stopped trials to their end.

    Returns what is also written to ``audit.json``; a larger sample of the same ``seed`` goes on
    with the trials that an earlier audit trained. Raises LstmoptError where nothing was stopped.
    """
    observer = observer or Observer()
    job = prepare(config, out)
    with job.lock(), spoken_errors(config.storage):
        stored = open_stored(job)
        job, known = with_costs(job, stored, observer)
        costs = job.forecast_costs(known)
        records = closed_trials(stored.study, job.goals)
        stopped = [record for record in records if record.by_pruner]
        if not stopped:
            raise LstmoptError(
                f"an audit needs trials that the pruner stopped, found none of {len(records)} in "
                f"{out}: there is nothing to audit"
            )
        replayed = list(replay(stored.study.get_trials(deepcopy=False), job))
        order = np.random.default_rng(seed).permutation(len(stopped))[:sample]
        chosen = [stopped[n] for n in sorted(order.tolist())]
        audited = _train(job, chosen, costs, observer)
        audit = summarise(job, records, audited, replayed, _deployed_trials(job.folder))
        job.folder.write(job.folder.audit, as_json(audit))
        return audit


def _train(
    job: Job, chosen: Sequence[TrialRecord], costs: ForecastCosts, observer: Observer
) -> list[AuditedTrial]:
    """Train trials to their end, but those that an earlier audit trained."""
    known = {entry.trial: entry for entry in _read(job.folder)}
    missing = [record for record in chosen if record.number not in known]
    with start_engine(job, observer) as engine:
        seed = job.config.seed
        candidates = (
            (record.number, Candidate(record.params, training_seed(seed, record.number)))
            for record in missing
        )
        records = {record.number: record for record in missing}
        for number, progress in engine.train_each(candidates, job.reports):
            record = records[number]
            values = None
            if progress.failure is None:
                found = job.goals.values(costs.static(record.params), progress.epochs)
                values = {name: finite(value) for name, value in found.items()}
            again = [epoch.val_loss for epoch in progress.epochs[: len(record.curve)]]
            known[record.number] = AuditedTrial(
                trial=record.number,
                stopped_at=len(record.curve),
                reports=len(progress.epochs),
                values=values,
                repeated=again == [epoch.val_loss for epoch in record.curve],
            )
            so_far = AuditSoFar(trials=tuple(known.values()))
            job.folder.write(job.folder.audit, as_json(so_far))
            observer.notice(f"trial {record.number} trained to its end: {values or 'it failed'}")
    return [known[record.number] for record in chosen]


def _read(folder: RunFolder) -> Sequence[AuditedTrial]:
    """Read what an earlier audit trained."""
    try:
        known = msgspec.json.decode(folder.audit.read_bytes(), type=AuditSoFar)
    except (OSError, msgspec.DecodeError):
        return ()
    return known.trials if known.schema == SCHEMA else ()


def summarise(
    job: Job,
    records: Sequence[TrialRecord],
    audited: Sequence[AuditedTrial],
    replayed: Sequence[Replayed],
    deployed: Sequence[int] = (),
) -> Audit:
    """Say how many of the audited trials the front lost, and what it would have gained."""
    goals = job.goals
    stopped = [record for record in records if record.by_pruner]
    front = front_of(records, goals)
    members = {record.number for record in front}
    trained = [goals.minimised(record.values) for record in front]
    ends = {
        entry.trial: goals.minimised(entry.values) for entry in audited if entry.values is not None
    }
    values = list(ends.values())
    on_front = front_mask([*trained, *values])[len(trained) :]
    reach_it = [number for number, kept in zip(ends, on_front, strict=True) if kept]
    lost = [number for number in reach_it if number not in members]
    saved = sum(job.most_epochs - record.epochs_trained for record in stopped)
    return Audit(
        stopped=len(stopped),
        sampled=len(audited),
        lost=tuple(lost),
        false_prune_rate=len(lost) / len(audited),
        interval=interval(len(lost), len(audited), len(stopped)),
        front_gain=gain(trained, values, goals),
        front=tuple(map(_member, front)),
        deployed=tuple(_member(record) for record in records if record.number in deployed),
        epochs_saved=epochs_of(saved, job.plan.reports_per_epoch),
        decisions_replayed=len(replayed),
        decisions_different=tuple(made.where for made in replayed if not made.same),
        trials=tuple(audited),
    )


def _member(record: TrialRecord) -> FrontMember:
    return FrontMember(trial=record.number, trained_to_end=record.state == "complete")


def _deployed_trials(folder: RunFolder) -> tuple[int, ...]:
    """Return the trials whose networks are deployed; none before anything was chosen."""
    if not folder.results.is_file():
        return ()
    chosen = read_results(folder.results).chosen
    return chosen.trials if chosen else ()


def interval(lost: int, sampled: int, population: int) -> tuple[float, float]:
    """Return Wilson's interval of a share at 95 %; the share itself when all were sampled.

    Brown, Cai and DasGupta, Interval estimation for a binomial proportion, Statistical Science
    16(2), 2001.
    """
    from statsmodels.stats.proportion import proportion_confint

    share = lost / sampled
    if sampled == population:
        return share, share
    low, high = proportion_confint(lost, sampled, _ALPHA, method="wilson")
    # the bounds hold the share itself whatever the rounding
    return min(share, float(low)), max(share, float(high))


def gain(
    front: Sequence[Sequence[float]], audited: Sequence[Sequence[float]], goals: Goals
) -> float | None:
    """Return by which share the hypervolume of a front grows with the audited trials.

    Objectives run from 0 to 1 over all of them, on the logarithm where they are best read so;
    reference 1.1. None where there is no front.
    """
    if not front:
        return None
    scaled = normalise([*front, *audited], goals)
    return hypervolume(scaled) / hypervolume(scaled[: len(front)]) - 1


@dataclass(frozen=True)
class Replayed:
    """A decision made again from the record: where it was made, and whether it was the same."""

    where: str
    same: bool


@dataclass(frozen=True)
class _Event:
    """Something the driver did: a segment came, a paused trial was promoted, a trial closed."""

    at: int
    trial: optuna.trial.FrozenTrial
    segment: Segment | None = None
    promoted: Closing | None = None


def replay(trials: Sequence[optuna.trial.FrozenTrial], job: Job) -> Iterator[Replayed]:
    """Make every decision of a study again, each knowing what was known when it was made."""
    return _Replay(job.goals, job.plan.pruner).run(_events(trials))


def _events(trials: Sequence[optuna.trial.FrozenTrial]) -> list[_Event]:
    events = []
    for trial in trials:
        attributes = trial.user_attrs
        if DUPLICATE_OF in attributes:
            continue
        if TAKEN_OVER in attributes:
            events.append(_Event(0, trial))
            continue
        events += [_Event(s.at, trial, segment=s) for s in read_segments(trial)]
        events += [_Event(at, trial, promoted=c) for at, c in attributes.get(PROMOTIONS, ())]
        if end := trial_end(trial):
            events.append(_Event(end.at, trial))
    return sorted(events, key=lambda event: event.at)


class _Replay:
    """What the driver knew, put together again event by event."""

    def __init__(self, goals: Goals, pruner: Pruner) -> None:
        self.goals, self.pruner = goals, pruner
        self.trials = goals.no_trials()
        self.curves: dict[int, dict[int, Epoch]] = {}
        self.decided: dict[int, int] = {}
        self.paused: set[int] = set()

    def run(self, events: Sequence[_Event]) -> Iterator[Replayed]:
        for event in events:
            number = event.trial.number
            if event.segment is not None:
                yield from self._segment(event.trial, event.segment)
            elif event.promoted is None:
                self.paused.discard(number)
                record = trial_record(event.trial, self.goals)
                if record.curve:
                    view = self._view(event.trial, record.curve)
                    self.trials.put(view, record.state == "complete")
            elif isinstance(self.pruner, Promoter):
                again = self.pruner.promote(sorted(self.paused), self.trials, event.promoted)
                self.paused.discard(number)
                yield Replayed(f"promotion of trial {number}", again == number)

    def _segment(self, trial: optuna.trial.FrozenTrial, segment: Segment) -> Iterator[Replayed]:
        number = trial.number
        curve = self.curves.setdefault(number, {})
        curve |= {epoch.number: epoch for epoch in segment.epochs}
        view = self._view(trial, tuple(curve[n] for n in sorted(curve)))
        if segment.end == "failed":
            self.trials.put(view)
            return
        made = decisions(self.pruner, view, self.trials, self.decided.get(number, 0) + 1)
        if made:
            report, decision = made[-1]
            self.decided[number] = report
            if decision.action == "pause":
                self.paused.add(number)
        again = {judged.report: judged for judged in worth_recording(made)}
        recorded = {judged.report: judged for judged in segment.decisions}
        for report in sorted(again | recorded):
            same = _plain(again.get(report)) == _plain(recorded.get(report))
            yield Replayed(f"trial {number} at report {report}", same)

    def _view(self, trial: optuna.trial.FrozenTrial, curve: tuple[Epoch, ...]) -> TrialView:
        return self.goals.trial_view(trial.number, trial.user_attrs[STATIC], curve)


def _plain(judged: Judgement | None) -> str:
    return json.dumps(judged and [judged.action, judged.seen], sort_keys=True)
