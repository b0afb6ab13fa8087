"""Replay: a table stands in for training; the driver, samplers and pruners are the real ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from operator import attrgetter, itemgetter
from typing import Any, Literal

import numpy as np
import optuna

from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.execution.engine import Engine, InProcess
from lstmopt.objectives import Goals, make_goals
from lstmopt.plugin.registry import Registry, load_registry
from lstmopt.plugin.strategy import Named, Objective
from lstmopt.search_space import NETWORK, Candidate, Params, Range, Space, Value, draw
from lstmopt.storage.study_store import StoredStudy
from lstmopt.testing.stage import NoCheckpoints
from lstmopt.training.trainer import Progress
from lstmopt.warm_start.protocols import Beginning, PastStudy, PastTrial
from lstmopt.warm_start.surrogate import Surrogate

from .contenders import NONE, Contender
from .events import Study
from .scale import TaskScale
from .studies import StudyWork, begin, make_plan, search
from .surrogate import TableSurrogate, rank_correlation
from .tables import Floats, Table, read_tables, shipped_tables

LEAST_RANK_CORRELATION = 0.8
"""A surrogate that orders held-out rows worse than this is not searched."""

PAST_TRIALS = 50
"""Trials of the study on another table that a warm start learns from, unless asked."""

_EARLIER = Contender("earlier", Named("tpe"), NONE, stream=3)
"""Who did the studies that warm starts learn from, with seeds that nobody else has."""

Past = Literal["all", "series", "others", "shuffled", "reversed"]
"""Which studies a warm start learns from.

Those on tables of the same space: all, those of the same ``series``, those of ``others``. Or those
of others with their losses ``shuffled``, so that nothing can be learnt, or ``reversed``, so that
what is learnt is wrong.
"""

_SAMPLE = 10_000
"""Random candidates asked of a surrogate for its bounds and its best known front."""


@dataclass(frozen=True)
class Recorded:
    """What training a candidate would give: loss and seconds after each of its epochs."""

    losses: Floats
    seconds: Floats


class ReplayTask:
    """A table as work for a study: candidates are its rows, or points between them.

    ``rows``: a candidate is a recorded row, drawn by its number, from which nothing can be learnt.
    Otherwise it is any point of the table's space, answered by a surrogate.
    """

    def __init__(
        self,
        table: Table,
        rows: bool = False,
        past: Past = "all",
        past_trials: int = PAST_TRIALS,
    ) -> None:
        if not (rows or table.params):
            raise LstmoptError(
                f"a sampler proposes hyperparameters, found none in the table {table.name!r}: "
                "replay it with --rows"
            )
        self.table, self.rows = table, rows
        self.past, self.past_trials = past, past_trials
        self.name = f"{table.name} (rows)" if rows else table.name
        self.epochs = table.epochs
        self.space = _row_space(table.rows) if rows else table.space
        statics = [
            Objective(name, "minimize", "static", measure=itemgetter(name), scale="log")
            for name in table.static
        ]
        learned = Objective("val_loss", "minimize", "learned", measure=attrgetter("val_loss"))
        self.goals: Goals = make_goals([learned, *statics])
        self._known_static = {} if rows else {n: _known(table, n) for n in table.rules}
        self._static_surrogates: dict[str, Surrogate] = {}
        self.related: tuple[ReplayTask, ...] = ()
        self._recorded: dict[tuple[object, ...], Recorded] = {}
        self._beginnings: dict[tuple[str, str], Beginning] = {}
        self._finished: dict[tuple[Past, int], PastStudy] = {}

    @cached_property
    def rank_correlation(self) -> float | None:
        """How well the surrogate orders held-out rows; None when rows are replayed."""
        return None if self.rows else rank_correlation(self.table)

    def check(self, contenders: Sequence[Contender], registry: Registry) -> None:
        """Refuse what a contender cannot do on this table, and a table with a poor surrogate.

        What takes long to find out, because a surrogate must be fitted for it, comes last.
        """
        for contender in contenders:
            make_plan(contender, 0, self.goals, self.space, 1, registry).make_sampler(0)
        for contender in contenders:
            self._begin(contender, self.space, registry)
        if self.rank_correlation is not None and self.rank_correlation < LEAST_RANK_CORRELATION:
            raise LstmoptError(
                f"a sampler is answered by a surrogate whose rank correlation is at least "
                f"{LEAST_RANK_CORRELATION}, found {self.rank_correlation:.2f} for "
                f"{self.name!r}: record more rows, or replay it with --rows"
            )

    def describe(self) -> dict[str, Any]:
        """Return what a report says of the task."""
        return {
            "kind": "replay",
            "fingerprint": self.table.fingerprint,
            "candidates": self.table.rows,
            "objectives": self.goals.names,
            "answers": "recorded rows" if self.rows else "surrogate",
            "rank_correlation": self.rank_correlation,
            "source": self.table.source,
            "licence": self.table.licence,
        }

    @cached_property
    def _surrogate(self) -> TableSurrogate:
        return TableSurrogate(self.table)

    def excess(self, params: Params) -> dict[str, float]:
        """Return nothing: a replay has no limits."""
        return {}

    def is_known(self, params: Params) -> bool:
        """Say that all costs are recorded."""
        return True

    def static(self, params: Params) -> dict[str, float]:
        """Return the static objectives of a candidate, by name."""
        if self.rows:
            row = _row(params)
            return {name: float(values[row]) for name, values in self.table.static.items()}
        return {name: self._static(name, params) for name in self.table.static}

    def _static(self, name: str, params: Mapping[str, Value]) -> float:
        rule = self.table.rules[name]
        key = tuple(params.get(n) for n in rule.names)
        if rule.kind == "product":
            return float(math.prod(float(str(value)) for value in key))
        known = self._known_static[name]
        if key not in known:
            known[key] = self._predicted_static(name, params)
        return known[key]

    def _predicted_static(self, name: str, params: Mapping[str, Value]) -> float:
        """Return a static objective of what no row has, as a surrogate of their logarithms says."""
        names = self.table.rules[name].names
        if name not in self._static_surrogates:
            deciding = {n: self.space.parameters[n] for n in names}
            logarithms = np.log(np.maximum(self.table.static[name], 1e-12))
            self._static_surrogates[name] = Surrogate(
                Space(deciding, self.space.conditions), self.table.params, logarithms[:, None]
            )
        predicted = self._static_surrogates[name].predict([dict(params)])
        return float(np.exp(predicted[0, 0]))

    def recorded(self, params: Params) -> Recorded:
        """Return what training the candidate would give."""
        key = tuple(params.items())
        if key not in self._recorded:
            self._recorded[key] = self._answer(params)
        return self._recorded[key]

    def _answer(self, params: Params) -> Recorded:
        if self.rows:
            row = _row(params)
            end = int(self.table.lengths[row])
            seconds = np.nan_to_num(self.table.seconds[row])
            return Recorded(self.table.losses[row, :end], seconds[:end])
        losses, seconds = self._surrogate.predict([params])
        end = self._epochs_by_family.get(params.get(NETWORK), self.epochs)
        return Recorded(losses[0, :end], np.repeat(seconds, end))

    @cached_property
    def _epochs_by_family(self) -> dict[Value | None, int]:
        """The most epochs of a family's rows: one of what is solved."""
        found: dict[Value | None, int] = {}
        for params, length in zip(self.table.params, self.table.lengths.tolist(), strict=True):
            family = params.get(NETWORK)
            found[family] = max(found.get(family, 0), length)
        return found

    def full_values(self, params: Params) -> tuple[float, ...] | None:
        """Return the objectives at the end of training, None for a candidate that fails."""
        losses = self.recorded(params).losses
        if not np.isfinite(losses).all():
            return None
        return float(losses.min()), *self.static(params).values()

    def is_like(self, other: ReplayTask) -> bool:
        """Say whether what was learnt there could serve here: one space and the same objectives."""
        alike = self.space == other.space and self.goals.names == other.goals.names
        return alike and not self.rows

    def _past(self) -> list[PastStudy]:
        """Return finished studies on other tables, as a warm start may learn from them."""
        chosen = [
            other
            for other in self.related
            if self.past == "all" or (self.past == "series") == (other.series == self.series)
        ]
        return [other.finished_study(self.past, self.past_trials) for other in chosen]

    @property
    def series(self) -> str:
        """The file of the series, which tables may share."""
        return self.table.source.rpartition(", ")[2]

    def finished_study(self, past: Past, trials: int) -> PastStudy:
        """Return a study that TPE did here in so many full trials; 0 for the table's rows."""
        if (past, trials) not in self._finished:
            self._finished[past, trials] = self._finish_study(past, trials)
        return self._finished[past, trials]

    def _finish_study(self, past: Past, trials: int) -> PastStudy:
        if trials:
            done = self.search(_EARLIER, 0, trials * self.epochs, trials, load_registry())
            found = [(t.params, t.values) for t in done.trials if t.values]
        else:
            known = zip(self.table.params, self.table.best_losses.tolist(), strict=True)
            found = [
                (params, (loss, *self.static(params).values()))
                for params, loss in known
                if math.isfinite(loss)
            ]
        losses = [values[0] for _, values in found]
        if past == "shuffled":
            losses = np.random.default_rng(0).permutation(losses).tolist()
        elif past == "reversed":
            losses = [min(losses) + max(losses) - loss for loss in losses]
        rows = (
            PastTrial(n, params, (loss,), values[1:])
            for n, ((params, values), loss) in enumerate(zip(found, losses, strict=True))
        )
        return PastStudy(self.name, tuple(rows))

    def search(
        self, contender: Contender, seed: int, epochs: int, trials: int | None, registry: Registry
    ) -> Study:
        """Let a contender spend ``epochs`` on this task."""
        work = StudyWork(
            self.name,
            epochs,
            self,
            Engine(InProcess(), 1, partial(advance, self)),
            _memory_study(self.goals),
            NoCheckpoints(),
            self.full_values,
        )
        bounded = trials is None or epochs < trials * self.epochs
        plan = make_plan(contender, seed, self.goals, self.space, epochs, registry, trials, bounded)
        # one epoch at a time, so that a pruner pays for what it saw and no more
        plan = replace(plan, segment_seconds=0.0)
        beginning = self._begin(contender, plan.space, registry)
        return search(work, plan, contender, seed, registry, beginning)

    def _begin(self, contender: Contender, space: Space, registry: Registry) -> Beginning:
        """Return a contender's beginning, made once: a portfolio takes seconds."""
        key = str(contender.warm_start), repr(space)
        if key not in self._beginnings:
            self._beginnings[key] = begin(contender, space, self._past, registry, self.table.target)
        return self._beginnings[key]

    def freeze(self, epochs: int, registry: Registry) -> TaskScale:
        """Return bounds and best known front, from all rows or many points between them."""
        if self.rows:
            candidates: list[Params] = [{"row": row} for row in range(self.table.rows)]
            losses = self.table.best_losses
        else:
            candidates = draw(self.space, _SAMPLE, np.random.default_rng(0))
            losses = self._surrogate.predict(candidates)[0].min(1)
        static = [list(self.static(params).values()) for params in candidates]
        points = np.column_stack([losses, static])
        return TaskScale.of(
            points[np.isfinite(losses)], [o.kind == "static" for o in self.goals.objectives]
        )


def _row_space(rows: int) -> Space:
    return Space({"row": Range(0, rows - 1, integer=True, points=rows)})


def _known(table: Table, name: str) -> dict[tuple[object, ...], float]:
    """List a static objective by the hyperparameters that decide it."""
    keys = [tuple(params.get(n) for n in table.rules[name].names) for params in table.params]
    return dict(zip(keys, map(float, table.static[name]), strict=True))


def _row(params: Mapping[str, object]) -> int:
    row = params["row"]
    assert isinstance(row, int)
    return row


def advance(
    task: ReplayTask, candidate: Candidate, checkpoint: bytes | None, epochs: int
) -> Progress:
    """Hand out the next recorded epochs, as ``training.advance`` would train them."""
    recorded = task.recorded(candidate.params)
    first = int(checkpoint or 0)
    done: list[Epoch] = []
    failure = None
    last = len(recorded.losses)
    for n in range(first, min(first + epochs, last)):
        loss, seconds = float(recorded.losses[n]), float(recorded.seconds[n])
        done.append(Epoch(n + 1, math.nan, loss, math.nan, math.nan, seconds))
        if not math.isfinite(loss):
            failure = f"the loss was no longer finite in epoch {n + 1}"
            break
    end = first + len(done)
    return Progress(str(end).encode(), tuple(done), end == last or bool(failure), failure)


def make_tasks(
    sources: Sequence[str], rows: bool, past: Past = "all", past_trials: int = PAST_TRIALS
) -> list[ReplayTask]:
    """Make a task of every table in ``sources``.

    Those of one space know each other as past, and the tables that come with the program.
    """
    tables = [table for source in sources for table in read_tables(source)]
    tasks = [ReplayTask(table, rows, past, past_trials) for table in tables]
    known = {table.fingerprint for table in tables}
    shipped = [table for name in shipped_tables() for table in read_tables(name)]
    others = [ReplayTask(table) for table in shipped if table.fingerprint not in known]
    for task in tasks:
        task.related = tuple(
            other for other in (*tasks, *others) if other is not task and other.is_like(task)
        )
    return tasks


def _memory_study(goals: Goals) -> StoredStudy:
    storage = optuna.storages.InMemoryStorage()
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, directions=goals.directions, sampler=sampler)
    return StoredStudy(study, storage, ())
