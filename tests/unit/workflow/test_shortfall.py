"""Why a study has no front, said so that it helps."""

from __future__ import annotations

import dataclasses
import re

import pytest

from lstmopt.epoch import Epoch
from lstmopt.objectives import Limits
from lstmopt.pruning.pruners import Decision
from lstmopt.search_space import parse_space
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.training.trainer import Progress
from lstmopt.workflow.shortfall import no_front
from support.drivers import Scripted, in_process, make_driver, make_plan


def trial(state="pruned", reason="a reason", by_pruner=False, duplicate=False):
    return TrialRecord(0, state, {}, {}, (), 0, 0.0, reason, by_pruner, duplicate=duplicate)


FAILED, INFEASIBLE = trial("failed", "the loss was nan"), trial("infeasible")
STOPPED, CUT_OFF = trial(by_pruner=True), trial(reason="the study's time was up at report 2")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (
            FAILED,
            "all 2 failed, the first because the loss was nan: mend that, then .* another --out",
        ),
        (INFEASIBLE, "all 2 broke a limit, .*: raise that limit .* another --out"),
        (STOPPED, "all 2 were stopped by the pruner, .*: give more trials and run again"),
        (CUT_OFF, "all 2 were cut off, .* time was up .*: give more trials and a longer timeout"),
    ],
)
def test_one_cause_is_said_with_its_first_reason_and_what_helps(cause, words):
    assert re.search(f"found 2 trials and none with a value: {words}", no_front([cause, cause]))


def test_several_causes_are_counted_and_the_most_frequent_says_what_helps():
    said = no_front([FAILED, STOPPED, STOPPED])
    assert "found 3 trials and none with a value: 2 were stopped by the pruner" in said
    assert "1 failed, the first because the loss was nan: give more trials" in said


def test_duplicates_of_what_was_stopped_are_no_cause_of_their_own():
    same = trial(reason="the same candidate as trial 0, not trained again", duplicate=True)
    assert "all 1 were stopped by the pruner" in no_front([STOPPED, *[same] * 9])


def test_a_trial_without_a_reason_is_counted_all_the_same():
    assert "all 1 were cut off: give" in no_front([trial(reason="")])


def test_a_new_run_in_a_database_needs_another_name_too():
    assert "begin a new run with another --out" in no_front([FAILED])
    assert "with another name and another --out" in no_front([FAILED], "sqlite:///study.db")


def test_a_study_that_began_no_trial_asks_for_time():
    assert "time was up before one began: give a longer timeout" in no_front([])


class Stops:
    def decide(self, trial, trials):
        return Decision("stop", "it always does")


SMALL = parse_space({"hidden_size": [4]})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pruner": Stops()}, "all 1 were stopped by the pruner, the first because it always"),
        ({"limits": Limits(max_trial_seconds=0.5)}, "cut off, .* max_trial_seconds is 0.5"),
        ({"epochs": 1}, "were cut off, the first because the study's epochs were spent"),
        ({"limits": Limits(max_parameters=1)}, "broke a limit, the first because it exceeds max_p"),
    ],
)
def test_what_a_search_records_is_what_is_said(tmp_path, changes, words):
    plan = dataclasses.replace(make_plan(4, space=SMALL), **changes)
    call = in_process(Scripted(lambda candidate: [0.5, 0.4, 0.3]))
    assert re.search(words, no_front(make_driver(tmp_path, plan, call).search()))


def test_failures_of_a_search_are_said_with_their_reason(tmp_path):
    failed = Progress(b"", (Epoch(1, 0.5, 0.5, 0.5, 0.5, 0.1),), True, "out of memory")
    records = make_driver(tmp_path, make_plan(3), in_process(lambda *_: failed)).search()
    assert "all 3 failed, the first because out of memory" in no_front(records)
