from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import tomli_w

from lstmopt.errors import LstmoptError
from lstmopt.search_space import CLASSIC, Choice, Range, Space, parse_space, plain


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
        ({"num_layers": {"low": 1, "high": 4, "points": 0}}, "points"),
    ],
)
def test_a_wrong_space_is_one_sentence(table, found):
    with pytest.raises(LstmoptError) as error:
        parse_space(table)
    assert found in str(error.value)
    assert "\n" not in str(error.value)


NUMPYS = [
    ({"hidden_size": [np.int64(8), np.int64(16)]}, {"hidden_size": [8, 16]}),
    ({"hidden_size": np.arange(8, 11)}, {"hidden_size": [8, 9, 10]}),
    ({"hidden_size": range(8, 11)}, {"hidden_size": [8, 9, 10]}),
    ({"hidden_size": (8, np.uint8(16))}, {"hidden_size": [8, 16]}),
    ({"hidden_size": pd.Series([8, 16])}, {"hidden_size": [8, 16]}),
    ({"optimizer": np.array(["Adam", "AdamW"])}, {"optimizer": ["Adam", "AdamW"]}),
    ({"optimizer": [np.str_("Adam")]}, {"optimizer": ["Adam"]}),
    ({"dropout": np.linspace(0.0, 0.5, 3)}, {"dropout": [0.0, 0.25, 0.5]}),
    (
        {"num_layers": {"low": np.int64(1), "high": np.int32(4), "points": np.int64(2)}},
        {"num_layers": {"low": 1, "high": 4, "points": 2}},
    ),
    (
        {"learning_rate": {"low": np.float32(0.25), "high": np.float64(1), "log": np.True_}},
        {"learning_rate": {"low": 0.25, "high": 1.0, "log": True}},
    ),
    ({np.str_("dropout"): [0.5]}, {"dropout": [0.5]}),
]


@pytest.mark.parametrize(("given", "meant"), NUMPYS, ids=lambda table: str(table))
def test_what_numpy_says_is_what_python_says(given, meant):
    assert repr(parse_space(given)) == repr(parse_space(meant))


@pytest.mark.parametrize("given", [entry for entry, _ in NUMPYS], ids=str)
def test_what_numpy_says_can_be_written_to_a_study_file(given):
    assert parse_space(tomllib.loads(tomli_w.dumps(plain(given)))) == parse_space(given)


@pytest.mark.parametrize(
    "entry", [[np.float64(8.5)], [np.nan], [True], [np.True_], [None], np.array([]), 8, np.int64(8)]
)
def test_what_is_no_whole_number_is_none_in_numpy_either(entry):
    with pytest.raises(LstmoptError, match=r"\[space\] hidden_size takes"):
        parse_space({"hidden_size": entry})


@pytest.mark.parametrize("log", ["false", 1, None, np.int64(1)])
def test_a_scale_is_true_or_false(log):
    with pytest.raises(LstmoptError, match="needs log true or false"):
        parse_space({"learning_rate": {"low": 0.1, "high": 1.0, "log": log}})


@pytest.mark.parametrize("points", [True, 2.0, "2", np.float64(2)])
def test_points_are_a_whole_number(points):
    with pytest.raises(LstmoptError, match="needs points of at least 1"):
        parse_space({"learning_rate": {"low": 0.1, "high": 1.0, "points": points}})


def test_a_path_is_a_text_in_a_study_file():
    assert plain({"data": {"path": Path("x.csv")}}) == {"data": {"path": "x.csv"}}
