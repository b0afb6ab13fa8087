"""What each warm start makes of earlier studies, and how a run learns and goes on."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from lstmopt import run
from lstmopt.errors import LstmoptError
from lstmopt.plugin.registry import load_registry
from lstmopt.search.observer import Observer
from lstmopt.search_space import CLASSIC, Range, Space, draw, parse_space
from lstmopt.warm_start.advisers import SourceStudy, WeightedAdviser
from lstmopt.warm_start.protocols import (
    Beginning,
    Observation,
    PastStudy,
    PastTrial,
    ask_for_beginning,
    make_warm_start,
)
from support.studies import SPACE as SMALL
from support.studies import config_of

REGISTRY = load_registry()
SPACE = parse_space(
    {
        "hidden_size": [8, 16, 32, 64],
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "optimizer": ["Adam", "AdamW"],
    }
)


def loss_of(params, best=0.01):
    return 1 / params["hidden_size"] + np.log10(params["learning_rate"] / best) ** 2


def study(name="one", count=40, seed=0, best=0.01, sign=1.0, **more):
    drawn = draw(SPACE, count, np.random.default_rng(seed))
    trials = tuple(
        PastTrial(n, p, (sign * loss_of(p, best),), (p["hidden_size"] / 10,))
        for n, p in enumerate(drawn)
    )
    return PastStudy(name, trials, **more)


def begin(name, *past, space=SPACE):
    return ask_for_beginning(make_warm_start(REGISTRY, name), name, space, past)


def test_best_tries_the_most_accurate_of_each_study_first_and_then_spreads():
    one, two = study("one"), study("two", seed=1, best=0.03)
    found = begin("best", one, two).candidates
    first = [min(s.trials, key=lambda t: t.losses).params for s in (one, two)]
    assert list(found[:2]) == first
    fronts = [trial.params for s in (one, two) for trial in s.front]
    assert len(found) == min(12, len(fronts))
    assert all(params in fronts for params in found)
    assert found[2]["hidden_size"] == min(t.params["hidden_size"] for t in one.front)


def test_a_front_lists_equals_once():
    trials = study(count=1).trials * 3
    assert len(PastStudy("x", trials).front) == 1


def test_replay_takes_exact_trials_of_the_same_work_and_says_what_it_leaves():
    same = study(same_work=True)
    partly = dataclasses.replace(same.trials[0], exact=False)
    same = dataclasses.replace(same, trials=(partly, *same.trials[1:]))
    found = begin("replay", same, study("other"))
    assert found.finished == same.trials[1:]
    assert found.notices == (
        "one: 1 trials are not candidates of this space: not replayed",
        "other has other data or training: not replayed",
    )


def test_a_box_holds_every_winner_of_two_studies_and_little_more():
    past = study("one"), study("two", seed=1, best=0.02)
    space = begin("box:margin=0", *past).space
    winners = [trial.params for s in past for trial in s.front]
    rate = space.parameters["learning_rate"]
    rates = [w["learning_rate"] for w in winners]
    assert (rate.low, rate.high) == (min(rates), max(rates))
    assert all(space.rejects(params) is None for params in winners)
    wider = begin("box", *past).space.parameters["learning_rate"]
    assert wider.low < rate.low < rate.high < wider.high
    alone = begin("box", past[0])
    assert alone.space == SPACE
    assert "needs two earlier studies" in alone.notices[0]


def volume(params_list, best):
    from lstmopt.pareto import hypervolume

    points = [[loss_of(p, best), p["hidden_size"] / 64] for p in params_list]
    return hypervolume(points, [1.0, 1.1])


def test_a_portfolio_covers_several_studies_better_than_the_best_of_one():
    # no single learning rate serves both
    past = [study(str(n), 60, n, best) for n, best in enumerate((0.0005, 0.05))]
    chosen = begin("portfolio:size=4", *past).candidates
    of_one = begin("best:most=4", past[0]).candidates
    worst = min(volume(chosen, best) for best in (0.0005, 0.05))
    assert worst > min(volume(of_one, best) for best in (0.0005, 0.05))
    assert len(chosen) == 4


def test_each_next_member_of_a_portfolio_adds_less():
    past = [study(str(n), 60, n, best) for n, best in enumerate((0.003, 0.01, 0.03))]
    chosen = begin("portfolio:size=6", *past).candidates
    covered = [np.mean([volume(chosen[:n], b) for b in (0.003, 0.01, 0.03)]) for n in range(1, 7)]
    gains = np.diff([0, *covered])
    assert gains[0] == max(gains)
    assert all(gain > -1e-9 for gain in gains)


def test_the_shipped_portfolio_serves_a_space_of_other_sizes():
    found = begin("shipped", space=Space(dict(CLASSIC)))
    assert 1 <= len(found.candidates) <= 8
    assert found.observations
    for params in (*found.candidates, *(o.params for o in found.observations)):
        assert Space(dict(CLASSIC)).rejects(params, partly=True) is None
    nothing = begin("shipped", space=parse_space({"optimizer": ["Adam"], "dropout": [0.1]}))
    assert all(set(params) <= {"optimizer"} for params in nothing.candidates)


def test_auto_takes_over_the_same_work_transfers_the_rest_and_never_begins_cold():
    same, other = study(same_work=True), study("other", seed=1)
    found = begin("auto", same, other)
    assert found.finished == same.trials
    assert len(found.observations) == len(other.trials)
    assert begin("auto").candidates == begin("shipped").candidates
    assert begin("none", same) == Beginning(SPACE)


def own_trials(count, sign=1.0):
    return [dataclasses.replace(t, exact=True) for t in study("own", count, 7, sign=sign).trials]


def test_transfer_shows_less_the_more_is_known_and_nothing_of_a_study_that_disagrees():
    adviser = begin("transfer", study(count=60)).adviser
    counts = [len(adviser.shown(own_trials(n))) for n in (0, 5, 20, 80)]
    assert counts[0] == 20  # half of 40, since nothing is known of the series
    assert counts[1] > counts[2] > counts[3] > 0
    against = begin("transfer", study(count=60, sign=-1.0)).adviser
    assert len(against.shown(own_trials(0))) == 20
    assert len(against.shown(own_trials(20))) <= 1
    assert against.shown(own_trials(80)) == []


def test_an_adviser_does_not_depend_on_the_order_of_trials():
    adviser, own = begin("transfer", study()).adviser, own_trials(12)
    assert adviser.shown(own) == adviser.shown(own[::-1])


def test_alike_series_come_first_and_count_more():
    near, far = study("near", similarity=0.9), study("far", seed=3, best=0.001, similarity=0.1)
    found = begin("transfer:candidates=1", far, near)
    expected = SourceStudy(SPACE, near).candidates()[0]
    assert found.candidates == (expected,)
    shown = found.adviser.shown([])
    assert sum(n < len(near.trials) for n in shown) > 5 * sum(n >= len(near.trials) for n in shown)


def test_ranks_do_not_depend_on_units():
    one = SourceStudy(SPACE, study())
    trials = tuple(
        dataclasses.replace(t, losses=(100 + 3 * t.losses[0] ** 3,)) for t in one.study.trials
    )
    assert WeightedAdviser([SourceStudy(SPACE, PastStudy("two", trials))], 9, 9).observations == (
        WeightedAdviser([one], 9, 9).observations
    )


class Says:
    """A warm start of a plug-in that gives what it is told to."""

    def __init__(self, beginning):
        self.beginning = beginning

    def begin(self, space, past):
        return self.beginning


WIDE = Space(SPACE.parameters | {"learning_rate": Range(1e-9, 1.0, log=True)})
OUTSIDE = {"hidden_size": 7}


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        (
            Beginning(WIDE),
            "narrow a space and no more, found that warm start 'mine' gave one in which learn",
        ),
        (Beginning(Space({})), "other hyperparameters vary"),
        (Beginning(SPACE, finished=study().trials), "only trials of the same data"),
        (
            Beginning(
                SPACE,
                observations=(Observation(OUTSIDE, (0.1,)),),
                adviser=WeightedAdviser([], 1, 1),
            ),
            "observations lie inside the space",
        ),
    ],
)
def test_what_a_plug_in_may_not_give_is_refused(beginning, words):
    with pytest.raises(LstmoptError, match=words):
        ask_for_beginning(Says(beginning), "mine", SPACE, [study()])


def test_candidates_outside_the_space_are_dropped_and_counted():
    says = Says(Beginning(SPACE, ({"hidden_size": 8}, OUTSIDE, {"hidden_size": 8}, {"x": 1})))
    found = ask_for_beginning(says, "mine", SPACE, [])
    assert found.candidates == ({"hidden_size": 8},)
    assert found.notices == ("warm start mine: 2 candidates outside the space were dropped",)


class Listener(Observer):
    def __init__(self):
        self.notices = []

    def notice(self, text):
        self.notices.append(text)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    from support.parts import wave

    folder = tmp_path_factory.mktemp("earlier")
    wave().to_csv(folder / "wave.csv", index=False)
    wave(seed=1).to_csv(folder / "sibling.csv", index=False)
    run(config_of(folder / "wave.csv", budget={"trials": 6}), folder / "run")
    return folder


def test_a_run_on_the_same_data_goes_on_under_another_sampler_in_a_wider_space(earlier, tmp_path):
    wider = SMALL | {
        "hidden_size": [4, 8, 16],
        "learning_rate": {"low": 1e-4, "high": 0.3, "log": True},
    }
    listener = Listener()
    document = run(
        config_of(
            earlier / "wave.csv",
            space=wider,
            sampler={"name": "nsga2"},
            budget={"trials": 3},
            warm_start={"runs": [str(earlier / "run")]},
        ),
        tmp_path / "on",
        observer=listener,
    )
    before = json.loads((earlier / "run" / "optimization_results.json").read_text())
    complete = [t for t in before["trials"] if t["state"] == "complete"]
    taken, new = document["trials"][: len(complete)], document["trials"][len(complete) :]
    assert [t["params"] for t in taken] == [t["params"] for t in complete]
    assert [t["values"]["val_loss"] for t in taken] == [t["values"]["val_loss"] for t in complete]
    latency = {a["hidden_size"]: a["latency_ms"] for a in document["architectures"]}
    assert all(t["values"]["latency_ms"] == latency[t["params"]["hidden_size"]] for t in taken)
    assert [t["curve"] for t in taken] == [t["curve"] for t in complete]
    assert len(new) == document["budget"]["trials"] == 3
    assert f"{len(complete)} finished trials of earlier runs are taken over" in listener.notices[-1]


def test_a_run_learns_from_another_series_and_goes_on_as_it_began(earlier, tmp_path):
    def config(trials, runs):
        return config_of(
            earlier / "sibling.csv",
            budget={"trials": trials},
            warm_start={"name": "transfer", "runs": runs},
        )

    whole = run(config(6, [str(earlier / "run")]), tmp_path / "whole")
    half = run(config(3, [str(earlier / "run")]), tmp_path / "half")
    # the earlier run may be gone by now
    again = run(config(6, ["nowhere"]), tmp_path / "half")

    def told(document):
        return [(t["params"], t["values"]) for t in document["trials"]]

    assert len(half["trials"]) == 3
    assert told(again) == told(whole)
    learned = json.loads((tmp_path / "half" / "warm_start.json").read_text())
    assert learned["strategy"] == {"name": "transfer"}
    assert 0 < learned["past"][0]["similarity"] < 1


def test_another_warm_start_than_a_run_began_with_is_said_and_changes_nothing(earlier, tmp_path):
    cold = config_of(earlier / "wave.csv", budget={"trials": 2}, warm_start={"name": "none"})
    run(cold, tmp_path / "run")
    listener = Listener()
    warm = config_of(earlier / "wave.csv", budget={"trials": 2}, warm_start={"name": "shipped"})
    run(warm, tmp_path / "run", observer=listener)
    assert "the study goes on as it began, with warm start none" in listener.notices


def test_a_damaged_memory_of_what_was_learnt_is_one_sentence(earlier, tmp_path):
    config = config_of(earlier / "wave.csv", budget={"trials": 2})
    run(config, tmp_path / "run")
    (tmp_path / "run" / "warm_start.json").write_text("{")
    with pytest.raises(LstmoptError, match=r"warm_start\.json cannot be read"):
        run(config, tmp_path / "run")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"runs": "run"}, "array"),
        ({"rename": {"lr": 3}}, "str"),
        ({"name": "bset"}, "did you mean 'best'"),
        ({"name": "best", "moast": 3}, "did you mean 'most'"),
        ({"runs": ["nowhere"]}, "a finished run holds"),
    ],
)
def test_a_wrong_warm_start_is_one_sentence_before_anything_is_trained(
    earlier, tmp_path, table, words
):
    with pytest.raises(LstmoptError, match=words):
        run(config_of(earlier / "wave.csv", warm_start=table), tmp_path / "run")
    assert not (tmp_path / "run" / "study.toml").exists()


@pytest.mark.parametrize(
    "choice",
    ["transfer:fade=0", "transfer:most=-1", "portfolio:size=0", "shipped:size=-1", "best:most=0"],
)
def test_an_option_out_of_range_is_refused(choice):
    with pytest.raises(LstmoptError, match="refused its options"):
        make_warm_start(REGISTRY, choice)


def test_auto_begins_with_the_shipped_where_nothing_of_the_past_is_of_use():
    found = begin("auto", study(count=2))
    assert found.candidates == begin("shipped").candidates
    assert found.notices == ("one has 2 finished trials, fewer than 5: left out",)


def test_a_grid_is_tried_as_it_is_whatever_a_warm_start_would_show(csv, tmp_path):
    grid = SMALL | {"learning_rate": {"low": 0.003, "high": 0.1, "log": True, "points": 2}}
    config = config_of(csv, space=grid, sampler={"name": "grid"}, budget={"trials": 9})
    document = run(config, tmp_path / "run")
    assert len(document["trials"]) == 4
    assert {t["params"]["learning_rate"] for t in document["trials"]} == {0.003, 0.1}


def test_what_a_study_learnt_is_recorded_and_not_what_it_is_asked_later(earlier, tmp_path):
    cold = config_of(earlier / "wave.csv", budget={"trials": 2}, warm_start={"name": "none"})
    run(cold, tmp_path / "run")
    later = {"name": "none", "runs": [str(earlier / "run")]}
    listener = Listener()
    config = config_of(earlier / "wave.csv", budget={"trials": 2}, warm_start=later)
    document = run(config, tmp_path / "run", observer=listener)
    assert "the study goes on as it began, with warm start none" in listener.notices
    assert document["study"]["warm_start"]["runs"] == []


def test_a_study_that_takes_over_draws_other_candidates_than_the_one_before(earlier, tmp_path):
    config = config_of(
        earlier / "wave.csv",
        sampler={"name": "random"},
        budget={"trials": 6},
        warm_start={"name": "replay", "runs": [str(earlier / "run")]},
    )
    before = json.loads((earlier / "run" / "optimization_results.json").read_text())
    new = [t["params"] for t in run(config, tmp_path / "run")["trials"] if not t["taken_over"]]
    assert not [params for params in new if params in [t["params"] for t in before["trials"]]]
