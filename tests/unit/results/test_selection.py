from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lstmopt.results.selection import NEAR, pick_index
from support.drivers import GOALS, goals_of

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
