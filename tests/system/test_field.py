"""Tables that people have give a right study at the first command, or one sentence that helps."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from lstmopt.cli.main import cli
from lstmopt.errors import LstmoptError
from support.field_tables import CASES, Case

SMALL = """
[space]
hidden_size = [4]
num_layers = [1]
[finalists]
seeds = 1
averages = false
[task]
window = 12
horizon = 2
[budget]
trials = 1
[training]
epochs = 1
[pruner]
name = "none"
[warm_start]
name = "none"
"""


def call(*arguments: object):
    words = [str(word) for word in arguments]
    return CliRunner().invoke(cli, words, catch_exceptions=False)


def notes_of(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("note: ")]


@pytest.mark.parametrize("name", CASES)
def test_a_first_try_with_a_table_is_right(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    case.make(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    if case.refused:
        with pytest.raises(LstmoptError) as error:
            run_and_predict(case)
        assert "\n" not in str(error.value)
        assert [word for word in case.refused if word not in str(error.value)] == []
        return
    output, forecast = run_and_predict(case)
    for pattern in case.notes:
        assert any(re.search(pattern, note) for note in notes_of(output)), (pattern, output)
    model = json.loads((tmp_path / "run" / "best_optimized_lstm_model.json").read_text())
    assert not {*model["data"]["features"], *model["data"]["known"]} & {*case.unused}
    rows = pd.read_csv(tmp_path / "run" / "forecasts.csv").query("part == 'test'")
    if case.last is not None:
        truth = rows.drop_duplicates("time")["truth"].dropna()
        assert np.isclose(truth.iloc[-1], case.last, rtol=1e-6)
    found = pd.Timestamp(forecast["time"][0])
    right = pd.Timestamp(case.first or found)
    assert found == right if right.tz else found.tz_localize(None) == right
    assert np.isfinite(forecast[case.target]).all()


def run_and_predict(case: Case) -> tuple[str, pd.DataFrame]:
    where = ("--data", case.table, "--target", case.target)
    fast = ("--workers", 1, "--no-report", "--out", "run")
    ran = call("run", "small.toml", *where, *case.options, *fast)
    assert ran.exit_code == 0, ran.output
    if case.again:
        call("run", "--data", *case.again, *fast)
    future = [word for value in case.future for word in ("--future", value)]
    forecast = call("predict", "run", case.later or case.table, *future)
    return ran.output, pd.read_csv(io.StringIO(forecast.stdout))


def test_there_are_cases_of_every_kind():
    kinds = {case.kind for case in CASES.values()}
    assert kinds == {
        *("time", "zone", "missing", "numbers", "columns", "header", "file", "series", "steps"),
        *("future", "run"),
    }
