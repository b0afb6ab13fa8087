"""What a study of several families begins with that has no other to learn from."""

from __future__ import annotations

import json

import pytest

from lstmopt import run
from lstmopt.config.study_file import replace
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.plugin.network import known_hyperparameters
from lstmopt.plugin.options import options_of
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import parse_space
from lstmopt.warm_start.protocols import Beginning, ask_for_beginning, make_warm_start
from support.parts import wave
from support.studies import config_of
from support.tables import default_like

REGISTRY = load_registry()
KNOWN = known_hyperparameters(REGISTRY.networks)
SPACE = default_like(24)


def candidate(**more):
    return {
        "network": "segment",
        "hidden_size": 64,
        "segment": 1,
        "window": 1,
        "skip": False,
        "recent": 0,
        "learning_rate": 0.002,
        "ema": 0.99,
        **more,
    }


CONTENT = {
    "ranks": {"segment": 2, "window": 3, "recent": 1},
    "candidates": [candidate(window=0), candidate(window=2), candidate(hidden_size=32)],
    "tables": {"theirs": {"target": "mine", "candidates_of_others": [candidate(segment=0)]}},
}

LSTM = {"hidden_size": 32, "learning_rate": 0.005}
LSTMS = {"candidates": [LSTM], "observations": [{"params": LSTM, "rank": 0.0}]}


@pytest.fixture
def ship(tmp_path, monkeypatch):
    """Ship a portfolio of networks, or none."""
    monkeypatch.setattr("lstmopt_plugins.shipped.files", lambda package: tmp_path)

    def write(content=CONTENT):
        (tmp_path / "shipped_networks.json").write_text(json.dumps(content))

    return write


def begin(name, space=SPACE, target=""):
    return ask_for_beginning(make_warm_start(REGISTRY, name, target), name, space, [])


def test_a_default_study_begins_with_candidates_of_its_own_seasons(ship):
    ship()
    for season in (24, 52):
        found = begin("shipped", default_like(season)).candidates
        assert [params["window"] for params in found] == [2 * season, 7 * season, 4 * season]
        assert all(params["segment"] == params["recent"] == season for params in found)
    assert len(begin("shipped:size=2").candidates) == 2


def test_a_series_that_they_were_chosen_from_gets_those_of_the_others(ship):
    ship()
    (found,) = begin("shipped", target="mine").candidates
    assert (found["segment"], found["window"]) == (12, 96)


def test_candidates_that_fall_together_are_tried_once(ship):
    ship()
    found = begin("shipped", default_like(24, window=[30])).candidates
    assert [params["hidden_size"] for params in found] == [64, 32]


def test_another_space_and_a_program_without_them_begin_cold(ship):
    assert begin("shipped") == Beginning(SPACE)
    ship()
    wider = default_like(24, cell=["lstm", "gru"])
    assert begin("shipped", wider) == Beginning(wider)


def test_a_default_study_begins_with_them_only_where_it_is_asked_to(ship, tmp_path):
    ship()
    (tmp_path / "shipped.json").write_text(json.dumps(LSTMS))
    assert begin("auto") == Beginning(SPACE)
    rates = {"low": 1e-3, "high": 1e-2, "log": True}
    classic = parse_space({"hidden_size": [16, 32], "learning_rate": rates}, KNOWN)
    assert begin("auto", classic).candidates == (LSTM,)


def test_a_series_is_no_option():
    names = [option.name for option in options_of(REGISTRY.strategy("warm-start", "shipped"))]
    assert names == ["size"]


def test_a_study_tries_them_once_and_what_is_solved_once(ship, tmp_path):
    wave(400).to_csv(tmp_path / "wave.csv", index=False)
    config = config_of(
        tmp_path / "wave.csv",
        task={"window": 24},
        training={"epochs": 1, "targets_per_window": None},
        budget={"trials": 4},
        finalists={"seeds": 1},
        warm_start={"name": "shipped"},
    )
    config = replace(config, space={})  # the default one
    whole = candidate(normalisation="last", decoder_hidden_size=64, batch_size=64)
    own = read_series(tmp_path / "wave.csv", DataOptions(target="load")).target_fingerprint
    others = [whole | {"learning_rate": 0.005}]
    for target, rate in (("", 0.002), (own, 0.005)):
        tables = {"wave": {"target": target, "candidates_of_others": others}}
        ship({**CONTENT, "candidates": [whole], "tables": tables})
        trials = [t["params"] for t in run(config, tmp_path / f"run {target}")["trials"]]
        assert [params["network"] for params in trials] == ["linear", *["segment"] * 3]
        assert trials[1]["learning_rate"] == rate
