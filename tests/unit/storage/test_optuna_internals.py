"""Optuna's private parts are those that are known to work, and its own cases hold for storages."""

from __future__ import annotations

from functools import partial

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.testing.pytest_storages import StorageTestCase

from lstmopt.storage.driver_journal import DriverJournal, open_journal
from lstmopt.storage.driver_storage import DriverStorage
from lstmopt.storage.optuna_internals import TRIED


def test_this_release_of_optuna_has_been_tried():
    assert optuna.__version__.startswith(tuple(f"{release}." for release in TRIED)), (
        f"private parts of Optuna are known to work under {', '.join(TRIED)}, found "
        f"{optuna.__version__}: run the tests of storage and search under it, then add it to TRIED "
        "in lstmopt/storage/optuna_internals.py"
    )


def test_the_pinned_release_is_within_what_is_allowed(pytestconfig):
    pins = (pytestconfig.rootpath / "constraints.txt").read_text().splitlines()
    assert f"optuna=={optuna.__version__}" in pins


class DriverCases(StorageTestCase):
    """Optuna's cases, but for pickling: a driver's storage never leaves its process."""

    test_pickle_storage = None


class TestJournalOfADriver(DriverCases):
    # it asks that a distribution is refused which other trials do not have: trials are read one by
    # one here, and a study's space is checked when it is opened (see `open_study`)
    test_set_trial_param = None

    @pytest.fixture
    def storage(self, tmp_path):
        path = tmp_path / "journal.log"
        JournalFileBackend(str(path))
        return DriverStorage(DriverJournal(path), lambda: open_journal(path))


class TestDatabaseOfADriver(DriverCases):
    @pytest.fixture
    def storage(self, tmp_path):
        url = f"sqlite:///{tmp_path}/studies.db"
        open_whole = partial(optuna.storages.RDBStorage, url)
        return DriverStorage(open_whole(), open_whole)
