"""The storage of a study as its driver uses it: trial by trial, and seldom as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState


def _delegate(name: str) -> Callable[..., Any]:
    def call(self: Delegating, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return getattr(self.storage, name)(*args, **kwargs)

    call.__name__ = name
    return call


_BY_NUMBER = "get_trial_id_from_study_id_trial_number", "get_trial_number_from_id"
_Every: Any = type(
    "_Every",
    (BaseStorage,),
    {name: _delegate(name) for name in (*BaseStorage.__abstractmethods__, *_BY_NUMBER)},
)


class Delegating(_Every):  # type: ignore[misc]
    """A storage that is another one, but for what a subclass does itself; for any thread."""

    def __init__(self, storage: BaseStorage) -> None:
        self.storage, self.lock = storage, threading.RLock()


class DriverStorage(Delegating):
    """A storage that lets go of what was read of a whole study.

    Optuna's storages hold every trial that they have read. So single trials are written and read
    through ``storage``, which holds few; all of them through another that ``open_whole`` opens, and
    that is let go when a trial is begun and nobody has asked since the one before it.
    """

    def __init__(self, storage: BaseStorage, open_whole: Callable[[], BaseStorage]) -> None:
        super().__init__(storage)
        self._open_whole = open_whole
        self._whole: BaseStorage | None = None
        self._asked = False

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        with self.lock:
            self._asked = True
            self._whole = self._whole or self._open_whole()
            return self._whole.get_all_trials(study_id, deepcopy, states)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        with self.lock:
            if not self._asked:
                self._whole = None
            self._asked = False
            return self.storage.create_new_trial(study_id, template_trial)
