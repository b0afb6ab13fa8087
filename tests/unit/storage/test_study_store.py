"""What must not change between calls of a run, and what is said where it has."""

from __future__ import annotations

import pytest

from lstmopt.errors import LstmoptError
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.study_store import find_study, open_study
from support.drivers import GOALS

BEGAN = {"data file": "abc", "seed": 1, "record's format": 3}


def reopen(folder, url="", **changes):
    open_study("s", url, RunFolder(folder), GOALS, BEGAN)
    return open_study("s", url, RunFolder(folder), GOALS, BEGAN | changes)


def test_a_study_is_opened_again_as_it_began(tmp_path):
    assert reopen(tmp_path).study.study_name == "s"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 2}, "found another seed than in .*: go back to it, or begin a new run"),
        ({"data file": "x"}, r"another data file, or \[data\] that reads it otherwise, than in"),
        ({"record's format": 4}, "go back to the version of lstmopt that began it, or begin"),
    ],
)
def test_what_has_changed_is_named_with_what_helps(tmp_path, change, words):
    with pytest.raises(LstmoptError, match=words):
        reopen(tmp_path, **change)


def test_a_new_run_beside_one_in_a_database_needs_another_name(tmp_path):
    with pytest.raises(LstmoptError, match="begin a new run with another name and another --out"):
        reopen(tmp_path, f"sqlite:///{tmp_path}/s.db", seed=2)
    with pytest.raises(LstmoptError, match="begin a new run with another --out"):
        reopen(tmp_path, seed=2)


def test_that_advice_helps(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    reopen(tmp_path, url)
    changed = BEGAN | {"seed": 2}
    with pytest.raises(LstmoptError, match="another seed"):
        find_study("s", url, RunFolder(tmp_path / "other"), GOALS, changed)
    assert open_study("t", url, RunFolder(tmp_path / "other"), GOALS, changed)


def test_a_study_that_says_less_of_itself_goes_on(tmp_path):
    assert reopen(tmp_path, columns=["load"]).study.user_attrs["lstmopt"] == BEGAN
