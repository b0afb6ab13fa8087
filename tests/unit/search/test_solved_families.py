from __future__ import annotations

from lstmopt.plugin.network import known_hyperparameters
from lstmopt.plugin.registry import load_registry
from lstmopt.search.solved_families import SolvedFamilies
from lstmopt.search_space import parse_space

KNOWN = known_hyperparameters(load_registry().networks)
TABLE = {"network": ["segment", "gru", "linear"], "window": [8, 16], "hidden_size": [4]}
SPACE = parse_space(TABLE, KNOWN)
LINEAR = [{"network": "linear", "window": window} for window in (8, 16)]


def proposals(count, space=SPACE, solved=("linear",), known=(), seed=0):
    families = SolvedFamilies(space, solved, seed, known)
    return [families.next(n) for n in range(count)]


def test_what_is_solved_is_tried_once_and_first_and_then_others_alone():
    first, second, *others = proposals(40)
    assert [first, second] == LINEAR
    assert {tuple(p.items()) for p in others} == {
        (("network", "segment"),),
        (("network", "gru"),),
    }


def test_what_a_study_has_tried_is_not_tried_again():
    known = [LINEAR[0], {"network": "gru", "window": 8, "hidden_size": 4}]
    assert proposals(1, known=known) == [LINEAR[1]]
    assert proposals(1, known=LINEAR)[0]["network"] in ("segment", "gru")


def test_the_sampler_is_free_where_nothing_is_solved_or_everything_is():
    assert proposals(3, solved=()) == [None] * 3
    only = parse_space({"network": ["linear"], "window": [8, 16]}, KNOWN)
    assert proposals(3, space=only) == [None] * 3
    assert proposals(3, space=parse_space({}, KNOWN)) == [None] * 3


def test_the_sampler_is_free_where_there_are_too_many_to_try():
    many = parse_space({**TABLE, "window": list(range(1, 200))}, KNOWN)
    assert proposals(2, space=many) == [None, None]
    ranged = parse_space({**TABLE, "window": {"low": 1, "high": 2000, "log": True}}, KNOWN)
    assert proposals(2, space=ranged) == [None, None]


def test_the_same_trial_of_the_same_study_is_of_the_same_family():
    assert proposals(30) == proposals(30)
    assert proposals(30) != proposals(30, seed=1)
