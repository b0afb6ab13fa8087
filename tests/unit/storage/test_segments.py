from __future__ import annotations

import json
import math

import numpy as np
import optuna
import pytest

from lstmopt.epoch import Epoch
from lstmopt.pruning.pruners import Decision
from lstmopt.storage.segments import Judgement, Segment, read_segments


def read_back(segment):
    stored = json.loads(json.dumps(segment))  # as every storage does
    trial = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, user_attrs=stored)
    return read_segments(trial)


def test_numbers_of_numpys_are_recorded_as_pythons():
    seen = {"bar": np.float64(0.5), "peers": np.int64(3), "late": np.bool_(True)}
    epoch = Epoch(1, np.float64(0.1), np.float32(0.25), 0.3, 0.4, 0.5)
    segment = Segment(2, (epoch,), (Judgement.of(1, Decision("stop", "worse", seen)),))
    (read,) = read_back(segment.attribute(0))
    assert read.epochs == (Epoch(1, 0.1, 0.25, 0.3, 0.4, 0.5),)
    assert read.decisions[0].decision == Decision(
        "stop", "worse", {"bar": 0.5, "peers": 3, "late": True}
    )


def test_what_forecast_objectives_measured_is_recorded_with_its_report():
    epoch = Epoch(1, 0.1, 0.2, 0.3, 0.4, 0.5, {"cost": np.float32(0.25), "mine": math.nan})
    (read,) = read_back(Segment(2, (epoch,)).attribute(0))
    assert read.epochs[0].values["cost"] == 0.25
    assert math.isnan(read.epochs[0].values["mine"])


def test_a_report_of_an_earlier_version_has_no_such_values():
    segment = Segment(2, (Epoch(1, 0.1, 0.2, 0.3, 0.4, 0.5),)).attribute(0)
    (name,) = segment
    segment[name]["epochs"] = [[1, 0.1, 0.2, 0.3, 0.4, 0.5]]
    (read,) = read_back(segment)
    assert read.epochs == (Epoch(1, 0.1, 0.2, 0.3, 0.4, 0.5),)


def test_what_is_no_number_is_named():
    judged = Judgement.of(1, Decision("stop", "worse", {"bar": object()}))
    with pytest.raises(NotImplementedError, match="not a number: <object"):
        Segment(2, (), (judged,)).attribute(0)
