"""The Optuna study behind a run: opened or created, and refused when it was begun otherwise."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from lstmopt.errors import LstmoptError, MachineError, masked
from lstmopt.objectives import Goals
from lstmopt.storage.driver_journal import DriverJournal, open_journal, repair_journal
from lstmopt.storage.driver_storage import DriverStorage
from lstmopt.storage.run_folder import RunFolder
from lstmopt.system.study_lock import unopened

IDENTITY = "lstmopt"

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class StoredStudy:
    """A study, the storage that its driver writes to, and what the user should know of its opening.

    Neither holds a trial for longer than it is wanted, unless Optuna has no such storage.
    """

    study: optuna.Study
    storage: BaseStorage
    notices: tuple[str, ...]


def find_study(
    name: str, url: str, folder: RunFolder, goals: Goals, identity: Mapping[str, Any]
) -> StoredStudy | None:
    """Open a study where there is one, as `open_study` does; make nothing where there is none."""
    if not is_there(url, folder):
        return None
    if not url:
        return open_study(name, url, folder, goals, identity)
    known = optuna.get_all_study_names(open_storage(url, folder))
    return open_study(name, url, folder, goals, identity) if name in known else None


def open_study(
    name: str, url: str, folder: RunFolder, goals: Goals, identity: Mapping[str, Any]
) -> StoredStudy:
    """Open or create the study and refuse one that was begun with something else.

    ``identity`` says what must not change between calls, by the words a user knows it by.
    """
    notices = []
    folder.path.mkdir(parents=True, exist_ok=True)
    if not url and repair_journal(folder.journal):
        notices.append("the journal's last line was incomplete and has been cut off")
    storage = _open_to_drive(url, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            study = optuna.create_study(
                study_name=name,
                storage=storage,
                directions=goals.directions,
                load_if_exists=True,
                sampler=optuna.samplers.RandomSampler(seed=0),
            )
        except ValueError:  # Optuna's word for another number of objectives
            raise LstmoptError(_changed("objectives", folder, url)) from None
    if known := study.user_attrs.get(IDENTITY):
        for what, value in identity.items():
            if known.get(what, value) != value:  # an older study may not say so much of itself
                raise LstmoptError(_changed(what, folder, url))
    else:
        if study.get_trials(deepcopy=False):
            raise LstmoptError(
                f"a run continues its own study only, found study {name!r} of another program in "
                "the storage: choose another name"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(goals.names)
        study.set_user_attr(IDENTITY, dict(identity))
    return StoredStudy(study, storage, tuple(notices))


def _changed(what: str, folder: RunFolder, url: str) -> str:
    found, remedy = _CHANGES.get(what, (what, "go back to it"))
    return (
        f"a run goes on with what it began with, found another {found} than in {folder.path}: "
        f"{remedy}, or {anew(url)}"
    )


_CHANGES = {
    "data file": ("data file, or [data] that reads it otherwise,", "go back to it"),
    "record's format": ("record's format", "go back to the version of lstmopt that began it"),
}
"""What is said of a change that its own word does not explain, and what helps."""


def anew(url: str) -> str:
    """Say how a new run is begun beside an old one: a database finds a study by its name."""
    name = "another name and " if url else ""
    return f"begin a new run with {name}another --out"


def is_there(url: str, folder: RunFolder) -> bool:
    """Say whether a storage may be opened to be read: none is made by looking for it."""
    if not url:
        return folder.journal.is_file()
    file = url.removeprefix("sqlite:///")
    return file == url or Path(file).is_file()


def open_storage(url: str, folder: RunFolder) -> BaseStorage:
    """Open a database, or the journal in the run's folder when ``url`` is empty, to be read."""
    if not url:
        folder.path.mkdir(parents=True, exist_ok=True)
        return open_journal(folder.journal)
    database = _open_database(url)
    storage = optuna.storages.get_storage(database)
    _close_with(storage, database)
    return storage


def _open_to_drive(url: str, folder: RunFolder) -> DriverStorage:
    """Open a storage as `open_storage` does, for a driver."""
    if not url:
        journal = DriverJournal(folder.journal)
        return DriverStorage(journal, partial(open_journal, folder.journal))
    database = _open_database(url)
    storage = DriverStorage(database, partial(optuna.storages.get_storage, database))
    _close_with(storage, database)
    return storage


def _open_database(url: str) -> BaseStorage:
    try:
        if url.startswith("redis"):
            return optuna.storages.get_storage(url)
        return optuna.storages.RDBStorage(url)
    except Exception as error:
        raise unopened(url, error) from error


def _close_with(storage: BaseStorage, database: BaseStorage) -> None:
    """Close a database's connections with the storage, not whenever the last one is forgotten."""
    if isinstance(database, optuna.storages.RDBStorage):
        weakref.finalize(storage, database.engine.dispose)


@contextmanager
def spoken_errors(url: str) -> Iterator[None]:
    """Say in one sentence that a database has gone while it was used."""
    try:
        yield
    except optuna.exceptions.StorageInternalError as error:
        cause = str(error.__cause__ or error).splitlines()[0]
        raise MachineError(
            f"a study is kept in its storage, found that {masked(url)} no longer takes it "
            f"({masked(cause)}): mend that; everything finished is kept, the same command goes on"
        ) from error
