"""What is done with a run's deployed model later: trained on all rows, or gone on with new ones."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from lstmopt.config.options import Config
from lstmopt.config.study_file import read_config
from lstmopt.data.layout import Spans
from lstmopt.data.raw_table import Source
from lstmopt.data.series import Series, joined, last_observed
from lstmopt.data.split import FEWEST_WINDOWS, make_part
from lstmopt.data.steps import following
from lstmopt.data.windows import Part
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baselines import score_part
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.members import BaselineMember, Member
from lstmopt.forecasting.model_history import UPDATE_EPOCHS, ModelUpdate
from lstmopt.results.document import StudyResults, as_json, read_results
from lstmopt.search.observer import Observer
from lstmopt.search_space import Candidate
from lstmopt.seeds import derive_seed
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.study_store import spoken_errors
from lstmopt.training.fine_tuning import fine_tune
from lstmopt.workflow.job import choose_device, prepare
from lstmopt.workflow.refit_all import history_of, say_what_is_lost, train_on_all, training_of
from lstmopt.workflow.run_study import open_stored

_HELD_BACK = 4
"""One of so many new rows is held back, the newest, to judge by."""

_UPDATES = 2**31
"""Sets the seeds of updates apart from those of a candidate's epochs."""


def refit_deployed(
    config: Config, out: str | Path, observer: Observer | None = None
) -> StudyResults:
    """Train what a finished run has deployed on all rows; nothing is chosen again.

    Args:
        config: The run's study.
        out: The run's folder.
        observer: Is told how it goes.

    Returns:
        The run's results; the test errors stand as they were.

    Raises:
        LstmoptError: Where the run has no model, or now has another table.
        MachineError: Where the training failed; the former model stays.
    """
    observer = observer or Observer()
    job = prepare(config, out)
    with job.lock(), spoken_errors(config.storage):
        for notice in open_stored(job).notices:
            observer.notice(notice)
        results = read_results(job.folder.results)
        say_what_is_lost(job, observer)
        entry = train_on_all(job, observer)
        results = msgspec.structs.replace(results, all_rows=entry, updates=())
        job.folder.write(job.folder.results, as_json(results))
        return results


def update(
    run: str | Path,
    table: Source,
    epochs: int = UPDATE_EPOCHS,
    observer: Observer | None = None,
) -> ModelUpdate:
    """Go on from a run's deployed weights with new rows; nothing is searched.

    The newest quarter of the new rows is held back to find how many passes over the others serve
    best. Where any does, the weights then go as often through all new rows; otherwise they stay as
    they were. As many older rows as are new are trained on too, so that they are not forgotten:
    those of the table, or of the run's own. Scaling stays. It trains in this process, wherever the
    study trained. Of an average each network is judged and goes on so by itself, and each baseline
    is fitted on all rows where that is better on the rows held back; the errors of the entry are
    means over the members.

    Args:
        run: The run's folder.
        table: A table, or the path of one, with rows after the last that the model knows, older
            ones too where they are not in the run's own; it is read as that was.
        epochs: The most passes over the new rows.
        observer: Is told what was found in the table.

    Returns:
        What came of it, as the record keeps it.

    Raises:
        LstmoptError: Where there is no deployed model, and where the table has no new rows, leaves
            some out, or is not of the run's series.
    """
    folder, observer = RunFolder(Path(run)), observer or Observer()
    read_results(folder.results)  # what is no run has no folder to lock
    with folder.lock():
        start = time.perf_counter()
        config = read_config(folder.study_file)
        model = Forecaster.load(folder.path, config.plugins)
        history = history_of(model)
        if model.scaling.series is not None or model.data.id:
            raise LstmoptError(
                "an update is of a model of one series, found one of several: train it on all rows "
                "with lstmopt fit --all"
            )
        given = model.read(table, whole=True)
        for notice in given.notices:
            observer.notice(notice)
        rows = _rows_of(given, history.until, model.shape.horizon)
        series, rows = _with_older(given, rows, model, config.data.path, observer)
        updated = _go_on(model, series, rows, epochs, config)
        name = Path(table).name if isinstance(table, str | Path) else ""
        entry = _describe(updated, series, rows, name, time.perf_counter() - start)
        _save(folder, model, updated, entry)
        return entry


@dataclass(frozen=True)
class _Rows:
    """Rows of a table: new from ``first`` on, held back from ``held`` on, up to ``end``."""

    first: int
    held: int
    end: int

    @property
    def oldest(self) -> int:
        """The first row that is trained on: there are as many older rows as new ones."""
        return max(0, 2 * self.first - self.end)

    def moved(self, rows: int) -> _Rows:
        """Return the same rows where so many others stand before them."""
        return _Rows(self.first + rows, self.held + rows, self.end + rows)


def _rows_of(series: Series, known: str, horizon: int) -> _Rows:
    """Find the rows after the last time that is ``known``.

    Raises LstmoptError where there are none, and where rows between are missing.
    """
    end = last_observed(series)
    times = series.times[:end]
    last = pd.Timestamp(known)
    if (last.tz is None) != (times.tz is None):
        raise LstmoptError(
            f"new rows have times of the run's kind, found {times[0]} where its last is {last}: "
            "write them with or without a zone, as the run's table has them"
        )
    last = last.tz_convert(times.tz) if last.tz else last
    first = int(times.searchsorted(last, side="right"))
    if first == end:
        raise LstmoptError(
            f"an update needs rows after {last}, the last that the model knows, found none up to "
            f"{times[-1]}: give a table that goes on from there"
        )
    if first == 0 and times[0] > (wanted := following(last, series.step, 1)[0]):
        raise LstmoptError(
            f"new rows go on at {wanted}, after the last that the model knows, found the first at "
            f"{times[0]}: give the rows between too"
        )
    fewest = horizon + FEWEST_WINDOWS - 1
    return _Rows(first, end - max((end - first) // _HELD_BACK, fewest), end)


def _with_older(
    series: Series, rows: _Rows, model: Forecaster, path: str, observer: Observer
) -> tuple[Series, _Rows]:
    """Put the run's own rows before a table that holds fewer older rows than new ones.

    Before any table where baselines are fitted anew: they are fitted on all rows.
    """
    fits_baselines = len(model.mean.networks) < len(model.mean.members)
    if rows.first >= rows.end - rows.first and not fits_baselines:
        return series, rows
    whole = series
    if path:
        with suppress(LstmoptError, OSError):  # the run's table is gone
            whole = joined(model.read(path, whole=True), series)
    rows = rows.moved(len(whole.times) - len(series.times))
    if rows.first == 0:
        observer.notice(
            "there are no older rows beside the new ones, and a network that trains on these alone "
            "forgets: give older rows too"
        )
    return whole, rows


@dataclass(frozen=True)
class _Updated:
    """What became of a member: what it was, or the same with the new rows.

    ``before`` and ``after`` are squared errors on the rows held back; ``epochs`` is 0 for what was
    kept, and for a baseline.
    """

    member: Member
    count: int
    adopted: bool
    epochs: int
    before: float
    after: float | None

    def reached(self, adopted: bool) -> float:
        """Return the error that it has now; where nothing was ``adopted``, that it would have."""
        if adopted and not self.adopted:
            return self.before
        return math.nan if self.after is None else self.after


def _go_on(
    model: Forecaster, series: Series, rows: _Rows, epochs: int, config: Config
) -> list[_Updated]:
    """Train a model's members further. Raises LstmoptError where there are too few new windows."""
    newest = make_part(series, model.scaling, model.shape, Spans.one((rows.held, rows.end)))
    windows = len(newest.origins()), len(newest.earlier((rows.first, rows.held)).origins())
    if min(windows) < FEWEST_WINDOWS:
        shape = model.shape
        older = "" if rows.first else f", or give {shape.window} older rows before them too"
        raise LstmoptError(
            f"an update trains on {FEWEST_WINDOWS} windows of {shape.window} inputs and "
            f"{shape.horizon} targets at least and is judged by {FEWEST_WINDOWS} later ones, found "
            f"{windows[1]} and {windows[0]} in {rows.end - rows.first} new rows: wait for more"
            f"{older}"
        )
    updates = len(history_of(model).updates)
    updated = []
    for member, count in zip(model.mean.members, model.mean.counts, strict=True):
        if isinstance(member, BaselineMember):
            updated.append(_refit(member, count, newest, rows))
            continue
        training = training_of(member)
        tuned = fine_tune(
            member.network(model.columns),
            Candidate(dict(training.params), derive_seed(training.seed, _UPDATES, updates)),
            newest.earlier((rows.oldest, rows.held)),
            newest,
            msgspec.structs.replace(config.training, epochs=epochs),
            choose_device("cpu" if config.device == "cpu" else "auto"),
        )
        kept = replace(member, weights=tuned.weights or member.weights)
        adopted = tuned.weights is not None
        if adopted:
            kept = kept.knowing_again(replace(newest, rows=(0, rows.end)))
        updated.append(_Updated(kept, count, adopted, tuned.epochs, tuned.before, tuned.after))
    return updated


def _refit(member: BaselineMember, count: int, newest: Part, rows: _Rows) -> _Updated:
    """Fit a baseline on all rows, where that on those before the newest is better on these."""
    before = score_part(member, newest).mse
    after = score_part(member.refitted(newest.earlier((0, rows.held))), newest).mse
    if not after < before:
        return _Updated(member, count, False, 0, before, after)
    whole = replace(newest, rows=(0, rows.end))
    return _Updated(member.refitted(whole), count, True, 0, before, after)


def _mean(updated: Sequence[_Updated], values: Sequence[float]) -> float:
    """Return the mean of a value a member, each counted as often as it is in the model."""
    return float(np.average(values, weights=[each.count for each in updated]))


def _describe(
    updated: Sequence[_Updated], series: Series, rows: _Rows, table: str, seconds: float
) -> ModelUpdate:
    adopted = any(each.adopted for each in updated)
    after = _mean(updated, [each.reached(adopted) for each in updated])
    return ModelUpdate(
        table=table,
        data=series.fingerprint,
        rows=rows.end - rows.first,
        first=series.times[rows.first].isoformat(),
        last=series.times[rows.end - 1].isoformat(),
        held_back=rows.end - rows.held,
        epochs=max(each.epochs for each in updated),
        before=_mean(updated, [each.before for each in updated]),
        after=after if math.isfinite(after) else None,
        adopted=adopted,
        seconds=seconds,
        at=datetime.now().isoformat(timespec="seconds"),
    )


def _save(
    folder: RunFolder, model: Forecaster, updated: Sequence[_Updated], entry: ModelUpdate
) -> None:
    """Write the model and what it was updated with; then the record, which says the same.

    Where it is killed between the two, the next update brings the record up to date.
    """
    history = history_of(model)
    updates = (*history.updates, entry)
    history = msgspec.structs.replace(
        history, updates=updates, until=entry.last if entry.adopted else history.until
    )
    mean = model.mean.with_members([each.member for each in updated])
    replace(model, mean=mean, history=history).save(folder.weights)
    results = msgspec.structs.replace(read_results(folder.results), updates=updates)
    folder.write(folder.results, as_json(results))
