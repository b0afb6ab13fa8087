from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.search_space import draw
from lstmopt.search_space.ranks import as_ranks, from_ranks
from support.tables import default_like

RANKS = {"window": 3, "segment": 2, "recent": 1}
HOURLY, WEEKLY = default_like(24), default_like(52)


@given(st.integers(0, 2**32 - 1))
def test_a_candidate_comes_back_into_its_own_space_as_it_was(seed):
    (params,) = draw(HOURLY, 1, np.random.default_rng(seed))
    assert from_ranks(HOURLY, as_ranks(HOURLY, params, RANKS), RANKS) == params


@given(st.integers(0, 2**32 - 1))
def test_rows_are_those_of_the_other_series_and_all_else_stays(seed):
    (params,) = draw(HOURLY, 1, np.random.default_rng(seed))
    moved = from_ranks(WEEKLY, as_ranks(HOURLY, params, RANKS), RANKS)
    assert {n: v * 24 for n, v in moved.items() if n in RANKS} == {
        n: v * 52 for n, v in params.items() if n in RANKS
    }
    assert {n: v for n, v in moved.items() if n not in RANKS} == {
        n: v for n, v in params.items() if n not in RANKS
    }


@pytest.mark.parametrize(
    ("windows", "expected"),
    [([30], [30, 30, 30]), ([50, 30], [30, 30, 50]), ([9, 10, 11, 12, 13], [9, 11, 13])],
)
def test_a_rank_is_the_choice_that_lies_where_it_does(windows, expected):
    space = default_like(24, window=windows)
    linear = [{"network": "linear", "window": rank} for rank in range(3)]
    assert [from_ranks(space, params, RANKS)["window"] for params in linear] == expected


def test_what_has_one_value_here_is_added():
    space = default_like(24, calendar=["no_annual"])
    moved = from_ranks(space, {"network": "linear", "window": 1}, RANKS)
    assert moved == {"network": "linear", "window": 96, "calendar": "no_annual"}


@pytest.mark.parametrize(
    "more",
    [
        {"calendar": ["all", "none"]},
        {"window": {"low": 0, "high": 9, "when": {"network": ["segment"]}}},
        {"network": ["segment"]},
    ],
)
def test_a_space_in_which_more_or_less_varies_has_no_place_for_it(more):
    space = default_like(24, **more)
    assert from_ranks(space, {"network": "linear", "window": 1}, RANKS) is None
