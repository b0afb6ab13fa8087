"""``run`` and ``predict`` on a table, as a newcomer types them."""

from __future__ import annotations

import io
import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from lstmopt.cli.main import cli
from lstmopt.config.study_file import read_config
from lstmopt.errors import LstmoptError
from lstmopt.report.narrative import predict_command
from lstmopt.results.run import read_run
from support.parts import wave

FAST = (
    *("--trials", "1", "--epochs", "1", "--pruner", "none", "--workers", "1", "--no-report"),
    *("--warm-start-strategy", "none"),
)


def call(*arguments: object):
    words = [str(word) for word in arguments]
    return CliRunner().invoke(cli, words, catch_exceptions=False)


def printed(*arguments: object) -> pd.DataFrame:
    answer = call("predict", *arguments)
    assert answer.exit_code == 0
    return pd.read_csv(io.StringIO(answer.stdout))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a table with promotions that are known in advance, times in Berlin and a hole."""
    folder = tmp_path_factory.mktemp("predict")
    table = wave(400).rename(columns={"wind": "promo"})
    table["time"] = table["time"].dt.strftime("%d.%m.%Y %H:%M")
    table.loc[7, "load"] = -9999
    table.to_csv(folder / "sales table.csv", index=False)
    where = ("--known", "promo", "--timezone", "Europe/Berlin", "--name", "mine")
    task = ("--window", 12, "--horizon", 2, "--target", "load", "--out", folder / "run")
    answer = call("run", folder / "sales table.csv", *where, *task, *FAST)
    assert answer.exit_code == 0, answer.output
    assert "hold -9999" in answer.output
    return folder


def test_the_study_file_of_a_run_says_how_its_table_was_read(run):
    config = read_config(run / "run" / "study.toml")
    assert config.name == "mine"
    assert config.data.time == ("time",)
    assert config.data.time_format == "%d.%m.%Y %H:%M"
    assert config.data.timezone == "Europe/Berlin"
    assert config.data.missing == {"load": (-9999.0,)}


def test_what_is_known_in_advance_is_given_on_the_command_line(run):
    table = run / "sales table.csv"
    forecast = printed(run / "run", table, "--future", "promo=0.5")
    assert forecast["time"].tolist() == ["2024-01-17 16:00:00+01:00", "2024-01-17 17:00:00+01:00"]
    future = pd.DataFrame({"time": ["17.01.2024 16:00", "17.01.2024 17:00"], "promo": 0.5})
    future.to_csv(run / "future.csv", index=False)
    again = printed(run / "run", table, "--future", run / "future.csv")
    pd.testing.assert_frame_equal(again, forecast)
    document = json.loads(
        call("predict", run / "run", table, "--future", "promo=0.5", "--json").stdout
    )
    assert document[0]["time"] == "2024-01-17T16:00:00+01:00"


def test_predict_prints_the_notices_of_its_table(run):
    answer = call("predict", run / "run", run / "sales table.csv", "--future", "promo=0")
    assert re.search(r"note: load: 1 cells hold -9999", answer.stderr)
    assert "note" not in answer.stdout


def test_the_last_forecasts_stand_beside_what_came(run):
    back = printed(run / "run", run / "sales table.csv", "--origins", "3")
    assert len(back) == 6
    truth = wave(400)["load"].to_numpy()
    assert back["truth"].tolist()[-2:] == pytest.approx(truth[-2:], rel=1e-5)
    assert np.isfinite(back["load"]).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "of promo in advance"),
        (("--future", "prom=1"), "did you mean 'promo'"),
        (("--future", "promo=1", "--future", "f.csv"), "give one kind"),
        (("--future", "f.csv"), "mend the path"),
    ],
)
def test_a_future_that_is_not_known_is_one_sentence(run, arguments, words):
    with pytest.raises(LstmoptError, match=words):
        call("predict", run / "run", run / "sales table.csv", *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--target", "a", "--target", "b"),
        ("run", "--data", "a.csv", "--data", "b.csv"),
        ("run", "--no-report", "--report"),
        ("predict", "run", "a.csv", "--origins", "1", "--origins", "2"),
        ("plugins", "new", "x", "--kind", "sampler", "--kind", "pruner"),
        ("bench", "--seeds", "1", "--seeds", "2"),
    ],
)
def test_an_option_that_takes_one_value_stands_once(arguments):
    with pytest.raises(LstmoptError, match=r"stands once, found --.* 2 times"):
        call(*arguments)


def test_the_command_that_the_shipped_study_prints_works(tmp_path):
    answer = call("run", "--out", tmp_path / "bike", *FAST)
    assert answer.exit_code == 0, answer.output
    command = predict_command(read_run(tmp_path / "bike"))
    forecast = printed(*shlex.split(command)[2:])
    assert pd.Timestamp(forecast["time"].item()) == pd.Timestamp("2013-01-01")


def test_a_model_that_wants_more_of_the_future_says_so_in_its_command(run):
    assert predict_command(read_run(run / "run")).endswith(" --future FUTURE.csv")
