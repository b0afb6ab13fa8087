"""The journal in a run's folder: a file of Optuna's, as readers open it and as its driver does."""

from __future__ import annotations

import bisect
import json
from array import array
from collections.abc import Container, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import filelock
import numpy as np
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lstmopt.errors import LstmoptError, MachineError
from lstmopt.storage.optuna_internals import (
    CREATE_STUDY,
    CREATE_TRIAL,
    DELETE_STUDY,
    FrozenStudy,
    changed,
)

Record = dict[str, Any]
"""One line of the file: an operation on a study or on a trial, in Optuna's own words."""

_HELD = 512
"""Trials that a driver's journal holds whole, the last used; others are read from their lines."""
_NOT_BEGUN = -1
"""The id of a trial that has no line yet."""


class _Lock(JournalFileOpenLock):
    """A lock that the system takes back when its process dies, however it dies.

    Optuna's own is a file: one that a killed process leaves keeps everyone out, for ever where the
    path to the journal was relative. A journal that has gone is an error: a lock file would make
    its folder anew, and what is written next another journal.
    """

    def __init__(self, path: Path) -> None:
        self._journal = path
        self._lock = filelock.FileLock(path.with_name(f".{path.stem}.lock"))

    def acquire(self) -> bool:
        self._journal.stat()
        self._lock.acquire()
        self._journal.stat()
        return True

    def release(self) -> None:
        self._lock.release()


def _open_file(path: Path) -> JournalFileBackend:
    return JournalFileBackend(str(path), _Lock(path))


def open_journal(path: Path) -> JournalStorage:
    """Open a journal file, new or not; Optuna holds all of it in memory.

    Raises LstmoptError for a file that holds what is no record.
    """
    try:
        return JournalStorage(_open_file(path))
    except (ValueError, KeyError, TypeError, AssertionError) as error:  # of Optuna's, at a line
        raise _damaged(path, f"one that is none ({' '.join(str(error).split())})") from error


def _damaged(path: Path, found: str) -> LstmoptError:
    return LstmoptError(
        f"a line of a journal is a record of Optuna's, found {found} in {path}: another program "
        "has written it; take it out and run the same command again"
    )


def repair_journal(path: Path) -> bool:
    """Cut off an incomplete last line, before anything is written; say if there was one."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        with path.open("r+b") as file:
            file.truncate(end)
        return True
    return False


def _read_record(line: bytes, path: Path) -> Record:
    try:
        record = json.loads(line)
        if isinstance(record, dict) and isinstance(record.get("op_code"), int):
            return record
    except ValueError:
        pass
    raise _damaged(path, repr(line[:40].decode(errors="replace")))


class _Index:
    """Which studies and trials a journal holds, and where the lines of each trial are."""

    def __init__(self) -> None:
        self.studies: list[Record] = []
        """The lines that make and delete studies, without which no trial can be."""
        self._names: dict[int, str] = {}
        self._studies_so_far = self._trials_so_far = 0
        self._trials_of: dict[int, array[int]] = {}
        self._trial_of_line, self._place_of_line = array("q"), array("q")

    def add(self, record: Record, place: int) -> int | None:
        """Take in a line; return which trial it is about, None where it is about none."""
        operation = record["op_code"]
        trial_id: int | None = record.get("trial_id")
        if operation in (CREATE_STUDY, DELETE_STUDY):
            self.studies.append(record)
        if operation == CREATE_STUDY and record["study_name"] not in self._names.values():
            self._names[self._studies_so_far] = record["study_name"]
            self._studies_so_far += 1
        elif operation == DELETE_STUDY:
            self._names.pop(record["study_id"], None)
        elif operation == CREATE_TRIAL and record["study_id"] in self._names:
            trial_id = self._trials_so_far
            self._trials_so_far += 1
            self._trials_of.setdefault(record["study_id"], array("q")).append(trial_id)
        if trial_id is not None:
            self._trial_of_line.append(trial_id)
            self._place_of_line.append(place)
        return trial_id

    def places(self, trial_id: int) -> list[int]:
        """List where the lines of a trial begin."""
        mine = np.asarray(self._trial_of_line) == trial_id
        places: list[int] = np.asarray(self._place_of_line)[mine].tolist()
        if not places:
            raise KeyError(f"no trial of this id: {trial_id}")
        return places

    def trial_id(self, study_id: int, number: int) -> int:
        ids = self._trials_of.get(study_id, ())
        if not 0 <= number < len(ids):
            raise KeyError(f"no trial of this number: {number}")
        return ids[number]

    def number(self, trial_id: int) -> int:
        for ids in self._trials_of.values():
            number = bisect.bisect_left(ids, trial_id)
            if number < len(ids) and ids[number] == trial_id:
                return number
        raise KeyError(f"no trial of this id: {trial_id}")


class DriverJournal(BaseStorage):
    """A journal file for the one process that begins, follows and ends its trials.

    What is in memory of a trial is where its lines are (16 bytes each); those last used are held
    whole. So its driver can run a study of any length, where `open_journal` takes 8 KiB a trial.
    Every line is made and read by Optuna's own storage, of which each trial has one to itself: what
    it cannot see there is a hyperparameter that is of another kind in another trial. Other programs
    may write to the file meanwhile. For one thread at a time. Whoever asks for all trials has all
    of the file read, and none of that is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file, self._end = path, _open_file(path), 0
        self._index, self._of_studies = _Index(), list[Record]()
        self._held: dict[int, _Lines] = {}

    @cached_property
    def _studies(self) -> JournalStorage:
        return _Lines(self, self._of_studies).storage

    def append(self, records: list[Record]) -> list[tuple[int | None, Record]]:
        """Write to the file; return what `read_on` does."""
        self._file.append_logs(records)
        return self.read_on()

    def read_on(self) -> list[tuple[int | None, Record]]:
        """Read what has been added to the file; return it with the trials that it is about.

        Raises MachineError for a file that has become shorter, LstmoptError for what is no record.
        """
        size = self._path.stat().st_size
        if size < self._end:
            raise MachineError(
                f"a run's journal only grows, found {self._path} shorter than it was: another "
                "program has changed it; bring it back and run the same command again"
            )
        added = []
        if size > self._end:
            with self._path.open("rb") as file:
                file.seek(self._end)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # another program is writing it
                    record = _read_record(line, self._path)
                    added.append((self._index.add(record, self._end), record))
                    self._end += len(line)
        for trial_id, record in added:
            if trial_id is None:
                self._of_studies.append(record)
            elif trial_id in self._held:
                self._held[trial_id].records.append(record | {"trial_id": 0})
        return added

    def hold(self, trial_id: int, lines: _Lines) -> None:
        """Keep up to date what the file says of a trial, while it is among those last used."""
        self._held[trial_id] = lines
        if len(self._held) > _HELD:
            del self._held[next(iter(self._held))]

    def _trial(self, trial_id: int) -> JournalStorage:
        """Return the storage of one trial. Raises KeyError where there is none."""
        self.read_on()
        lines = self._held.pop(trial_id, None) or self._read(trial_id)
        self.hold(trial_id, lines)
        return lines.storage

    def _read(self, trial_id: int) -> _Lines:
        lines = _Lines(self, list(self._index.studies), trial_id)
        places = self._index.places(trial_id)
        with self._path.open("rb") as file:
            for place in places:
                file.seek(place)
                record = _read_record(file.readline(), self._path)
                lines.records.append(record | {"trial_id": 0})
        return lines

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        self.read_on()
        lines = _Lines(self, list(self._index.studies))
        lines.storage.create_new_trial(study_id, template_trial)
        return lines.trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        storage = self._trial(trial_id)
        storage.set_trial_param(0, param_name, param_value_internal, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        return self._trial(trial_id).set_trial_state_values(0, state, values)

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        storage = self._trial(trial_id)
        storage.set_trial_intermediate_value(0, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._trial(trial_id).set_trial_user_attr(0, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._trial(trial_id).set_trial_system_attr(0, key, value)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        trial = self._trial(trial_id).get_trial(0)
        number = self.get_trial_number_from_id(trial_id)
        return changed(trial, trial_id=trial_id, number=number)

    def get_trial_number_from_id(self, trial_id: int) -> int:
        self.read_on()
        return self._index.number(trial_id)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        self.read_on()
        return self._index.trial_id(study_id, trial_number)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        return open_journal(self._path).get_all_trials(study_id, deepcopy, states)

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        return self._studies.create_new_study(directions, study_name)

    def delete_study(self, study_id: int) -> None:
        self._studies.delete_study(study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._studies.set_study_user_attr(study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._studies.set_study_system_attr(study_id, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._studies.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._studies.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._studies.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._studies.get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._studies.get_study_system_attrs(study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        return self._studies.get_all_studies()


class _Lines(BaseJournalBackend):
    """What a journal says of its studies, or of one trial, for an Optuna storage of its own.

    A trial is alone there, so it is trial 0; in the file it has the id that it got when it began.
    """

    def __init__(
        self, journal: DriverJournal, records: list[Record], trial_id: int = _NOT_BEGUN
    ) -> None:
        self._journal, self.records, self.trial_id = journal, records, trial_id
        self._first = 0
        self.storage = JournalStorage(self)

    def read_logs(self, log_number_from: int) -> list[Record]:
        self._journal.read_on()
        del self.records[: log_number_from - self._first]  # the storage has them
        self._first = log_number_from
        return list(self.records)

    def append_logs(self, logs: list[Record]) -> None:
        own = [log | {"trial_id": self.trial_id} if "trial_id" in log else log for log in logs]
        added = self._journal.append(own)
        if logs[0]["op_code"] == CREATE_TRIAL:
            self._begin(logs[0], added)

    def _begin(self, log: Record, added: list[tuple[int | None, Record]]) -> None:
        """Find out which trial has been begun: another program may have begun one too."""
        worker = log["worker_id"]
        mine = [n for n, record in added if n is not None and record["worker_id"] == worker]
        if not mine:
            raise KeyError(f"no study of this id to begin a trial of: {log['study_id']}")
        self.trial_id = mine[0]
        self.records += [record | {"trial_id": 0} for n, record in added if n == self.trial_id]
        self._journal.hold(self.trial_id, self)
