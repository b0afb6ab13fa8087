"""What is done with a deployed model: trained on all rows, gone on with new ones."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lstmopt import Forecaster, load, read_config, run, update
from lstmopt.config.study_file import replace as with_options
from lstmopt.data.layout import Spans
from lstmopt.data.scaling import fit_scaling
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.networks.weights import read_checkpoint
from lstmopt.results.document import read_results
from lstmopt.search.observer import Observer
from lstmopt.search_space import Candidate
from lstmopt.storage.run_folder import RunFolder
from lstmopt.training.trainer import Progress, Workload, advance
from lstmopt.workflow.deployed_model import refit_deployed
from lstmopt.workflow.job import prepare
from lstmopt.workflow.pruning_audit import audit_run
from lstmopt.workflow.run_study import refit_trial
from support.parts import wave
from support.studies import config_of

SHORT = {
    "training": {"epochs": 6, "patience": 6, "targets_per_window": 4},
    "baselines": ["repeat"],
    "finalists": {"seeds": 1, "refit": "train"},
}

ROWS = wave(600)
"""The first 400 are the run's."""


class Heard(Observer):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed")
    ROWS[:400].to_csv(folder / "wave.csv", index=False)
    run(config_of(folder / "wave.csv", **SHORT), folder / "run")
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A run of its own for a test, on a table that all share."""
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


def config_in(folder: Path, **finalists: str):
    config = read_config(folder / "study.toml")
    return with_options(config, finalists=with_options(config.finalists, **finalists))


def content(folder: Path) -> dict[str, bytes]:
    names = ("optimization_results.json", "best_optimized_lstm_model.json", "forecasts.csv")
    names = (*names, "best_optimized_lstm_model.pth", "study.toml", "journal.log")
    return {name: (folder / name).read_bytes() for name in names}


def same_weights(one: Forecaster, other: Forecaster) -> bool:
    return same_tensors(one.member.weights, other.member.weights)


def same_tensors(one, other) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def newer(rows: int = 500) -> pd.DataFrame:
    return ROWS[400:rows]


def test_the_network_of_all_rows_is_what_training_on_them_gives(folder):
    tested = Forecaster.load(folder)
    config = config_in(folder)
    refit_deployed(config, folder)
    deployed = Forecaster.load(folder)
    job = prepare(config, folder)
    part, _ = job.split.all_rows()
    assert part.rows == (0, 400)
    expected = fit_scaling(job.series, Spans.one((0, 400)))
    assert np.array_equal(deployed.scaling.mean, expected.mean)
    assert np.array_equal(deployed.scaling.std, expected.std)
    training = with_options(job.config.training, patience=99)
    workload = Workload(part, replace(part, rows=(300, 400)), training, "cpu")
    training = tested.member.training
    candidate = Candidate(dict(training.params), training.seed)
    weights = read_checkpoint(advance(workload, candidate, None, training.reports).checkpoint)
    assert same_tensors(deployed.member.weights, weights["model"])
    assert not same_weights(deployed, tested)


def test_all_rows_change_nothing_of_what_was_tested_and_are_said(folder):
    before, forecasts = read_results(folder / "optimization_results.json"), content(folder)
    after = refit_deployed(config_in(folder), folder)
    assert after.all_rows.rows == 400
    assert after.all_rows.epochs == Forecaster.load(folder).member.training.reports
    assert before.all_rows is None
    assert after == with_options(before, all_rows=after.all_rows)
    assert content(folder)["forecasts.csv"] == forecasts["forecasts.csv"]
    assert read_results(folder / "optimization_results.json") == after


def test_a_study_that_refits_on_all_rows_deploys_the_same(folder, tmp_path):
    config = config_in(folder)
    refit_deployed(config, folder)
    document = run(
        config_of(config.data.path, **SHORT | {"finalists": {"seeds": 1}}), tmp_path / "b"
    )
    assert document["all_rows"]["rows"] == 400
    assert same_weights(Forecaster.load(folder), Forecaster.load(tmp_path / "b"))


def test_where_all_rows_cannot_be_trained_on_the_tested_network_stays(folder, monkeypatch):
    kept = Forecaster.load(folder)

    def failing(*_: object) -> Progress:
        return Progress(b"", (), True, "the loss was no longer finite in epoch 1")

    with monkeypatch.context() as patch:
        patch.setattr("lstmopt.training.folds.advance", failing)
        with pytest.raises(MachineError, match="the tested one stays deployed"):
            refit_deployed(config_in(folder), folder)
    assert same_weights(Forecaster.load(folder), kept)


def test_new_rows_make_a_model_go_on(folder):
    kept = Forecaster.load(folder)
    made = update(folder, newer())
    assert made.adopted
    assert made.after < made.before
    assert (made.rows, made.held_back, made.table) == (100, 25, "")
    assert (made.first, made.last) == ("2024-01-17T16:00:00", "2024-01-21T19:00:00")
    model = Forecaster.load(folder)
    assert not same_weights(model, kept)
    assert np.array_equal(model.scaling.mean, kept.scaling.mean)
    assert model.history.until == made.last
    assert load(folder).results.updates == model.history.updates == (made,)
    assert model.predict(newer())["time"][0] == pd.Timestamp("2024-01-21 20:00")


def test_new_rows_alone_do_what_all_rows_together_do(folder, tmp_path):
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    newer().to_csv(tmp_path / "new.csv", index=False)
    alone = update(folder, tmp_path / "new.csv")
    together = update(other, ROWS[:500])
    assert same_weights(Forecaster.load(folder), Forecaster.load(other))
    assert (alone.before, alone.after, alone.rows) == (together.before, together.after, 100)
    assert alone.table == "new.csv"


def test_updates_may_be_repeated(folder):
    first, second = update(folder, newer()), update(folder, ROWS[480:], epochs=2)
    assert (second.rows, second.first) == (100, "2024-01-21T20:00:00")
    assert second.epochs <= 2
    assert load(folder).results.updates == (first, second)


def test_an_update_that_makes_it_worse_leaves_the_weights(folder):
    kept = Forecaster.load(folder)
    table = newer()
    table.loc[400:474, "load"] = 20 - table.loc[400:474, "load"]  # and back again
    made = update(folder, table)
    assert not made.adopted
    assert made.epochs == 0
    model = Forecaster.load(folder)
    assert same_weights(model, kept)
    assert model.history.until == kept.history.until
    assert update(folder, newer()).adopted
    assert [entry.adopted for entry in load(folder).results.updates] == [False, True]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (ROWS[:400], "needs rows after 2024-01-17 15:00:00.* found none up to"),
        (ROWS[402:500], "go on at 2024-01-17 16:00:00.* found the first at 2024-01-17 18:00:00"),
        (newer().drop(columns="wind"), "'wind'"),
        (newer().rename(columns={"load": "lod"}), "did you mean 'lod'"),
        (ROWS[400::2], "forecasts at its own step"),
        (newer(411), "found 4 and 5 in 11 new rows: wait for more"),
        (newer().assign(time=lambda t: t["time"].dt.tz_localize("UTC")), "with or without a zone"),
    ],
    ids=["nothing new", "a gap", "no input", "no target", "other step", "few rows", "a zone"],
)
def test_a_wrong_table_is_one_sentence_and_loses_nothing(folder, table, words):
    before = content(folder)
    with pytest.raises(LstmoptError, match=words):
        update(folder, table)
    assert content(folder) == before


def test_a_run_that_is_driven_is_not_updated(folder):
    with RunFolder(folder).lock(), pytest.raises(LstmoptError, match="one driver runs a study"):
        update(folder, newer())


def test_what_is_no_run_is_not_made_one(tmp_path):
    with pytest.raises(LstmoptError, match="a finished run holds"):
        update(tmp_path / "none", newer())
    assert not list(tmp_path.iterdir())


def test_a_model_of_an_earlier_version_says_what_to_do(folder):
    model = Forecaster.load(folder)
    replace(model, history=None).save(folder / "best_optimized_lstm_model.pth")
    with pytest.raises(LstmoptError, match="save it again with lstmopt fit"):
        update(folder, newer())


def test_without_older_rows_it_is_said(folder):
    study = folder / "study.toml"
    path = read_config(study).data.path
    study.write_text(study.read_text().replace(path, path + ".gone"))
    heard = Heard()
    assert update(folder, newer(), observer=heard).rows == 100
    assert any("give older rows too" in notice for notice in heard.notices)


def test_a_record_that_was_not_written_is_brought_up_to_date(folder, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            update(folder, newer())
    assert load(folder).results.updates == ()
    assert Forecaster.load(folder).history.until == "2024-01-21T19:00:00"
    update(folder, ROWS)
    assert [entry.rows for entry in load(folder).results.updates] == [100, 100]


def test_a_run_that_was_updated_is_audited_fitted_and_goes_on(folder):
    update(folder, newer())
    updated = load(folder).results.updates
    config = config_in(folder)
    assert audit_run(config, folder, 1).sampled == 1
    assert load(folder).results.updates == updated
    heard = Heard()
    results = refit_trial(config, folder, results_trial(folder), heard)
    assert results.updates == Forecaster.load(folder).history.updates == ()
    assert any("a table from Python and is trained anew" in notice for notice in heard.notices)
    assert update(folder, newer()).adopted
    document = run(with_options(config, budget=with_options(config.budget, trials=6)), folder)
    assert len(document["trials"]) == 6
    assert document["updates"] == []


def results_trial(folder: Path) -> int:
    return load(folder).results.chosen.trial
