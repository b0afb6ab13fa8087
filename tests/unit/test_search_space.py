from __future__ import annotations

import optuna
import pytest

from lstmopt.errors import LstmoptError
from lstmopt.search_space import CLASSIC, Choice, Range, Space, parse_space


def test_a_study_without_a_space_has_the_classic_one():
    space = parse_space({})
    assert space.parameters == {
        "hidden_size": Choice((32, 64, 128, 256)),
        "num_layers": Range(1, 4, integer=True),
        "learning_rate": Range(1e-5, 1e-1, log=True),
        "dropout": Range(0.1, 0.5),
        "weight_decay": Range(1e-6, 1e-3, log=True),
        "batch_size": Choice((16, 32, 64, 128)),
        "optimizer": Choice(("Adam", "AdamW")),
    }
    assert len(space.architectures()) == 16


def test_every_suggested_candidate_is_a_point_of_the_space():
    space = Space(dict(CLASSIC))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        params = space.suggest(study.ask())
        assert space.rejects(params) is None
        assert ("dropout" in params) == (params["num_layers"] > 1)


def test_the_grid_holds_each_candidate_once():
    space = parse_space({"num_layers": [1, 2], "dropout": [0.1, 0.2], "batch_size": [16]})
    grid = [tuple(sorted(params.items())) for params in space.grid()]
    # dropout does not apply to one layer: 1 + 2 candidates, not 4
    assert len(grid) == len(set(grid)) == 3


def test_points_of_a_log_range_are_evenly_spaced_in_log():
    values = Range(1e-4, 1e-2, log=True, points=3).grid()
    assert values == pytest.approx((1e-4, 1e-3, 1e-2))
    assert (values[0], values[-1]) == (1e-4, 1e-2)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ({"hiden_size": [32]}, "did you mean 'hidden_size'"),
        ({"hidden_size": []}, "list of values"),
        ({"hidden_size": [32.5]}, "whole numbers"),
        ({"learning_rate": {"low": 0, "high": 1, "log": True}}, "low above 0"),
        ({"learning_rate": {"low": 1, "high": 0.1}}, "low at most high"),
        ({"learning_rate": {"low": 1, "hihg": 2, "high": 3}}, "did you mean 'high'"),
        ({"dropout": [1.0]}, "below 1"),
        ({"optimizer": ["SGD"]}, "Adam or AdamW"),
        ({"optimizer": {"low": 0, "high": 1}}, "list of names"),
        ({"hidden_size": {"low": 1, "high": 512}}, "256 at most"),
        ({"num_layers": {"low": 1, "high": 4, "points": 0}}, "points"),
    ],
)
def test_a_wrong_space_is_one_sentence(table, found):
    with pytest.raises(LstmoptError) as error:
        parse_space(table)
    assert found in str(error.value)
    assert "\n" not in str(error.value)
