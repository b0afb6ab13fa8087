"""The front and the averages as tables: what ``front.csv`` and ``pareto --csv`` hold."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt import Run
from lstmopt.cli.main import cli
from lstmopt.pareto import dominates
from lstmopt.results.points import points_table
from support.runs import make_run, rewritten, with_averages

BEST, DOMINATED = (0.01, 1.0), (9.0, 9.0)
ADDED = ["average", "members", "on_front"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("points"), ["complete", "pruned"] * 8)


@pytest.fixture
def averaged(tmp_path) -> Run:
    made = make_run(tmp_path, ["complete", "pruned"] * 8)
    return with_averages(made, BEST, DOMINATED)


def written(run: Run) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(points_table(run.results).to_csv(index=False)))


def printed(run: Run, *options: str) -> pd.DataFrame:
    done = CliRunner().invoke(cli, ["pareto", str(run.path), "--csv", *options])
    assert done.exit_code == 0
    return pd.read_csv(io.StringIO(done.stdout))


def test_columns_of_trials_stay_where_they_were(averaged):
    names = ["trial", "val_loss", "latency_ms", "trained_to_end"]
    columns = list(written(averaged).columns)
    assert columns[:4] == names
    assert set(columns[4:-3]) == {*averaged.results.study.space}
    assert columns[-3:] == ADDED
    columns = list(printed(averaged).columns)
    names = ["trial", "trained_to_end", "epochs", "values.val_loss", "values.latency_ms"]
    assert columns[:5] == names
    assert all(name.startswith("params.") for name in columns[5:-3])
    assert columns[-3:] == ADDED


def test_without_averages_trials_are_whole_numbers(made):
    for table in (written(made), printed(made)):
        assert table["trial"].dtype == "int64"
        assert table["trial"].tolist() == list(made.results.front)
        assert table["average"].isna().all()
        assert table["on_front"].all()


@pytest.mark.parametrize("read", [written, printed])
def test_an_average_has_its_number_in_a_column_of_its_own_and_no_hyperparameters(averaged, read):
    table = read(averaged)
    trials, averages = table[table["average"].isna()], table[table["trial"].isna()]
    assert len(trials) + len(averages) == len(table)
    assert trials["trial"].astype(int).tolist() == list(averaged.results.front)
    assert averages["average"].astype(int).tolist() == [1, 2]
    assert averages["members"].tolist() == [entry.words for entry in averaged.results.averages]
    loss = [name for name in table if name.endswith("val_loss")]
    assert averages[loss].to_numpy().ravel().tolist() == [BEST[0], DOMINATED[0]]
    empty = [name for name in table if name.removeprefix("params.") in averaged.parameters]
    assert averages[empty].isna().all(axis=None)
    assert table["trained_to_end"].dtype == bool


def test_whole_numbers_stay_whole_where_averages_have_none(averaged):
    text = points_table(averaged.results).to_csv(index=False)
    row = text.splitlines()[1].split(",")
    first = averaged.results.front_trials[0]
    assert row[0] == str(first.number)
    assert str(first.params["hidden_size"]) in row


def test_an_average_is_trained_to_its_end_where_all_its_networks_are(averaged):
    (number,) = {m.trial for m in averaged.results.averages[0].members if m.trial is not None}
    trial = averaged.results.trials[number]
    assert averaged.points["trained_to_end"].iloc[-1] == trial.trained_to_end
    for state in ("complete", "pruned"):
        other = rewritten(averaged, lambda d, state=state: d["trials"][number].update(state=state))
        assert other.points["trained_to_end"].iloc[-1] == (state == "complete")


@given(st.lists(st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.7)), max_size=4))
@settings(max_examples=40)
def test_on_the_front_is_what_no_other_row_dominates(tmp_path_factory, values):
    run = make_run(tmp_path_factory.mktemp("law"), ["complete"] * 6)
    table = with_averages(run, *values).points
    points = table[["val_loss", "latency_ms"]].to_numpy()
    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert table["on_front"].tolist() == expected


def test_an_average_of_which_an_objective_is_unknown_is_not_on_the_front(averaged):
    run = rewritten(averaged, lambda d: d["averages"][0]["validation"].update(val_loss=None))
    assert run.results.on_front.tolist() == [True] * len(run.results.front) + [False, False]
    assert np.isnan(run.points["val_loss"].iloc[-2])


def test_a_hyperparameter_never_takes_the_place_of_a_column(averaged):
    number = averaged.results.front[0]
    changed = rewritten(averaged, lambda d: d["trials"][number]["params"].update(average="mine"))
    assert changed.points["params_average"].iloc[0] == "mine"
    assert changed.points["average"].dropna().tolist() == [1, 2]


def test_a_run_without_a_front_has_the_same_columns(tmp_path):
    run = make_run(tmp_path, ["failed"])
    columns = ["trial", "val_loss", "latency_ms", "trained_to_end", *ADDED]
    assert list(written(run).columns) == columns
    assert written(run).empty
