"""A run whose plug-ins fail: one sentence, and nothing that was finished is lost."""

from __future__ import annotations

import json
import re

import pytest

from lstmopt import LstmoptError, run
from lstmopt.config.study_file import replace
from support.plugins import write_plugin
from support.studies import config_of

OBJECTIVE = """
@hookimpl
def lstmopt_objectives():
    return [Objective("mine", "minimize", "static", lambda cost: {measure}, "a summary")]
"""
SAMPLER = """
import optuna

class Fails(optuna.samplers.RandomSampler):
    def before_trial(self, study, trial):
        if trial.number == {at}:
            raise KeyError("a bug")

@hookimpl
def lstmopt_samplers():
    return [Strategy("mine", lambda *, seed: Fails(seed), "a summary", "")]
"""


def with_plugin(csv, folder, source, **changes):
    path = write_plugin(folder, source)
    return config_of(csv, plugins=[str(path)], warm_start={"name": "none"}, **changes)


@pytest.mark.parametrize("measure", ["float('nan')", "None", "'fast'", "1 / 0", "cost.speed"])
def test_a_static_objective_is_held_to_numbers_before_a_study_is_made(csv, tmp_path, measure):
    objectives = ["val_loss", "mine"]
    broken = with_plugin(csv, tmp_path, OBJECTIVE.format(measure=measure), objectives=objectives)
    with pytest.raises(LstmoptError, match=r"objective 'mine' of .*mine\.py"):
        run(broken, tmp_path / "run")
    assert not (tmp_path / "run" / "study.toml").exists()
    mended = OBJECTIVE.format(measure="cost['hidden_size']")
    document = run(with_plugin(csv, tmp_path, mended, objectives=objectives), tmp_path / "run")
    assert {trial["values"]["mine"] for trial in document["trials"]} <= {4.0, 8.0}


FORECAST = """
@hookimpl
def lstmopt_objectives():
    def measure(found):
        if found.forecasts.std() < 0.5:
            {wrong}
        return found.metrics().mae
    return [Objective("mine", "minimize", "forecast", measure, "a summary")]
"""


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("raise KeyError('a bug')", "objective 'mine' of .*mine.py raised KeyError"),
        ("return None", "a forecast objective measures a number, found None for forecasts of"),
        ("return float('nan')", "objective mine was nan"),
    ],
)
def test_a_forecast_objective_that_gives_no_number_fails_its_trial_alone(
    csv, tmp_path, wrong, reason
):
    # forecasts of a network that hardly learns are all alike
    grid = {"hidden_size": [4], "learning_rate": [1e-5, 0.05], "batch_size": [8]}
    choice = {"space": grid, "sampler": {"name": "grid"}, "pruner": {"name": "none"}}
    choice |= {"training": {"targets_per_window": 1}, "baselines": ["repeat"]}
    source = FORECAST.format(wrong=wrong)
    config = with_plugin(csv, tmp_path, source, objectives=["val_loss", "mine"], **choice)
    config = replace(config, space=grid)
    by_rate = {
        trial["params"]["learning_rate"]: trial for trial in run(config, tmp_path / "run")["trials"]
    }
    assert by_rate[1e-5]["state"] == "failed"
    assert re.search(reason, by_rate[1e-5]["reason"])
    assert by_rate[0.05]["state"] == "complete"
    last = min(by_rate[0.05]["curve"], key=lambda report: report["val_loss"])
    assert by_rate[0.05]["values"]["mine"] == last["values"]["mine"]


def test_a_run_whose_sampler_failed_is_readable_and_goes_on(csv, tmp_path):
    sampler = {"name": "mine"}
    broken = with_plugin(csv, tmp_path, SAMPLER.format(at=2), sampler=sampler)
    with pytest.raises(LstmoptError, match=r"sampler 'mine' of .*mine\.py raised KeyError"):
        run(broken, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "optimization_results.json").read_text())
    assert [trial["number"] for trial in record["trials"]] == [0, 1]
    mended = with_plugin(csv, tmp_path, SAMPLER.format(at=-1), sampler=sampler)
    document = run(mended, tmp_path / "run")
    assert document["trials"][:2] == record["trials"]
    assert len(document["trials"]) == 5


def test_a_warm_start_that_raises_leaves_no_trial_behind(csv, tmp_path):
    source = (
        "class Fails:\n    def begin(self, space, past):\n        raise KeyError('a bug')\n"
        "@hookimpl\ndef lstmopt_warm_starts():\n    return [Strategy('mine', Fails, 'x', '')]\n"
    )
    path = write_plugin(tmp_path, source)
    config = config_of(csv, plugins=[str(path)], warm_start={"name": "mine"})
    with pytest.raises(LstmoptError, match=r"warm start 'mine' of .*mine\.py raised KeyError"):
        run(config, tmp_path / "run")
    path.write_text(path.read_text().replace("raise KeyError('a bug')", "return Beginning(space)"))
    path.write_text("from lstmopt import Beginning\n" + path.read_text())
    assert len(run(config, tmp_path / "run")["trials"]) == 5
