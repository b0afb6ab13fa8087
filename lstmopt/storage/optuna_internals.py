"""Everything of Optuna that is used here and is not part of its public interface.

Each name stands once, with why it is needed. A release of Optuna may change any of them without a
word, so `tests/unit/storage/test_optuna_internals.py` fails, with a sentence, under a release that
nobody has tried yet.
"""

from __future__ import annotations

import copy
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.storages.journal._storage import JournalOperation
from optuna.study._frozen import FrozenStudy as FrozenStudy  # what `get_all_studies` lists
from optuna.trial import FrozenTrial

TRIED = ("5.0",)
"""Releases under which all of it is known to work."""

CREATE_STUDY = int(JournalOperation.CREATE_STUDY)
DELETE_STUDY = int(JournalOperation.DELETE_STUDY)
CREATE_TRIAL = int(JournalOperation.CREATE_TRIAL)
"""Operations (``op_code``) that say which studies and trials a journal holds."""

PARENTS = ":parent:"
"""In the name of each study attribute that lists the trials, by their ids, that are bred from."""


def id_of(trial: FrozenTrial) -> int:
    """Return what its storage knows a trial by; `FrozenTrial` shows its number alone."""
    found: int = trial._trial_id
    return found


def changed(trial: FrozenTrial, **fields: Any) -> FrozenTrial:
    """Copy a trial with some of its fields changed; ``trial_id`` too, which has no setter."""
    if "trial_id" in fields:
        fields["_trial_id"] = fields.pop("trial_id")
    other = copy.copy(trial)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def storage_of(study: optuna.Study) -> BaseStorage:
    """Return a study's storage, which the dashboard and artifacts must be given."""
    found: BaseStorage = study._storage
    return found


def generation_key(sampler: optuna.samplers.BaseGASampler) -> str:
    """Return the trial attribute in which a genetic sampler notes a trial's generation."""
    key: str = sampler._get_generation_key()
    return key


def parents_prefix(sampler: optuna.samplers.BaseGASampler) -> str:
    """Return how the study attributes begin in which it notes from which trials it breeds."""
    prefix: str = sampler._get_parent_cache_key_prefix()
    return prefix
