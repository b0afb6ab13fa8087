"""Earlier studies, read from wherever they are and put into the space of the one that begins.

A place is a run's folder, an ``optimization_results.json``, or the URL of an Optuna storage:
``sqlite:///studies.db`` for every study in it, ``sqlite:///studies.db#NAME`` for one of them.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from lstmopt.data.series_features import SeriesFeatures, similarity
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError, masked, near_miss
from lstmopt.objectives import CandidateCosts, Goals
from lstmopt.results.document import StudyResults, read_results
from lstmopt.search_space import FIXED, Architecture, Choice, Params, Space, Value
from lstmopt.storage.driver_journal import open_journal
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.segments import curve_of, read_segments
from lstmopt.storage.study_store import IDENTITY, is_there, open_storage
from lstmopt.warm_start.protocols import PastStudy, PastTrial

AUTO = "auto"
"""In place of a run: every run beside the one that begins, as far as it fits."""

WORK = (
    "target",
    "set of columns",
    "max_gap",
    "data file",
    "task or split",
    "training",
    "reports an epoch",
    "longest window",
)
"""What of a study's identity must be the same for its losses to be comparable."""


@dataclass(frozen=True)
class RawTrial:
    """A finished trial as it was found: ``values`` by objective, as they were told."""

    number: int
    params: Mapping[str, Any]
    values: Mapping[str, float]
    curve: tuple[Epoch, ...] = ()


@dataclass(frozen=True)
class RawStudy:
    """A study as it was found.

    ``work`` holds what of its identity a loss depends on, and is empty for another program's;
    ``directions`` are by objective. ``own`` tells a study of this program from another's.
    """

    name: str
    trials: tuple[RawTrial, ...]
    work: Mapping[str, Any] = field(default_factory=dict)
    features: SeriesFeatures | None = None
    directions: Mapping[str, str] = field(default_factory=dict)
    own: bool = False

    @property
    def has_folds(self) -> bool:
        """Whether its losses are means over several folds."""
        _, split = self.work.get("task or split", ({}, {}))
        return bool(split.get("folds", 1) > 1)


@dataclass(frozen=True)
class Frame:
    """The study that begins, as far as earlier ones must be put into it.

    ``costs`` gives the static objectives of a candidate; ``rename`` says what an earlier study's
    hyperparameters are called here. ``itself`` is the name of the study that begins, as `RawStudy`
    has it.
    """

    goals: Goals
    space: Space
    costs: CandidateCosts
    work: Mapping[str, Any] = field(default_factory=dict)
    features: SeriesFeatures | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    itself: str = ""


def read_past(
    places: Sequence[str], beside: Path, frame: Frame
) -> tuple[list[PastStudy], list[str]]:
    """Read the studies of ``places``; return them with a line each on what could not be used.

    ``auto`` stands for the runs in the folder that holds ``beside``. Raises LstmoptError for a
    place that holds no study, or one of which no trial can be used.
    """
    _check_names(frame.rename)
    studies: list[PastStudy] = []
    notices: list[str] = []
    for place in places:
        if place == AUTO:
            _add_all_that_fit(beside, frame, studies, notices)
            continue
        if "://" not in place and Path(place).resolve() == beside.resolve():
            raise LstmoptError(f"a run learns from others, found itself in {place}: name another")
        found = [raw for raw in read_studies(place) if raw.name != frame.itself]
        fitting, counted, unfit = _put_all_into(frame, found)
        if not fitting:
            raise LstmoptError(
                "a warm start needs a study with finished trials that fit, found in "
                f"{masked(place)} that {'; '.join(unfit) or 'there is no other study'}: choose "
                "another run"
            )
        studies += fitting
        notices += [*counted, *(f"left out: {words}" for words in unfit)]
    return studies, notices


def _put_all_into(
    frame: Frame, found: Sequence[RawStudy]
) -> tuple[list[PastStudy], list[str], list[str]]:
    """Return the studies that fit, a line for each that fits in part, and why others do not."""
    fitting: list[PastStudy] = []
    counted: list[str] = []
    unfit: list[str] = []
    for raw in found:
        try:
            study, notice = put_into(frame, raw)
        except LstmoptError as error:
            unfit.append(str(error))
            continue
        if study.trials:
            fitting.append(study)
            counted += [notice] if notice else []
        else:
            unfit.append(notice or f"{raw.name}: no trial is finished")
    return fitting, counted, unfit


def _check_names(rename: Mapping[str, str]) -> None:
    for target in rename.values():
        if target not in FIXED:
            raise LstmoptError(
                f"[warm_start.rename] gives hyperparameters of lstmopt, found {target!r}: "
                f"{near_miss(target, list(FIXED))}"
            )
    if len(set(rename.values())) < len(rename):
        raise LstmoptError(
            f"[warm_start.rename] gives each hyperparameter one name, found "
            f"{', '.join(rename)} for the same: keep one of them"
        )


def _add_all_that_fit(
    beside: Path, frame: Frame, studies: list[PastStudy], notices: list[str]
) -> None:
    left_out = []
    for folder in sorted(beside.resolve().parent.glob("*/")):
        if folder == beside.resolve() or not is_run(folder):
            continue
        try:
            fitting, counted, _ = _put_all_into(frame, read_studies(str(folder)))
        except LstmoptError:
            fitting, counted = [], []
        studies += fitting
        notices += counted
        left_out += [] if fitting else [folder.name]
    names = ", ".join(study.name for study in studies) or "none"
    others = f"; left out, since nothing of them fits: {', '.join(left_out)}" if left_out else ""
    notices.append(f"warm start auto: earlier runs taken are {names}{others}")


def is_run(folder: Path) -> bool:
    """Say whether a folder holds a run, finished or not."""
    run = RunFolder(folder)
    return run.results.is_file() or run.journal.is_file()


def read_studies(place: str) -> list[RawStudy]:
    """Read every study of a place. Raises LstmoptError where none can be read."""
    if "://" in place:
        return list(_read_url(place))
    try:
        return _read_path(place)
    except LstmoptError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.MsgspecError) as error:
        raise LstmoptError(
            f"a warm start reads runs that are whole, found {place} damaged "
            f"({type(error).__name__}: {' '.join(str(error).split())}): choose another run"
        ) from error


def _read_path(place: str) -> list[RawStudy]:
    path = Path(place)
    if path.is_file():
        return [_from_results(read_results(path), str(path.parent))]
    run = RunFolder(path)
    if not run.results.is_file() and run.journal.is_file():
        return _read_journal(run)
    return [_from_results(read_results(run.results), place)]


def _from_results(results: StudyResults, place: str) -> RawStudy:
    trials = tuple(
        RawTrial(
            entry.number,
            entry.params,
            {name: value for name, value in entry.values.items() if value is not None},
            tuple(report.epoch for report in entry.curve),
        )
        for entry in results.trials
        if entry.state == "complete"
    )
    study = results.study
    directions = {entry.name: entry.direction for entry in results.objectives}
    name = f"{study.name} ({place})"
    return RawStudy(name, trials, study.work, study.features, directions, own=True)


def _read_journal(run: RunFolder) -> list[RawStudy]:
    storage = open_journal(run.journal)
    return [_from_optuna(study, str(run.path)) for study in _studies_of(storage)]


def _read_url(url: str) -> Iterator[RawStudy]:

    place, _, wanted = url.partition("#")
    if not is_there(place, RunFolder(Path())):
        raise LstmoptError(
            f"a warm start reads a database that is there, found none at {masked(place)}: mend the "
            "URL"
        )
    try:
        storage = open_storage(place, RunFolder(Path()))
        studies = _studies_of(storage)
    except Exception as error:
        raise LstmoptError(
            f"a warm start reads an Optuna storage that can be opened, found {masked(place)!r} "
            f"({masked(str(error).splitlines()[0])}): write for instance sqlite:///study.db"
        ) from error
    names = [study.study_name for study in studies]
    if wanted and wanted not in names:
        raise LstmoptError(
            f"a storage's study is chosen by its name, found no {wanted!r} in {masked(place)}: "
            f"{near_miss(wanted, names)}"
        )
    if not names:
        raise LstmoptError(
            f"a warm start needs an earlier study, found none in {masked(place)}: name another"
        )
    for study in studies:
        if wanted in ("", study.study_name):
            yield _from_optuna(study, place)


def _studies_of(storage: Any) -> list[Any]:
    import optuna

    sampler = optuna.samplers.RandomSampler(seed=0)
    names = [found.study_name for found in storage.get_all_studies()]
    return [optuna.load_study(study_name=n, storage=storage, sampler=sampler) for n in names]


def _from_optuna(study: Any, place: str) -> RawStudy:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # metric names are experimental
        names = study.metric_names
    directions = [direction.name.lower() for direction in study.directions]
    names = names or [f"value {n}" for n in range(len(directions))]
    identity = study.user_attrs.get(IDENTITY)
    trials = tuple(
        RawTrial(
            trial.number,
            trial.params,
            dict(zip(names, trial.values, strict=True)),
            curve_of(read_segments(trial)) if identity else (),
        )
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name == "COMPLETE"
    )
    return RawStudy(
        f"{study.study_name} ({masked(place)})",
        trials,
        {key: identity[key] for key in WORK if key in identity} if identity else {},
        None,
        dict(zip(names, directions, strict=True)),
        own=bool(identity),
    )


def put_into(frame: Frame, raw: RawStudy) -> tuple[PastStudy, str]:
    """Put an earlier study into ``frame``; say in one line what of it cannot be used, or "".

    Trials are used as far as they go: a hyperparameter that is new here is left open, one that
    does not vary here is left out. Raises LstmoptError where a learned objective is not known.
    """
    known = {frame.rename.get(n, n) for trial in raw.trials for n in trial.params}
    ours = {*FIXED, *frame.space.parameters}
    strangers = sorted(known - ours)
    same_work = bool(raw.work) and dict(raw.work) == dict(frame.work)
    trials = []
    why: Counter[str] = Counter()
    for trial in raw.trials:
        found = _put_trial(frame, raw, trial)
        if isinstance(found, str):
            why[found] += 1
        else:
            trials.append(found)
    parts = [f"{count} {reason}" for reason, count in why.most_common()]
    lines = []
    if parts:
        lines.append(f"of {len(raw.trials)} trials {', '.join(parts)}")
    if strangers:
        near = near_miss(strangers[0], sorted(ours))
        names = ", ".join(strangers)
        lines.append(f"no hyperparameter here is called {names} ([warm_start.rename]: {near})")
    notice = f"{raw.name}: {'; '.join(lines)}" if lines else ""
    alike = similarity(frame.features, raw.features)
    return PastStudy(raw.name, tuple(trials), same_work, alike), notice


def _put_trial(frame: Frame, raw: RawStudy, trial: RawTrial) -> PastTrial | str:
    """Put a trial into the frame, or say why it cannot be."""
    named = {frame.rename.get(name, name): value for name, value in trial.params.items()}
    space = frame.space
    exact = raw.own and not set(named) - {*FIXED, *space.parameters}
    if raw.own:
        # what did not vary there was what it always is
        named = {n: v for n, v in FIXED.items() if not space.is_conditional(n)} | named
    params: Params = {}
    for name, parameter in space.parameters.items():
        if name in named:
            if not (isinstance(named[name], str | int | float) and parameter.contains(named[name])):
                if name not in trial.params and name not in frame.rename.values():
                    exact = False  # it did not vary there, and what it was then lies outside
                    continue
                return f"with {name} outside"
            params[name] = _as_here(parameter, named[name])
        elif not space.is_conditional(name):
            exact = False
    applicable = space.names(params)
    params = {name: value for name, value in params.items() if name in applicable}
    exact &= all(name in params for name in applicable if space.is_conditional(name))
    for name, value in named.items():
        if name in FIXED and name not in space.parameters and value != FIXED[name]:
            exact &= not space.applies(name, params)
    if not params:
        return "without a hyperparameter that varies here"
    losses = _losses(frame, raw, trial)
    if losses is None:
        names = ", ".join(objective.name for objective in frame.goals.learned)
        raise LstmoptError(
            f"a warm start needs a study with this one's objectives, found that {raw.name} "
            f"measured {', '.join(raw.directions)} and not {names}: choose another run"
        )
    if not all(map(math.isfinite, losses)):
        return "whose loss is not finite"
    static = _static(frame, trial, params)
    if static is None or not all(map(math.isfinite, static)):
        return "whose cost is not known"
    return PastTrial(trial.number, params, losses, static, exact, trial.curve)


def _as_here(parameter: Any, value: Value) -> Value:
    """Return a value in the type that it has in this space."""
    if isinstance(parameter, Choice):
        return next(choice for choice in parameter.values if choice == value)
    return int(value) if parameter.integer else float(value)


def _losses(frame: Frame, raw: RawStudy, trial: RawTrial) -> tuple[float, ...] | None:
    """Return the learned objectives: from the curve where there is one, else as they were told."""
    learned = frame.goals.learned
    if trial.curve:
        found = replace(frame.goals, cumulative=raw.has_folds).what_counts(trial.curve)
        if all(o.name in found.values for o in frame.goals.forecast):
            return tuple(o.minimised(o.at(found)) for o in learned)
    if all(o.name in trial.values and raw.directions.get(o.name) == o.direction for o in learned):
        return tuple(o.minimised(trial.values[o.name]) for o in learned)
    if len(trial.values) == len(learned) == 1 and not raw.own:
        # another program's study of one objective without a name: what else could it be
        (name,), (objective,) = trial.values, learned
        if name == "value 0" and raw.directions[name] == objective.direction:
            return (objective.minimised(trial.values[name]),)
    return None


def _static(frame: Frame, trial: RawTrial, params: Params) -> tuple[float, ...] | None:
    """Return the static objectives on this machine.

    As they were told where an architecture is open, or was not measured yet.
    """
    static = frame.goals.static
    deciding = filter(Architecture.decides, frame.space.names(params))
    whole = all(name in params for name in deciding)
    told = all(o.name in trial.values for o in static)
    if whole and (frame.costs.is_known(params) or not told):
        return frame.goals.minimised_static(frame.costs.static(params))
    return tuple(o.minimised(trial.values[o.name]) for o in static) if told else None
