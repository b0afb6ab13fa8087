"""``update`` and ``fit --all`` as they are typed."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lstmopt import run
from lstmopt.cli.main import cli
from support.parts import wave
from support.studies import config_of

ROWS = wave(600)


def call(*arguments: object):
    answer = CliRunner().invoke(cli, [str(word) for word in arguments], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("update")
    ROWS[:400].to_csv(folder / "wave.csv", index=False)
    finalists = {"seeds": 1, "refit": "train"}
    budget, baselines = {"trials": 1}, ["repeat"]
    config = config_of(folder / "wave.csv", budget=budget, baselines=baselines, finalists=finalists)
    run(config, folder / "run")
    return folder


def results(folder):
    return json.loads((folder / "run" / "optimization_results.json").read_text())


def test_fit_trains_the_deployed_network_on_all_rows(folder, monkeypatch):
    assert results(folder)["all_rows"] is None
    monkeypatch.setattr("lstmopt.cli.models.write_report", lambda _: None)  # it needs a browser
    document = json.loads(call("fit", folder / "run", "--all", "--json").stdout)
    assert document["all_rows"]["rows"] == 400
    assert document == results(folder)


def test_an_update_is_a_sentence_and_stands_in_the_report(folder):
    ROWS[400:500].to_csv(folder / "new.csv", index=False)
    answer = call("update", folder / "run", folder / "new.csv", "--epochs", "3")
    assert "pdated with new.csv (100 rows from 2024-01-17 16:00:00" in answer.stdout
    assert answer.stdout.count("\n") == 1
    assert answer.stdout.strip() in (folder / "run" / "report.html").read_text()


def test_an_update_as_json_is_what_the_record_keeps(folder):
    ROWS.to_csv(folder / "all.csv", index=False)
    made = json.loads(call("update", folder / "run", folder / "all.csv", "--json").stdout)
    assert made["table"] == "all.csv"
    assert made == results(folder)["updates"][-1]


def test_help_says_that_nothing_is_searched():
    assert "nothing is searched" in " ".join(call("update", "--help").output.split())
