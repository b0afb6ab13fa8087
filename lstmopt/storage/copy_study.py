"""A study from one storage to another: between a run's journal and any database."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from lstmopt.config.study_file import read_config, replace, write_config
from lstmopt.errors import LstmoptError, masked, near_miss
from lstmopt.storage.driver_journal import open_journal, repair_journal
from lstmopt.storage.optuna_internals import PARENTS, id_of
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.study_store import IDENTITY, is_there, open_storage
from lstmopt.system.study_lock import hold_study


@dataclass(frozen=True)
class Place:
    """Where a study is, or is to be: in a run's ``folder``, or in the database at ``url``."""

    folder: RunFolder | None
    url: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read ``URL#NAME`` or the folder of a run, which may keep its study in a database."""
        if "://" in text:
            url, _, name = text.partition("#")
            return cls(None, url, name)
        folder = RunFolder(Path(text))
        if not folder.study_file.is_file():
            return cls(folder, "", "")
        config = read_config(folder.study_file)
        return cls(folder, config.storage, config.name)

    def __str__(self) -> str:
        return masked(self.url) if self.url or not self.folder else str(self.folder.path)

    @property
    def files(self) -> RunFolder:
        """The run's folder; of no meaning where the study is in a database."""
        return self.folder or RunFolder(Path())

    def open(self) -> optuna.storages.BaseStorage:
        """Open the storage; a database is made where there is none."""
        return open_storage(self.url, self.files)


def copy_study(source: str, target: str) -> tuple[int, str]:
    """Copy a study; return how many trials it has and where it is now.

    ``source`` and ``target`` are folders of runs, or ``URL#NAME`` of databases (the only study, and
    the source's name, where none is given). A folder gets what a run needs to go on: study file,
    checkpoints and what it learnt from. Raises LstmoptError where there is no such study, where one
    stands in its place, or while a driver holds it.
    """
    there, here = Place.parse(source), Place.parse(target)
    if not is_there(there.url, there.files):
        raise LstmoptError(
            f"a study is copied from a run or a database, found none at {there}: mend the name"
        )
    with contextlib.ExitStack() as held:
        if there.folder:
            held.enter_context(there.folder.lock())
            repair_journal(there.folder.journal)
        storage = there.open()
        name = _choose(storage, there)
        held.enter_context(hold_study(name, there.url))
        if here.folder:
            count = _copy_to_folder(storage, name, there, here.folder)
            return count, f"study {name!r} in {here.folder.path}"
        wanted = here.name or name
        held.enter_context(hold_study(wanted, here.url))
        return _copy(storage, name, here.open(), wanted, here), f"study {wanted!r} in {here}"


def _choose(storage: optuna.storages.BaseStorage, place: Place) -> str:
    names = optuna.get_all_study_names(storage)
    if place.name in names:
        return place.name
    if place.name or len(names) != 1:
        hint = near_miss(place.name, names)
        raise LstmoptError(
            f"a study is chosen by its name where there are several, found {place.name!r} in "
            f"{place}: write URL#NAME; {hint}"
        )
    return names[0]


def _copy_to_folder(
    storage: optuna.storages.BaseStorage, name: str, source: Place, target: RunFolder
) -> int:
    if target.journal.exists() or target.study_file.exists():
        raise LstmoptError(
            f"a study is copied to a place of its own, found a run in {target.path}: choose another"
        )
    target.path.mkdir(parents=True, exist_ok=True)
    with target.lock():
        # whole or not at all: a copy that was interrupted is no run
        unfinished = target.path / ".journal.copy"
        unfinished.unlink(missing_ok=True)
        place = Place(target, "", name)
        count = _copy(storage, name, open_journal(unfinished), name, place)
        if source.folder:
            _copy_files(source.folder, target)
        unfinished.replace(target.journal)
        return count


def _copy_files(source: RunFolder, target: RunFolder) -> None:
    """Copy what a run needs to go on elsewhere."""
    if source.study_file.is_file():
        config = replace(read_config(source.study_file), storage="")
        target.write(target.study_file, write_config(config))
    if source.warm_start.is_file():
        target.write(target.warm_start, source.warm_start.read_bytes())
    if source.checkpoints.is_dir():
        shutil.copytree(source.checkpoints, target.checkpoints, dirs_exist_ok=True)


def _copy(
    source: optuna.storages.BaseStorage,
    name: str,
    target: optuna.storages.BaseStorage,
    wanted: str,
    place: Place,
) -> int:
    """Copy a study; return its number of trials. What says that it is a run comes last.

    So no driver goes on with a copy that was interrupted. Trials keep their numbers and get other
    ids, so what names trials by their ids is mended, which Optuna's own copy leaves as it is.
    """
    there = source.get_study_id_from_name(name)
    try:
        here = target.create_new_study(source.get_study_directions(there), wanted)
    except optuna.exceptions.DuplicatedStudyError as error:
        raise LstmoptError(
            f"a study is copied to a place of its own, found {wanted!r} in {place}: give "
            "URL#NAME with another name"
        ) from error
    try:
        ids = {
            id_of(trial): target.create_new_trial(here, trial)
            for trial in source.get_all_trials(there, deepcopy=False)
        }
        system: dict[str, Any] = source.get_study_system_attrs(there)
        for key, value in system.items():
            # what a warm start only showed has a negative id, and no place in any storage
            anew = [ids.get(n, n) for n in value] if PARENTS in key else value
            target.set_study_system_attr(here, key, anew)
        user: dict[str, Any] = source.get_study_user_attrs(there)
        for key in sorted(user, key=lambda key: key == IDENTITY):
            target.set_study_user_attr(here, key, user[key])
    except BaseException:
        target.delete_study(here)
        raise
    return len(ids)
