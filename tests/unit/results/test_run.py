from __future__ import annotations

import json
import shutil
import time

import optuna
import pandas as pd
import pytest

from lstmopt import load, run
from lstmopt.config.study_file import replace
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.forecast_table import models_in
from support.parts import wave
from support.runs import make_run, rewritten
from support.studies import config_of, study_in_another_process


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaded")
    wave().to_csv(folder / "wave.csv", index=False)
    config = config_of(folder / "wave.csv", budget={"trials": 8}, pruner={"name": "median"})
    config = replace(config, finalists=replace(config.finalists, refit="train"))
    run(config, folder / "run")
    return folder / "run"


@pytest.fixture
def copied(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def test_trials_and_front_are_tables_of_the_record(finished):
    loaded = load(finished)
    document = json.loads((finished / "optimization_results.json").read_text())
    assert loaded.finished
    assert list(loaded.trials.index) == [entry["number"] for entry in document["trials"]]
    assert list(loaded.front.index) == document["front"]
    assert list(loaded.trials.index[loaded.trials["front"]]) == sorted(document["front"])
    for entry in document["trials"]:
        row = loaded.trials.loc[entry["number"]]
        assert row["state"] == entry["state"]
        assert row["learning_rate"] == entry["params"]["learning_rate"]
        assert row["ended"] >= row["began"]
        curve = loaded.curves.loc[entry["number"]]["val_loss"].tolist()
        assert curve == [epoch["val_loss"] for epoch in entry["curve"]]


def test_a_run_is_loaded_from_a_path_as_text(finished):
    assert load(str(finished)).results == load(finished).results


def test_the_study_is_optunas_own(finished):
    study = load(finished).study
    assert isinstance(study, optuna.Study)
    assert study.metric_names == ["val_loss", "latency_ms"]
    assert len(study.trials) == 8


def test_the_model_is_the_chosen_one(finished):
    loaded = load(finished)
    params = loaded.document["chosen"]["params"]
    assert loaded.model.member.architecture["hidden_size"] == params["hidden_size"]


def test_the_forecasts_are_those_of_the_model_at_the_right_times(finished):
    loaded = load(finished)
    name = f"trial {loaded.document['chosen']['trial']}"
    rows = loaded.forecasts
    table = wave()
    truth = table.set_index("time")["load"]
    last = rows[(rows["part"] == "test")].tail(2)
    before = table[table["time"] <= last["origin"].iloc[0]]
    again = loaded.model.predict(before)
    assert list(again["time"]) == list(last["time"])
    assert again["load"].to_numpy() == pytest.approx(last[name].to_numpy(), rel=1e-5)
    assert rows["truth"].to_numpy() == pytest.approx(truth[rows["time"]].to_numpy(), rel=1e-5)


def test_forecasts_of_the_test_part_are_of_the_choice_alone(finished):
    loaded = load(finished)
    rows = loaded.forecasts
    networks = [name for name in models_in(rows) if name.startswith("trial ")]
    assert networks == [f"trial {number}" for number in loaded.front.index]
    test = rows[rows["part"] == "test"]
    shown = [name for name in networks if test[name].notna().any()]
    assert shown == [f"trial {loaded.document['chosen']['trial']}"]


def test_forecasts_of_a_part_lie_in_it_and_give_its_scores(finished):
    loaded = load(finished)
    rows = loaded.forecasts
    split = split_series(_series(loaded), Shape(12, 2))
    ends = [_series(loaded).times[end] for end in split.ends[:2]]
    test = rows[rows["part"] == "test"]
    validation = rows[rows["part"] == "validation"]
    assert validation["time"].min() >= ends[0]
    assert validation["time"].max() < ends[1] <= test["time"].min()
    error = (test["ridge"] - test["truth"]).abs().mean()
    assert error == pytest.approx(loaded.document["baselines"]["ridge"]["own"]["mae"]["mean"], 1e-4)


def _series(loaded):
    from lstmopt.data.read_series import read_series

    return read_series(loaded.config.data.path, loaded.config.data)


@pytest.mark.system
def test_a_run_that_is_killed_is_read_as_far_as_it_came(tmp_path):
    with study_in_another_process(tmp_path) as process:
        while len(_closed(tmp_path / "run")) < 3:
            assert process.poll() is None
            time.sleep(0.1)
        alive = load(tmp_path / "run")
        assert not alive.finished
        assert alive.write_report().is_file()
    dead = load(tmp_path / "run")
    assert len(dead.trials) >= len(alive.trials) >= 3
    assert dead.document["chosen"] is None
    assert "This study is not finished" in dead.write_report().read_text("utf-8")
    assert dead.forecasts.empty


def _closed(folder) -> pd.DataFrame:
    try:
        trials = load(folder).trials
    except LstmoptError:  # it has hardly begun
        return pd.DataFrame()
    return trials[trials["state"] != "running"]


def test_a_run_without_its_document_says_the_same_of_its_trials(copied):
    written = load(copied)
    written.folder.results.unlink()
    so_far = load(copied)
    assert not so_far.finished
    pd.testing.assert_frame_equal(so_far.trials, written.trials)
    pd.testing.assert_frame_equal(so_far.front, written.front)
    for key in ("architectures", "objectives", "warnings"):
        assert so_far.document[key] == written.document[key]
    kept = {"trials", "epochs_trained", "epochs_saved"}
    assert all(so_far.document["budget"][k] == written.document["budget"][k] for k in kept)


def test_a_study_that_went_on_is_not_finished(copied):
    load(copied).study.ask()
    assert not load(copied).finished
    assert load(copied).document["chosen"] is None


def test_what_has_only_a_document_needs_no_storage(tmp_path):
    made = make_run(tmp_path, ["complete"] * 3)
    assert len(load(tmp_path).trials) == 3
    with pytest.raises(LstmoptError, match=r"keeps its study in a storage, found none"):
        _ = made.study
    assert {path.name for path in tmp_path.iterdir()} == {"optimization_results.json"}


def test_a_database_that_is_gone_is_not_made_anew(copied):
    text = copied.joinpath("study.toml").read_text()
    assert 'storage = ""' in text
    copied.joinpath("study.toml").write_text(
        text.replace('storage = ""', f'storage = "sqlite:///{copied}/gone.db"')
    )
    with pytest.raises(LstmoptError, match="found nothing there: bring the database back"):
        _ = load(copied).study
    assert load(copied).finished
    copied.joinpath("optimization_results.json").unlink()
    with pytest.raises(LstmoptError, match=r"lies in sqlite:///.*gone\.db, found nothing there"):
        load(copied)
    assert not copied.joinpath("gone.db").exists()


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("optimization_results.json", '{"schema": 1}', "it is damaged"),
        (
            "optimization_results.json",
            "garbage",
            "holds optimization_results.json, found none that",
        ),
        ("optimization_results.json", "[1]", "found 'list'"),
    ],
)
def test_a_damaged_document_without_a_study_is_one_sentence(tmp_path, file, content, words):
    (tmp_path / file).write_text(content)
    with pytest.raises(LstmoptError, match=words):
        load(tmp_path)


def test_of_a_damaged_document_and_a_whole_study_the_study_is_read(copied):
    expected = load(copied).trials
    copied.joinpath("optimization_results.json").write_text("garbage")
    pd.testing.assert_frame_equal(load(copied).trials, expected)


def test_of_a_whole_document_and_a_damaged_study_the_document_is_read(copied):
    lines = copied.joinpath("journal.log").read_text().splitlines()
    lines[5] = "garbage"
    copied.joinpath("journal.log").write_text("\n".join(lines) + "\n")
    assert load(copied).finished
    copied.joinpath("optimization_results.json").unlink()
    with pytest.raises(LstmoptError, match="a line of a journal is a record of Optuna's"):
        load(copied)


@pytest.mark.parametrize("content", ["", "garbage", "part,origin,lead,time,truth\ntest,x,1,y,z\n"])
def test_damaged_forecasts_are_one_sentence(copied, content):
    copied.joinpath("forecasts.csv").write_text(content)
    with pytest.raises(LstmoptError, match="forecasts are a table that lstmopt wrote"):
        _ = load(copied).forecasts


@pytest.mark.parametrize("content", ["3", "garbage", '{"false_prune_rate": 0.1}'])
def test_a_damaged_audit_is_none(copied, content):
    copied.joinpath("audit.json").write_text(content)
    assert load(copied).audit is None
    assert load(copied).write_report().is_file()


def test_a_damaged_study_file_does_not_stand_in_the_way_of_the_report(copied):
    copied.joinpath("study.toml").write_text("[[[")
    assert "YOUR.csv" in load(copied).write_report().read_text()


def test_a_trial_that_a_dead_driver_left_is_interrupted_not_running(copied):
    trial = load(copied).study.ask()
    assert load(copied).trials.loc[trial.number, "state"] == "interrupted"
    with load(copied).folder.lock():
        assert load(copied).trials.loc[trial.number, "state"] == "running"


def test_a_hyperparameter_named_as_another_column_keeps_both(tmp_path):
    made = make_run(tmp_path, ["complete", "pruned"])

    def rename(document):
        for entry in document["trials"]:
            entry["params"] |= {"state": 0.5, "epochs": 7}

    made = rewritten(made, rename)
    assert list(made.trials["state"]) == ["complete", "pruned"]
    assert list(made.trials["params_state"]) == [0.5, 0.5]
    assert list(made.trials["params_epochs"]) == [7, 7]
    assert "params_epochs" in made.front
    assert made.figures.parameter("epochs").data


def test_a_target_far_from_zero_keeps_its_digits(tmp_path):
    table = wave()
    run(config_of("", data={"target": "load"}), tmp_path / "a", source=table)
    far = table.assign(load=table["load"] + 1e8)
    run(config_of("", data={"target": "load"}), tmp_path / "b", source=far)
    near, there = load(tmp_path / "a").forecasts, load(tmp_path / "b").forecasts
    assert (there["truth"] - 1e8).to_numpy() == pytest.approx(near["truth"].to_numpy(), abs=1e-3)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(LstmoptError, match=r"a run is a folder with optimization_results\.json"):
        load(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_shows_the_verdict_and_the_front(finished):
    shown = load(finished)._repr_html_()
    assert any(words in shown for words in ("Deploy trial", "Do not deploy", "No difference"))
    assert "<table" in shown


def test_a_notebook_shows_names_as_text(tmp_path):
    shown = make_run(tmp_path, ["complete"], name="<script>")._repr_html_()
    assert "<script>" not in shown
