"""Every state in which a driver may leave a trial, and what becomes of it."""

from __future__ import annotations

import optuna
import pytest

from lstmopt.epoch import Epoch
from lstmopt.search.resuming import Resumption, resume
from lstmopt.storage.segments import Judgement, Segment
from lstmopt.storage.trial_record import DUPLICATE_OF, INFEASIBLE, PROMOTIONS, SEED
from support.drivers import SPACE

DRAWN = {"hidden_size": 4, "learning_rate": 0.01}


def left_open(params=DRAWN, segments=(), seed=3, **attributes):
    """Make a trial as a driver that ended left it."""
    trial = optuna.trial.create_trial(
        state=optuna.trial.TrialState.RUNNING,
        params=params,
        distributions={name: SPACE.parameters[name].distribution() for name in params},
    )
    for number, segment in enumerate(segments):
        trial.user_attrs |= segment.attribute(number)
    if seed is not None:
        trial.user_attrs[SEED] = seed
    trial.user_attrs |= attributes
    return trial


def segment(action="go on", end="going on", at=5):
    judged = Judgement(2, action, f"told to {action}", {})
    epochs = tuple(Epoch(n, 0.5, 0.5, 0.5, 0.5, 0.1) for n in (1, 2))
    return Segment(at, epochs, (judged,), end)


def find_nothing(params):
    return None


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        (left_open(**{INFEASIBLE: "too slow"}), Resumption("refuse", "too slow")),
        (left_open({"hidden_size": 4}), Resumption("draw")),
        (left_open(seed=None), Resumption("draw")),
        (left_open(), Resumption("go on")),
        (left_open(**{DUPLICATE_OF: 7}), Resumption("reuse", duplicate=7)),
        (left_open(segments=[segment()]), Resumption("go on")),
        (left_open(segments=[segment("stop")]), Resumption("stop", "told to stop", 2)),
        (left_open(segments=[segment("stop", "finished")]), Resumption("stop", "told to stop", 2)),
        (left_open(segments=[segment(end="finished")]), Resumption("complete")),
        (left_open(segments=[segment("pause", "finished")]), Resumption("complete")),
        (left_open(segments=[segment("pause")]), Resumption("pause")),
        (left_open(segments=[segment("pause")], **{PROMOTIONS: [(6, "open")]}),
         Resumption("go on")),
        (left_open(segments=[segment("pause")], **{PROMOTIONS: [(4, "open")]}),
         Resumption("pause")),
    ],
)  # fmt: skip
def test_a_trial_goes_on_as_its_record_says(trial, expected):
    assert resume(trial, SPACE, find_nothing) == expected


def test_a_duplicate_is_found_only_before_anything_was_trained():
    assert resume(left_open(), SPACE, lambda params: 3) == Resumption("reuse", duplicate=3)
    assert resume(left_open(segments=[segment()]), SPACE, lambda params: 3).action == "go on"
