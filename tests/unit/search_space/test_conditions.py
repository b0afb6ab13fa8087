"""Conditional hyperparameters, against an enumeration of everything."""

from __future__ import annotations

import itertools

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.errors import LstmoptError
from lstmopt.plugin.network import known_hyperparameters
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import (
    FIXED,
    Architecture,
    Choice,
    Range,
    Space,
    draw,
    parse_space,
)

KNOWN = known_hyperparameters(load_registry().networks)
NAMES = "abcde"


@st.composite
def spaces(draw_from):
    """Choices of small numbers; a name may depend on any before it in a shuffled order."""
    order = draw_from(st.permutations(NAMES))
    sizes = draw_from(st.lists(st.integers(1, 3), min_size=5, max_size=5))
    parameters = {n: Choice(tuple(range(size))) for n, size in zip(NAMES, sizes, strict=True)}
    conditions = {}
    for place, name in enumerate(order[1:], 1):
        parents = draw_from(st.sets(st.sampled_from(order[:place]), max_size=2))
        allowed = st.sets(st.integers(0, 2), min_size=1).map(sorted).map(tuple)
        conditions[name] = {parent: draw_from(allowed) for parent in parents}
    kept = draw_from(st.sets(st.sampled_from(NAMES), min_size=1))
    defaults = dict.fromkeys(NAMES, 0)
    return Space({n: parameters[n] for n in NAMES if n in kept}, conditions, defaults)


def applies(space: Space, name: str, values: dict) -> bool:
    """Say what a person would who looks at the whole assignment."""
    return all(
        values[parent] in allowed and applies(space, parent, values)
        for parent, allowed in space.conditions.get(name, {}).items()
    )


def everything(space: Space) -> set:
    """Return each candidate as a frozen set, by enumeration of all assignments."""
    names = list(space.parameters)
    found = set()
    for values in itertools.product(*(space.parameters[n].values for n in names)):
        whole = {**space.defaults, **dict(zip(names, values, strict=True))}
        # where a parent does not apply, whatever it is must not matter
        found.add(frozenset((n, whole[n]) for n in names if applies(space, n, whole)))
    return found


@given(spaces())
def test_the_grid_holds_every_candidate_once(space):
    grid = [frozenset(params.items()) for params in space.grid()]
    assert len(grid) == len(set(grid))
    assert set(grid) == everything(space)


@settings(max_examples=40)
@given(spaces())
def test_what_is_suggested_or_drawn_is_a_candidate(space):
    candidates = everything(space)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = draw(space, 10, np.random.default_rng(0))
    for params in (*drawn, *(space.suggest(study.ask()) for _ in range(5))):
        assert frozenset(params.items()) in candidates
        assert space.rejects(params) is None
        assert list(params) == [n for n in space.parameters if n in params]
        assert space.nearest(params) == params


@given(spaces())
def test_a_hyperparameter_is_conditional_where_some_candidate_lacks_it(space):
    candidates = everything(space)
    for name in space.parameters:
        lacking = any(name not in dict(candidate) for candidate in candidates)
        assert not lacking or space.is_conditional(name)


def test_families_decide_what_applies():
    table = {
        "network": ["lstm", "segment", "linear"],
        "segment": [4, 8],
        "num_layers": [1, 2],
        "dropout": [0.1],
        "linear": ["nlinear", "dlinear"],
        "learning_rate": [1e-3],
        "window": [8, 16],
    }
    grid = list(parse_space(table, KNOWN).grid())
    by_family = {name: [p for p in grid if p["network"] == name] for name in table["network"]}
    assert {tuple(p) for p in by_family["linear"]} == {("network", "linear", "window")}
    assert len(by_family["linear"]) == 4
    assert all("segment" not in p for p in by_family["lstm"])
    assert len(by_family["segment"]) == 2 * 2 * 2
    assert all(("dropout" in p) == (p["num_layers"] > 1) for p in by_family["segment"])


def test_anyone_may_make_a_hyperparameter_conditional():
    space = parse_space(
        {
            "num_layers": [1, 2, 3],
            "hidden_size": {"values": [8, 16], "when": {"num_layers": [2, 3]}},
            "learning_rate": {"low": 0.1, "high": 0.2, "when": {"hidden_size": [16]}},
        },
        KNOWN,
    )
    assert space.names({"num_layers": 1}) == ["num_layers"]
    assert space.names({"num_layers": 2, "hidden_size": 8}) == ["num_layers", "hidden_size"]
    assert "learning_rate" in space.names({"num_layers": 2, "hidden_size": 16})
    assert space.conditional == ["hidden_size", "learning_rate"]


@pytest.mark.parametrize("sampler", [optuna.samplers.TPESampler(group=True, multivariate=True)])
def test_tpe_with_groups_searches_a_conditional_space(sampler):
    space = parse_space(
        {"network": ["segment", "linear"], "segment": [2, 4], "linear": ["nlinear", "dlinear"]},
        KNOWN,
    )
    study = optuna.create_study(sampler=sampler)
    for _ in range(30):
        trial = study.ask()
        params = space.suggest(trial)
        assert space.rejects(params) is None
        study.tell(trial, float(params.get("segment", 0)))


def test_an_architecture_is_what_decides_the_cost():
    params = {"network": "segment", "segment": 4, "skip": True, "learning_rate": 0.1, "ema": 0.9}
    architecture = Architecture.of(params)
    assert architecture.params == {"network": "segment", "segment": 4, "skip": True}
    assert architecture["hidden_size"] == FIXED["hidden_size"]
    assert Architecture.of({**params, "num_layers": 1}) == architecture
    assert Architecture.of({"mine": 3}, training=["mine"]) == Architecture()
    assert hash(Architecture.of({"hidden_size": 8})) == hash(Architecture((("hidden_size", 8),)))


def test_architectures_of_a_large_space_are_counted_no_further_than_asked():
    large = Space({"hidden_size": Range(1, 100_000, integer=True), "window": Choice((1, 2))})
    assert not large.has_few_architectures(64)
    assert len(large.architectures(5)) == 5
    assert parse_space({}).has_few_architectures(16)
    assert not parse_space({}).has_few_architectures(15)


def test_two_families_mean_the_same_by_one_name():
    one, *others = load_registry().networks
    from dataclasses import replace

    mine = replace(
        one,
        name="mine",
        hyperparameters={"hidden_size": replace(KNOWN.hyperparameters["hidden_size"], default=3)},
    )
    with pytest.raises(LstmoptError, match="'hidden_size' of 'mine'"):
        known_hyperparameters([one, *others, mine])
