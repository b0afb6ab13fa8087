from __future__ import annotations

import csv as csv_format
import json
import math
import os
import signal
import statistics
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from lstmopt import Forecaster, load, run
from lstmopt.config.options import SplitOptions
from lstmopt.config.study_file import replace
from lstmopt.data.split import Split
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baselines import default_names, fit_baselines, repeat, score_part
from lstmopt.forecasting.judging import MOST_SECONDS
from lstmopt.pareto import front_mask
from lstmopt.plugin.registry import load_registry
from lstmopt.report.narrative import words_of
from lstmopt.search.observer import Observer
from lstmopt.workflow.finalists import choose
from lstmopt.workflow.job import naive_losses, prepare
from lstmopt.workflow.run_study import refit_trial
from support.parts import wave
from support.studies import SPACE, config_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    wave().to_csv(folder / "wave.csv", index=False)
    document = run(config_of(folder / "wave.csv"), folder / "run")
    return folder, document


def test_the_result_document_says_everything_by_name(finished):
    folder, document = finished
    assert json.loads((folder / "run" / "optimization_results.json").read_text()) == document
    assert document["schema"] == 1
    assert [o["name"] for o in document["objectives"]] == ["val_loss", "latency_ms"]
    assert len(document["trials"]) == document["budget"]["trials"] == 5
    for scores in (document["chosen"]["test"], *document["baselines"].values()):
        for unit in ("scaled", "own"):
            assert scores[unit]["mse"]["mean"] > 0
            assert scores[unit]["mae"]["mean"] > 0
        assert scores["r2"]["mean"] <= 1
    assert next(iter(document)) == "verdict"
    names = set(default_names(load_registry()))
    assert names >= {"repeat", "seasonal_naive", "ridge", "nlinear", "boosting"}
    assert set(document["baselines"]) == set(document["bar"]) == names
    assert all(entry["latency_ms"] > 0 for entry in document["bar"].values())
    verdict = document["verdict"]
    assert verdict["low"] <= verdict["difference"] <= verdict["high"]
    assert (verdict["says"] == "no difference") == (verdict["p"] >= 0.05)
    best = min(document["bar"], key=lambda name: document["bar"][name]["validation_mse"])
    assert verdict["baseline"] == best


def test_a_baseline_that_takes_too_long_is_tested_and_compared_on_a_sample_and_said_so(
    csv, tmp_path, monkeypatch
):
    monkeypatch.setitem(MOST_SECONDS, "test", 0.0)
    told = []
    observer = Observer()
    observer.notice = told.append
    config = config_of(csv, baselines=["repeat", "ridge"], budget={"trials": 2})
    document = run(config, tmp_path / "run", observer=observer)
    loaded = load(tmp_path / "run")
    rows = loaded.forecasts
    test = rows[rows["part"] == "test"]
    sample = document["bar"]["ridge"]["test_sample"]
    assert sample == document["bar"]["repeat"]["test_sample"]
    assert sample["origins"] < sample["of"] == test["origin"].nunique()
    assert document["bar"]["ridge"]["validation_sample"] is None
    words = f"on {sample['origins']} of {sample['of']} origins"
    assert any("baseline ridge is tested " + words in text for text in told)
    assert f"ridge ({words})" in [row["name"] for row in words_of(loaded)["test_rows"]]
    # the verdict and the scores are of the same windows as the table's
    verdict, name = document["verdict"], document["verdict"]["baseline"]
    seen = test[test[name].notna()]
    assert seen["origin"].nunique() == sample["origins"]
    trial = f"trial {document['chosen']['trial']}"
    own, rival = (((seen[n] - seen["truth"]) ** 2).mean() for n in (trial, name))
    assert verdict["difference"] == pytest.approx(1 - own / rival, rel=1e-3, abs=1e-3)
    assert document["baselines"][name]["own"]["mse"]["mean"] == pytest.approx(rival, rel=1e-3)


def test_the_front_is_that_of_the_recorded_trials(finished):
    folder, document = finished
    trained = [t for t in document["trials"] if t["curve"]]
    best = [min(report["val_loss"] for report in t["curve"]) for t in trained]
    points = [[loss, t["values"]["latency_ms"]] for loss, t in zip(best, trained, strict=True)]
    expected = {t["number"] for t, kept in zip(trained, front_mask(points), strict=True) if kept}
    assert set(document["front"]) == expected
    with (folder / "run" / "front.csv").open() as file:
        assert {int(row["trial"]) for row in csv_format.DictReader(file)} == expected


def test_trials_of_one_architecture_share_one_latency(finished):
    _, document = finished
    by_size = {}
    for trial in document["trials"]:
        by_size.setdefault(trial["params"]["hidden_size"], set()).add(trial["values"]["latency_ms"])
    assert all(len(latencies) == 1 for latencies in by_size.values())


@pytest.mark.system
def test_the_saved_model_forecasts_the_same_in_a_fresh_process(finished):
    folder, _ = finished
    here = Forecaster.load(folder / "run").predict(folder / "wave.csv")
    script = (
        "import sys; from lstmopt import Forecaster; "
        "print(Forecaster.load(__import__('pathlib').Path(sys.argv[1])).predict(sys.argv[2])"
        ".to_csv(index=False))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, folder / "run", folder / "wave.csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == here.to_csv(index=False).strip()


def test_a_forecast_begins_after_the_end_in_the_targets_own_units(finished):
    folder, _ = finished
    forecast = Forecaster.load(folder / "run").predict(folder / "wave.csv")
    end = wave()["time"].iloc[-1]
    assert forecast["time"].tolist() == [end + pd.Timedelta(hours=n) for n in (1, 2)]
    assert forecast["load"].between(4, 16).all()


def test_the_saved_weights_are_the_ones_that_were_tested(finished, tmp_path):
    folder, _ = finished
    config = config_of(folder / "wave.csv", finalists={"refit": "train"})
    document = run(config, tmp_path / "run")
    forecaster = Forecaster.load(tmp_path / "run")
    job = prepare(config_of(folder / "wave.csv"), folder / "again")
    test = job.split.open_test()
    origins = test.origins()
    truth, mask = test.gather_targets(origins)
    own = job.split.scaling
    truth = truth * own.target_std + own.target_mean
    forecasts = forecaster.forecast(test.gather_inputs(origins))
    mse = float(np.mean((forecasts - truth)[mask] ** 2))
    summary = document["chosen"]["test"]["own"]["mse"]
    assert abs(mse - summary["mean"]) <= 1.01 * summary["std"]


def test_known_columns_must_reach_over_the_forecast(tmp_path):
    table = wave().rename(columns={"wind": "holiday"})
    path = tmp_path / "wave.csv"
    table.to_csv(path, index=False)
    run(config_of(path, data={"known": ["holiday"]}, budget={"trials": 1}), tmp_path / "run")
    forecaster = Forecaster.load(tmp_path / "run")
    with pytest.raises(LstmoptError, match="of holiday in advance"):
        forecaster.predict(table)
    longer = wave(402).rename(columns={"wind": "holiday"})
    longer.loc[400:, "load"] = np.nan
    forecast = forecaster.predict(longer)
    assert forecast["time"].tolist() == longer["time"][400:].tolist()


def test_the_test_part_is_opened_once_after_the_choice(csv, tmp_path, monkeypatch):
    events = []
    original = Split.open_test

    def watched_open(split):
        events.append("test")
        return original(split)

    def watched_choose(*args):
        events.append("choice")
        return choose(*args)

    monkeypatch.setattr(Split, "open_test", watched_open)
    monkeypatch.setattr("lstmopt.workflow.ending.choose", watched_choose)
    run(config_of(csv), tmp_path / "run")
    assert events == ["choice", "test"]


def test_poison_in_the_test_part_changes_nothing_before_the_test(csv, tmp_path):
    clean = run(config_of(csv), tmp_path / "clean")
    table = wave()
    table.loc[table.index >= 340, ["load", "wind"]] *= -7.0
    table.to_csv(tmp_path / "poison.csv", index=False)
    poisoned = run(config_of(tmp_path / "poison.csv"), tmp_path / "poisoned")
    strip = [[t["params"], t["values"]] for t in clean["trials"]]
    assert strip == [[t["params"], t["values"]] for t in poisoned["trials"]]
    for key in ("trial", "params", "validation"):
        assert clean["chosen"][key] == poisoned["chosen"][key]
    assert clean["chosen"]["test"] != poisoned["chosen"]["test"]


def test_the_same_command_goes_on_and_trains_nothing_twice(csv, tmp_path):
    first = run(config_of(csv, budget={"trials": 3}), tmp_path / "run")
    second = run(config_of(csv, budget={"trials": 5}), tmp_path / "run")
    assert second["trials"][:3] == first["trials"]
    assert len(second["trials"]) == 5


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"space": SPACE | {"hidden_size": [4, 16]}}, "another space"),
        ({"objectives": ["val_loss", "parameters"]}, "another objectives"),
        ({"data": {"features": ()}}, "another set of columns"),
        ({"data": {"target": "wind"}}, "another target"),
        ({"data": {"calendar": False}}, "another set of columns"),
        ({"data": {"max_gap": 1}}, "another max_gap"),
        ({"task": {"window": 10}}, "another task or split"),
        ({"seed": 1}, "another seed"),
    ],
)
def test_what_a_run_began_with_cannot_change(finished, change, named):
    folder, _ = finished
    with pytest.raises(LstmoptError, match=named):
        run(config_of(folder / "wave.csv", **change), folder / "run")


def test_another_table_is_said_as_a_table(finished, tmp_path):
    folder, _ = finished
    wave(seed=1).to_csv(tmp_path / "wave.csv", index=False)
    with pytest.raises(LstmoptError, match="another data file"):
        run(config_of(tmp_path / "wave.csv"), folder / "run")


def test_every_trial_failing_is_an_error_with_the_first_reason(csv, tmp_path):
    space = SPACE | {"learning_rate": [1e30]}
    with pytest.raises(LstmoptError, match="all 5 failed, the first because the loss") as error:
        run(config_of(csv, space=space), tmp_path / "run")
    assert error.value.exit_status == 1
    with pytest.raises(LstmoptError, match="all 5 failed, the first because the loss"):
        refit_trial(config_of(csv, space=space), tmp_path / "run", None)


def test_r2_beside_the_loss_is_allowed_and_said(csv, tmp_path):
    document = run(
        config_of(csv, objectives=["val_loss", "val_r2"], budget={"trials": 2}), tmp_path / "run"
    )
    assert len(document["front"]) == 1
    assert any("one objective in two units" in warning for warning in document["warnings"])


KILLED = """
import sys
from pathlib import Path
from lstmopt import read_config, run
from lstmopt.search.observer import Observer
class Slow(Observer):
    def advanced(self, number, epochs):
        print("epoch", flush=True)
        sys.stdin.readline()
run(read_config(Path(sys.argv[1])), Path(sys.argv[2]), observer=Slow())
"""


@pytest.mark.system
@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_killed_run_goes_on_bit_for_bit(csv, tmp_path, after):
    from lstmopt.config.study_file import write_config

    config = config_of(csv)
    (tmp_path / "study.toml").write_text(write_config(config))
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path / "study.toml", tmp_path / "run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(after):
        assert process.stdout.readline() == "epoch\n"
        process.stdin.write("\n")
        process.stdin.flush()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    resumed = run(config, tmp_path / "run")
    whole = run(config, tmp_path / "whole")
    assert outcome(resumed) == outcome(whole)


def outcome(document):
    return [
        (t["params"], t["state"], t["values"], [epoch["val_loss"] for epoch in t["curve"]])
        for t in document["trials"]
    ]


SCRIPT = """
import sys
from pathlib import Path
from lstmopt import read_config, run
print("the script runs")
run(read_config(Path(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.mark.system
def test_a_plain_script_may_use_several_workers(csv, tmp_path):
    from lstmopt.config.study_file import write_config

    (tmp_path / "study.toml").write_text(write_config(config_of(csv, workers=2)))
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", "study.toml", "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the script runs") == 1


def test_weights_are_a_plain_state_dict(finished):
    folder, document = finished
    path = folder / "run" / "best_optimized_lstm_model.pth"
    state = torch.load(path, weights_only=True)
    hidden = document["chosen"]["params"]["hidden_size"]
    assert state["lstm.weight_hh_l0"].shape == (4 * hidden, hidden)


def test_pruning_acts_within_the_first_epoch(tmp_path, csv):
    config = config_of(
        csv,
        pruner={"name": "halving", "reduction_factor": 2},
        sampler={"name": "random"},
        training={"report_every": 4, "targets_per_window": 1},
        budget={"trials": 8},
    )
    document = run(config, tmp_path / "run")
    reports = document["budget"]["reports_per_epoch"]
    assert reports == 4  # 255 windows, 16 to a batch
    stopped = [t for t in document["trials"] if t["by_pruner"]]
    assert any(t["epochs_trained"] < reports for t in stopped)
    complete = [t for t in document["trials"] if t["state"] == "complete"]
    assert {t["epochs_trained"] for t in complete} == {3 * reports}
    trained = sum(t["epochs_trained"] for t in document["trials"]) / reports
    assert document["budget"]["epochs_trained"] == trained


def test_the_default_pruner_is_the_measured_winner(csv):
    from lstmopt_plugins.auto import PRUNER

    from lstmopt.plugin.registry import load_registry
    from lstmopt.pruning.pruners import make_pruner

    pruner = prepare(config_of(csv), csv.parent / "run").plan.pruner
    assert type(pruner.wrapped) is type(make_pruner(load_registry(), PRUNER).wrapped)


def test_a_folder_holds_one_study_whatever_the_other_is_called(finished):
    folder, _ = finished
    before = {path: path.read_bytes() for path in (folder / "run").iterdir() if path.is_file()}
    other = config_of(folder / "wave.csv", name="other")
    with pytest.raises(LstmoptError, match=r"holds one study, found 'wave'.*another --out"):
        run(other, folder / "run")
    assert before == {path: path.read_bytes() for path in before}


def test_paths_may_be_text(finished):
    folder, document = finished
    again = run(config_of(folder / "wave.csv"), str(folder / "run"))
    assert again["chosen"]["trial"] == document["chosen"]["trial"]
    table = Forecaster.load(str(folder / "run")).predict(str(folder / "wave.csv"))
    assert len(table) == 2


def test_what_is_known_in_advance_must_be_there_for_every_row_to_come(tmp_path):
    table = wave(300).assign(promo=np.arange(300) % 9 == 0)
    config = config_of("", data={"path": "", "known": ["promo"]}, budget={"trials": 1})
    run(config, tmp_path / "run", source=table)
    model = Forecaster.load(tmp_path / "run")
    times = pd.date_range(table["time"].iloc[-1], periods=3, freq="h")[1:]
    ahead = pd.DataFrame({"time": times, "promo": [1.0, 0.0]})
    assert len(model.predict(pd.concat([table, ahead]))) == 2
    with pytest.raises(LstmoptError, match="promo"):
        model.predict(pd.concat([table, ahead.assign(promo=[1.0, math.nan])]))


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        ("rigde", "did you mean 'ridge'"),
        ("ridge:most_row=9", "most_rows"),
        ("boosting:lags=x", "lags"),
    ],
)
def test_a_baseline_that_cannot_be_made_is_refused_before_the_search(
    csv, tmp_path, baseline, words
):
    with pytest.raises(LstmoptError, match=words):
        prepare(config_of(csv, baselines=[baseline]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def with_folds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    wave().to_csv(folder / "wave.csv", index=False)
    config = config_of(
        folder / "wave.csv",
        objectives=["val_loss", "val_mase", "latency_ms"],
        split={"train": 0.7, "validation": 0.1, "folds": 3, "gap": 2},
        baselines=["ridge"],
        finalists={"seeds": 1, "refit": "train"},
    )
    return config, folder, run(config, folder / "run")


def test_a_study_of_folds_chooses_by_means_over_them(with_folds):
    _, _, document = with_folds
    complete = [t for t in document["trials"] if t["state"] == "complete"]
    assert all(len(t["curve"]) == 3 for t in complete)
    assert all(t["values"]["val_loss"] == t["curve"][-1]["val_loss"] for t in complete)
    assert all(
        t["values"]["val_mase"] == t["curve"][-1]["values"]["val_mase"] > 0 for t in complete
    )
    assert (document["study"]["folds"], document["study"]["gap"]) == (3, 2)
    trained = [t["curve"][-1]["number"] if t["curve"] else 0 for t in document["trials"]]
    assert document["budget"]["epochs_trained"] == sum(trained)
    stopped = sum(t["by_pruner"] for t in document["trials"])
    assert document["budget"]["epochs_saved"] <= stopped * 3 * 3
    assert document["chosen"]["validation"]["val_loss"] > 0


def test_the_network_deployed_is_the_newest_folds(with_folds):
    config, folder, _ = with_folds
    job = prepare(config, folder / "again")
    assert Forecaster.load(folder / "run").scaling.target_mean == job.split.scaling.target_mean
    training = Forecaster.load(folder / "run").member.training
    assert 1 <= training.reports <= config.training.epochs  # of the newest fold, not of all three
    assert job.split.train.rows == (0, 278)
    assert job.split.validation.rows == (280, 320)


def test_a_baseline_is_judged_by_its_mean_over_the_folds(with_folds):
    config, folder, document = with_folds
    job = prepare(config, folder / "again")
    (fitted,) = fit_baselines(
        job.registry,
        ["ridge"],
        job.split.train,
        job.split.validation,
        job.series.season,
        job.split.older,
    )
    assert document["bar"]["ridge"]["validation_mse"] == fitted.validation.mse
    alone = [
        fit_baselines(job.registry, ["ridge"], f.train, f.validation, job.series.season)[0]
        for f in job.split.folds
    ]
    scaled = [b.validation.mse * f.unit**2 for b, f in zip(alone, job.split.folds, strict=True)]
    assert fitted.validation.mse == statistics.fmean(scaled)


def test_the_naive_loss_is_the_highest_mean_that_a_report_is_compared_with(with_folds):
    config, folder, _ = with_folds
    job = prepare(config, folder / "again")
    scaled = [score_part(repeat, f.validation).mse * f.unit**2 for f in job.split.folds]
    means = [statistics.fmean(scaled[:n]) for n in (1, 2, 3)]
    assert naive_losses(job.split, job.goals)["val_loss"] == max(means)


def test_a_run_goes_on_with_its_folds_only(with_folds):
    config, folder, document = with_folds
    again = run(config, folder / "run")
    assert again["trials"] == document["trials"]
    for split in ({"folds": 2, "gap": 2}, {"folds": 3}, {}):
        other = replace(config, split=SplitOptions(train=0.7, validation=0.1, **split))
        with pytest.raises(LstmoptError, match="task or split"):
            run(other, folder / "run")


def test_one_fold_is_the_study_that_it_always_was(csv):
    plain = prepare(config_of(csv), csv.parent / "run").identity()["task or split"]
    assert plain == [{"window": 12, "horizon": 2}, {"train": 0.7, "validation": 0.15}]
