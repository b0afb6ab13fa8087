from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.cli.main import cli
from lstmopt.errors import LstmoptError
from lstmopt.results.selection import NEAR, pick_index
from support.drivers import GOALS, goals_of
from support.runs import make_run, with_averages

POINTS = st.lists(
    st.fixed_dictionaries({"val_loss": st.floats(0.01, 9), "latency_ms": st.floats(0.01, 9)}),
    min_size=1,
    max_size=9,
)


@given(POINTS)
def test_near_best_is_the_fastest_of_those_as_good_as_the_best(points):
    picked = points[pick_index(points, GOALS, "near_best")]
    bound = min(p["val_loss"] for p in points) * (1 + NEAR)
    assert picked["val_loss"] <= bound
    assert all(p["latency_ms"] >= picked["latency_ms"] for p in points if p["val_loss"] <= bound)


@given(POINTS)
def test_best_and_fastest_take_one_objective_each(points):
    best, fastest = (points[pick_index(points, GOALS, pick)] for pick in ("best", "fastest"))
    assert best["val_loss"] == min(p["val_loss"] for p in points)
    assert fastest["latency_ms"] == min(p["latency_ms"] for p in points)


def test_near_best_of_what_is_maximised_allows_as_much_below():
    goals = goals_of("val_r2", "latency_ms")
    points = [
        {"val_r2": 0.90, "latency_ms": 9.0},
        {"val_r2": 0.89, "latency_ms": 2.0},
        {"val_r2": 0.80, "latency_ms": 1.0},
    ]
    assert pick_index(points, goals, "near_best") == 1


def test_near_best_with_one_objective_is_the_best():
    goals = goals_of("val_loss")
    assert pick_index([{"val_loss": 2.0}, {"val_loss": 1.0}], goals, "near_best") == 1


@pytest.fixture
def averaged(tmp_path):
    """A run whose first average is better than all trials, the second in nothing."""
    return with_averages(make_run(tmp_path, ["complete"] * 12), (0.001, 2.0), (9.0, 9.0))


def pareto(run, *options: str) -> str:
    done = CliRunner().invoke(cli, ["pareto", str(run.path), *options])
    assert done.exit_code == 0
    return done.stdout


def test_averages_are_picked_among_too_and_it_is_said(averaged):
    picked, said = averaged.pick("best")
    assert picked == averaged.results.averages[0]
    trials = len(averaged.results.front)
    assert said == (
        f"Of {trials} trials and 2 averages, average 1 ({picked.words}) has the best learned "
        "objective of the front."
    )
    picked, said = averaged.pick("fastest")
    assert picked == averaged.results.front_trials[-1]
    assert f", trial {picked.number} has the best static objective" in said


@pytest.mark.parametrize("pick", ["knee", "best", "near_best", "fastest"])
def test_what_another_point_dominates_is_never_picked(averaged, pick):
    picked, _ = averaged.pick(pick)
    places = averaged.results.on_front.nonzero()[0]
    assert picked in [averaged.results.points[place] for place in places]


def test_without_averages_a_pick_is_said_as_ever(tmp_path):
    run = make_run(tmp_path, ["complete"] * 12)
    picked, said = run.pick("best")
    assert said == f"Trial {picked.number} has the best learned objective of the front."


def test_a_point_is_named_by_its_label_or_a_trials_number(averaged):
    number = averaged.results.front[-1]
    for name in (str(number), f"trial {number}"):
        assert averaged.pick(name) == (
            averaged.results.front_trials[-1],
            f"Trial {number} was named.",
        )
    picked, said = averaged.pick("average 2")
    assert picked == averaged.results.averages[1]
    assert said == f"Average 2 ({picked.words}) was named."


def test_a_name_that_no_point_has_is_refused_with_those_there_are(averaged):
    with pytest.raises(LstmoptError, match=r"found 'average 3': choose from .*, average 2$"):
        averaged.pick("average 3")


def test_a_picked_average_alone_is_shown(averaged):
    shown = pareto(averaged, "--pick", "best")
    assert "average 1" in shown
    assert "average 2" not in shown
    assert shown.count("●") == 1
    found = json.loads(pareto(averaged, "--pick", "average 2", "--json"))
    assert found["front"] == []
    assert [entry["number"] for entry in found["averages"]] == [2]
    table = pareto(averaged, "--pick", "average 2", "--csv")
    assert len(table.splitlines()) == 2


def test_a_picked_trial_alone_is_shown(averaged):
    shown = pareto(averaged, "--pick", "fastest")
    assert "average 1" not in shown
    found = json.loads(pareto(averaged, "--pick", "fastest", "--json"))
    assert [row["trial"] for row in found["front"]] == [averaged.results.front[-1]]
    assert found["averages"] == []
