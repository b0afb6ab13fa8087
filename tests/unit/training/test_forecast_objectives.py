from __future__ import annotations

import math
import pickle
import re
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from lstmopt.data.scaling import Scaling
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import Candidate
from lstmopt.training.forecast_objectives import ForecastObjectives
from lstmopt.training.own_units import OwnUnits
from lstmopt.training.trainer import Workload, advance
from support.parts import SMALL, make_part, make_workload
from support.plugins import FORECAST_OBJECTIVE, fail, objective_of, write_plugin
from support.training import CANDIDATE, losses

PART = make_part(160, 240)
SCALING = Scaling(np.array([10.0]), np.array([3.0]))
UNITS = OwnUnits(PART.targets[:240].astype(float) * 3 + 10, SCALING, 24, 0.5)


def measures_of(*objectives):
    return ForecastObjectives.of(objectives, UNITS)


def forecast_objective(measure, name="mine"):
    return objective_of(measure, "forecast", name)


def workload_with(*objectives, **options):
    plain = make_workload(**options)
    parts = plain.train.part, plain.validation.part
    return Workload(*parts, plain.options, "cpu", plain.reports, measures_of(*objectives))


def test_training_is_bit_for_bit_the_same_with_forecast_objectives():
    mine = forecast_objective(lambda found: found.metrics().mae)
    plain, measured = (
        advance(workload, CANDIDATE, None, 4) for workload in (make_workload(), workload_with(mine))
    )
    assert losses(plain.epochs) == losses(measured.epochs)
    assert [epoch.values for epoch in plain.epochs] == [{}] * 4


def test_every_report_holds_what_was_measured_in_the_targets_own_units():
    mae = forecast_objective(lambda found: found.metrics().mae, "mae")
    mase = load_registry().objective("val_mase")
    progress = advance(workload_with(mae, mase, reports=2), CANDIDATE, None, 4)
    for epoch in progress.epochs:
        assert epoch.values["mae"] == pytest.approx(3 * epoch.val_mae, rel=1e-5)
        assert epoch.values["val_mase"] == pytest.approx(3 * epoch.val_mae / 0.5, rel=1e-5)
    first = advance(workload_with(mae, mase, reports=2), CANDIDATE, None, 3)
    rest = advance(workload_with(mae, mase, reports=2), CANDIDATE, first.checkpoint, 1)
    assert [e.values for e in first.epochs + rest.epochs] == [e.values for e in progress.epochs]


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (fail, r"objective 'mine' of mine\.py raised KeyError: 'a bug'"),
        (lambda _: "much", "measures a number, found 'much' for forecasts of 79 windows, 2 rows"),
    ],
)
def test_an_objective_that_gives_no_number_is_the_failure_of_its_candidate(measure, words):
    progress = advance(workload_with(forecast_objective(measure)), CANDIDATE, None, 4)
    assert len(progress.epochs) == 1
    assert progress.finished
    assert re.search(words, progress.failure)
    assert math.isnan(progress.epochs[0].values["mine"])


def test_a_loss_that_is_not_finite_is_said_before_any_objective_is_asked():
    candidate = Candidate(SMALL | {"learning_rate": 1e30}, 0)
    progress = advance(workload_with(forecast_objective(fail)), candidate, None, 5)
    assert "no longer finite in epoch" in progress.failure


def test_an_objective_that_is_no_number_in_a_report_lets_training_go_on():
    mine = forecast_objective(lambda found: math.nan)
    progress = advance(workload_with(mine), CANDIDATE, None, 2)
    assert progress.failure is None
    assert all(math.isnan(epoch.values["mine"]) for epoch in progress.epochs)


def test_the_function_of_a_plug_ins_file_goes_along_by_value(tmp_path):
    path = write_plugin(tmp_path, FORECAST_OBJECTIVE)
    objective = load_registry((path,)).objective("cost")
    sent = pickle.dumps(measures_of(objective))
    path.unlink()  # nothing of it is read where it arrives
    scaled, origins = np.zeros((79, 2), np.float32), PART.origins()
    found = pickle.loads(sent).measure(scaled, origins)
    errors = 10 - UNITS.target[origins[:, None] + [1, 2]]
    assert found.values["cost"] == pytest.approx(np.where(errors < 0, -4 * errors, errors).mean())


def test_an_objective_that_cannot_be_sent_is_refused_by_its_name():
    lock = threading.Lock()
    mine = forecast_objective(lambda found: float(lock.locked()))
    with pytest.raises(LstmoptError, match=r"found that objective 'mine' of mine\.py cannot be \("):
        measures_of(mine)


def test_a_worker_of_another_python_ends_the_study_and_not_a_trial():
    mine = measures_of(forecast_objective(len))
    other = replace(mine, packed=(replace(mine.packed[0], python=(2, 7)),))
    with pytest.raises(MachineError, match=r"where the driver has 2\.7: install the same"):
        other.measure(np.zeros((79, 2), np.float32), PART.origins())


def test_a_worker_that_lacks_a_package_ends_the_study_and_not_a_trial(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def measure(found):\n    return 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    sent = measures_of(forecast_objective(only_here.measure))
    monkeypatch.delitem(sys.modules, "only_here")
    (tmp_path / "only_here.py").unlink()
    with pytest.raises(MachineError, match=r"lacks one .*only_here.*: install there"):
        sent.measure(np.zeros((79, 2), np.float32), PART.origins())
