"""What a warm start may give, and who is named where it gives something else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lstmopt import Beginning, LstmoptError, Observation
from lstmopt.plugin.registry import load_registry
from lstmopt.warm_start.protocols import ask_for_beginning, make_strategy
from support.drivers import SPACE
from support.plugins import fail, strategy_of

MINE = r"warm start 'mine' of mine\.py"
SHOWN = (Observation({"hidden_size": 4}, (0.5,)),)


def made(warm_start):
    return make_strategy(load_registry(), strategy_of(lambda: warm_start), {})


def begin(answer):
    warm_start = SimpleNamespace(begin=lambda space, past: answer)
    return ask_for_beginning(made(warm_start), "mine", SPACE, [])


@pytest.mark.parametrize("warm_start", [None, object(), "transfer"])
def test_a_strategy_that_makes_no_warm_start_is_named(warm_start):
    with pytest.raises(LstmoptError, match=f"makes what has begin, found .* from {MINE}"):
        made(warm_start)


def test_a_warm_start_that_raises_is_named():
    with pytest.raises(LstmoptError, match=f"{MINE} raised KeyError") as error:
        made(SimpleNamespace(begin=fail)).begin(SPACE, [])
    assert isinstance(error.value.__cause__, KeyError)


@pytest.mark.parametrize("answer", [None, [], {"hidden_size": 4}], ids=repr)
def test_a_warm_start_that_gives_no_beginning_is_named(answer):
    with pytest.raises(LstmoptError, match=f"gives a Beginning, found .* from {MINE}"):
        begin(answer)


@pytest.mark.parametrize(
    "parts",
    [
        {"candidates": (3,)},
        {"candidates": None},
        {"observations": ({"hidden_size": 4},)},
        {"finished": (3,)},
        {"notices": None, "candidates": ({"hidden_size": 5},)},
        {"space": None},
    ],
    ids=str,
)
def test_a_beginning_whose_parts_are_of_other_kinds_is_named(parts):
    with pytest.raises(LstmoptError, match="'mine'"):
        begin(Beginning(**{"space": SPACE} | parts))


def test_an_adviser_that_raises_is_named():
    found = begin(Beginning(SPACE, observations=SHOWN, adviser=SimpleNamespace(shown=fail)))
    with pytest.raises(LstmoptError, match=f"{MINE} raised KeyError"):
        found.adviser.shown([])


@pytest.mark.parametrize("shown", [[1], [-1], [None], ["0"], [[0]]])
def test_an_adviser_that_names_what_is_not_there_is_named(shown):
    adviser = SimpleNamespace(shown=lambda own: shown)
    found = begin(Beginning(SPACE, observations=SHOWN, adviser=adviser))
    with pytest.raises(LstmoptError, match=f"by their places from 0 to 0, found .* from {MINE}"):
        found.adviser.shown([])
