"""Earlier studies from every place they may be in, put into another space."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt import run
from lstmopt.data.series_features import SeriesFeatures
from lstmopt.epoch import Epoch
from lstmopt.errors import LstmoptError
from lstmopt.objectives import ForecastCost, ForecastCosts, Limits
from lstmopt.search_space import CLASSIC, FIXED, Space, draw, parse_space
from lstmopt.warm_start.past_studies import (
    Frame,
    RawStudy,
    RawTrial,
    put_into,
    read_past,
    read_studies,
)
from support.drivers import GOALS, goals_of
from support.parts import wave
from support.studies import config_of


class AnyCosts(dict):
    """Costs of every architecture that there could be."""

    def __contains__(self, architecture):
        return True

    def __missing__(self, architecture):
        size = architecture["hidden_size"] * architecture["num_layers"]
        return ForecastCost(architecture, size / 100, 0.0, size)


def frame_of(space=None, goals=GOALS, **more):
    costs = ForecastCosts(AnyCosts(), goals, Limits())
    return Frame(goals, space or Space(dict(CLASSIC)), costs, **more)


def raw(*trials, own=True, **more):
    directions = {"val_loss": "minimize", "latency_ms": "minimize"}
    found = tuple(
        RawTrial(n, params, {"val_loss": 0.5, "latency_ms": 9.0}) for n, params in enumerate(trials)
    )
    return RawStudy("earlier", found, directions=directions, own=own, **more)


FULL = {
    "hidden_size": 64,
    "num_layers": 2,
    "learning_rate": 0.01,
    "dropout": 0.2,
    "weight_decay": 1e-5,
    "batch_size": 32,
    "optimizer": "Adam",
}


def measured(values, told):
    """A study of one trial whose best report holds ``values``, and what it was told."""
    curve = tuple(Epoch(n, v, v, v, 0.0, 1.0, values) for n, v in ((1, 0.5), (2, 0.4)))
    directions = dict.fromkeys(told, "minimize")
    trials = (RawTrial(0, FULL, told, curve),)
    return RawStudy("earlier", trials, directions=directions, own=True)


def fit(params, space=None, own=True, **more):
    study, notice = put_into(frame_of(space, **more), raw(params, own=own))
    return (study.trials[0] if study.trials else None), notice


def test_a_trial_that_fits_is_exact_and_costs_what_it_costs_on_this_machine():
    trial, notice = fit(FULL)
    assert trial.params == FULL
    assert trial.exact
    assert trial.losses == (0.5,)
    assert trial.static == (1.28,)
    assert not notice


def test_a_forecast_objective_comes_from_the_reports_or_as_it_was_told():
    frame = frame_of(goals=goals_of("val_mase", "val_loss"))
    reports = measured({"val_mase": 0.7}, {"val_loss": 0.4})
    assert put_into(frame, reports)[0].trials[0].losses == (0.7, 0.4)
    told = measured({}, {"val_mase": 0.8, "val_loss": 0.4})
    assert put_into(frame, told)[0].trials[0].losses == (0.8, 0.4)


def test_a_study_that_did_not_measure_a_forecast_objective_is_of_no_use():
    frame = frame_of(goals=goals_of("val_mase"))
    with pytest.raises(LstmoptError, match="measured val_loss and not val_mase"):
        put_into(frame, measured({}, {"val_loss": 0.4}))


def test_what_did_not_vary_there_and_does_here_is_what_it_was_or_left_open():
    fewer = {k: v for k, v in FULL.items() if k not in ("batch_size", "weight_decay")}
    trial, _ = fit(fewer)
    assert trial.params == fewer | {"batch_size": 64}  # the value that it always has
    assert not trial.exact  # weight_decay was 0, which lies outside


def test_what_varied_there_and_does_not_here_is_left_out():
    space = Space({n: p for n, p in CLASSIC.items() if n != "weight_decay"})
    trial, _ = fit(FULL, space)
    assert trial.params == {n: v for n, v in FULL.items() if n != "weight_decay"}
    assert not trial.exact
    same, _ = fit(FULL | {"weight_decay": 0.0}, space)
    assert same.exact


def test_a_range_may_be_wider_and_a_category_new():
    wider = {"learning_rate": {"low": 1e-6, "high": 1.0, "log": True}, "hidden_size": [64, 512]}
    trial, _ = fit(FULL, parse_space(wider))
    assert trial.params == {"learning_rate": 0.01, "hidden_size": 64}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hidden_size": 48}, "of 1 trials 1 with hidden_size outside"),
        ({"learning_rate": 0.5}, "of 1 trials 1 with learning_rate outside"),
        ({"optimizer": "SGD"}, "of 1 trials 1 with optimizer outside"),
        ({"optimizer": None}, "of 1 trials 1 with optimizer outside"),
    ],
)
def test_what_lies_outside_is_counted_and_named(changes, reason):
    trial, notice = fit(FULL | changes)
    assert trial is None
    assert notice == f"earlier: {reason}"


def test_a_renamed_hyperparameter_is_named_with_what_to_do():
    renamed = {"lr" if n == "learning_rate" else n: v for n, v in FULL.items()}
    trial, notice = fit(renamed, own=False)
    assert "learning_rate" not in trial.params
    assert "no hyperparameter here is called lr ([warm_start.rename]:" in notice
    mended, notice = fit(renamed, own=False, rename={"lr": "learning_rate"})
    assert mended.params == FULL
    assert not notice


def test_dropout_says_nothing_of_one_layer():
    trial, _ = fit(FULL | {"num_layers": 1})
    assert "dropout" not in trial.params
    assert trial.exact
    without = {n: v for n, v in FULL.items() if n != "dropout"} | {"num_layers": 1}
    assert fit(without)[0].exact
    assert not fit({n: v for n, v in FULL.items() if n != "dropout"})[0].exact


@st.composite
def spaces(draw_value):
    names = draw_value(st.sets(st.sampled_from(sorted(CLASSIC)), min_size=1))
    table = {}
    for name in names:
        parameter = CLASSIC[name]
        if hasattr(parameter, "values"):
            picked = draw_value(st.sets(st.sampled_from(parameter.values), min_size=1))
            table[name] = sorted(picked, key=parameter.values.index)
        else:
            # a part of the range, or more than it
            low, high = parameter.low, parameter.high
            cut = draw_value(st.sampled_from([(1, 1), (1, 0.5), (2, 1), (1, 1.5)]))
            low, high = low * cut[0], high * cut[1]
            if parameter.integer:
                low, high = int(low), max(int(low), int(high))
            high = min(high, 0.9) if name == "dropout" else high
            table[name] = {"low": low, "high": max(low, high), "log": parameter.log}
    return parse_space(table)


@settings(max_examples=60)
@given(spaces(), spaces(), st.integers(0, 1000))
def test_whatever_is_put_into_a_space_lies_in_it(there, here, seed):
    import numpy as np

    params = draw(there, 12, np.random.default_rng(seed))
    study, notice = put_into(frame_of(here), raw(*params))
    for trial in study.trials:
        assert here.rejects(trial.params, partly=not trial.exact) is None
        if trial.exact:
            before = FIXED | params[trial.number]
            after = FIXED | trial.params
            one_layer = after["num_layers"] == 1
            assert all(before[n] == after[n] for n in FIXED if n != "dropout" or not one_layer)
    counted = sum(int(word) for word in notice.partition("trials ")[2].split() if word.isdigit())
    assert len(study.trials) + counted == len(params)


def test_objectives_are_computed_anew_where_the_curve_is_there(finished_run):
    (found,) = read_studies(str(finished_run))
    frame = frame_of(space_of_run(), goals_of("val_mae", "parameters"))
    trial = put_into(frame, found)[0].trials[0]
    best = min(found.trials[0].curve, key=lambda epoch: epoch.val_loss)
    assert trial.losses == (best.val_mae,)
    filled = FIXED | trial.params
    assert trial.static == (filled["hidden_size"] * filled["num_layers"],)


def test_another_programs_study_of_one_objective_is_taken_for_the_loss():

    one = RawStudy(
        "plain", (RawTrial(0, FULL, {"value 0": 0.3}),), directions={"value 0": "minimize"}
    )
    assert put_into(frame_of(), one)[0].trials[0].losses == (0.3,)
    other = RawStudy(
        "plain", (RawTrial(0, FULL, {"value 0": 0.3}),), directions={"value 0": "maximize"}
    )
    with pytest.raises(LstmoptError, match="needs a study with this one's objectives"):
        put_into(frame_of(), other)


def test_work_is_the_same_only_where_everything_a_loss_depends_on_is():
    work = {"data file": "a", "training": {"epochs": 3}}
    same, _ = put_into(frame_of(work=work), raw(FULL, work=work))
    other, _ = put_into(frame_of(work=work), raw(FULL, work=work | {"data file": "b"}))
    foreign, _ = put_into(frame_of(work={}), raw(FULL, work={}))
    assert (same.same_work, other.same_work, foreign.same_work) == (True, False, False)


def test_series_are_compared_where_both_are_known():
    here, there = SeriesFeatures(4.0, 0.9, 0.1, 0.1, 0.9), SeriesFeatures(3.5, 0.8, 0.1, 0.2, 0.9)
    alike = put_into(frame_of(features=here), raw(FULL, features=here))[0].similarity
    less = put_into(frame_of(features=here), raw(FULL, features=there))[0].similarity
    assert alike == 1.0
    assert 0 < less < 1
    assert put_into(frame_of(features=here), raw(FULL))[0].similarity is None


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("past")
    wave().to_csv(folder / "wave.csv", index=False)
    url = f"sqlite:///{folder}/studies.db"
    config = config_of(folder / "wave.csv", storage=url, budget={"trials": 4})
    run(config, folder / "run")
    return folder / "run"


def without_place(study):
    return [(t.number, t.params, t.values, t.curve) for t in study.trials]


def test_a_run_reads_the_same_from_its_folder_its_results_and_its_storage(finished_run):
    (folder,) = read_studies(str(finished_run))
    (results,) = read_studies(str(finished_run / "optimization_results.json"))
    (storage,) = read_studies(f"sqlite:///{finished_run.parent}/studies.db#wave")
    assert without_place(folder) == without_place(results) == without_place(storage)
    assert dict(folder.work) == dict(results.work) == dict(storage.work)
    assert folder.own
    assert storage.own
    assert folder.features.seasonality > 0.9


def test_a_run_without_results_is_read_from_its_journal(tmp_path, csv):
    run(config_of(csv), tmp_path / "run")
    whole = read_studies(str(tmp_path / "run"))
    (tmp_path / "run" / "optimization_results.json").unlink()
    cut = read_studies(str(tmp_path / "run"))
    assert without_place(cut[0]) == without_place(whole[0])


def test_nothing_of_the_test_part_is_read(finished_run, tmp_path):
    clean = read_studies(str(finished_run))
    poisoned = tmp_path / "poisoned"
    shutil.copytree(finished_run, poisoned)
    path = poisoned / "optimization_results.json"
    document = json.loads(path.read_text())
    for scores in (document["chosen"]["test"], *document["baselines"].values()):
        for unit in ("scaled", "own"):
            scores[unit] = {name: {"mean": 1e9, "std": 1e9} for name in ("mse", "mae")}
    document["front"] = []
    path.write_text(json.dumps(document))
    assert without_place(read_studies(str(poisoned))[0]) == without_place(clean[0])


def test_every_study_of_a_storage_is_read_or_the_one_that_is_named(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    for name in ("first", "second"):
        study = optuna.create_study(study_name=name, storage=url)
        study.add_trial(
            optuna.trial.create_trial(
                params={"hidden_size": 64},
                distributions={"hidden_size": optuna.distributions.IntDistribution(1, 99)},
                value=0.1,
            )
        )
    assert [study.name for study in read_studies(url)] == [
        f"{n} ({url})" for n in ("first", "second")
    ]
    assert len(read_studies(f"{url}#second")) == 1
    with pytest.raises(LstmoptError, match=r"found no 'thrid'.*known are|did you mean"):
        read_studies(f"{url}#thrid")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere", "a finished run holds"),
        ("sqlite:////nowhere/s.db", "a database that is there, found none"),
        ("nonsense://x", "an Optuna storage that can be opened"),
    ],
)
def test_a_place_that_holds_no_study_is_one_sentence(place, words):
    with pytest.raises(LstmoptError, match=words):
        read_studies(place)


def test_auto_takes_the_runs_beside_that_fit_and_names_the_others(finished_run, tmp_path):
    for name in ("one", "two", "mine"):
        shutil.copytree(finished_run, tmp_path / name)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "optimization_results.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    studies, notices = read_past(["auto"], tmp_path / "mine", frame_of(space_of_run()))
    assert len(studies) == 2
    assert notices == [
        f"warm start auto: earlier runs taken are wave ({tmp_path}/one), wave ({tmp_path}/two); "
        "left out, since nothing of them fits: broken"
    ]


def space_of_run():
    return parse_space(
        {"hidden_size": [4, 8], "learning_rate": {"low": 1e-3, "high": 0.1, "log": True}}
    )


def test_a_named_run_of_which_nothing_fits_is_refused(finished_run):
    nothing = parse_space({"hidden_size": [999]})
    with pytest.raises(LstmoptError, match="with hidden_size outside"):
        read_past([str(finished_run)], finished_run.parent / "mine", frame_of(nothing))


def damaged(folder, name, content):
    folder.mkdir()
    (folder / name).write_text(content)
    return str(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("journal.log", ""),
        ("journal.log", "not json\n"),
        ("optimization_results.json", '{"schema": 1}'),
        ("optimization_results.json", '{"schema": 1, "study": 3, "trials": [], "objectives": []}'),
    ],
)
def test_a_damaged_run_is_one_sentence_and_auto_leaves_it_out(
    finished_run, tmp_path, name, content
):
    place = damaged(tmp_path / "junk", name, content)
    with pytest.raises(LstmoptError):
        read_past([place], tmp_path / "mine", frame_of(space_of_run()))
    shutil.copytree(finished_run, tmp_path / "whole")
    studies, (notice,) = read_past(["auto"], tmp_path / "mine", frame_of(space_of_run()))
    assert len(studies) == 1
    assert notice.endswith("left out, since nothing of them fits: junk")


def test_a_run_does_not_learn_from_itself(finished_run):
    url = f"sqlite:///{finished_run.parent}/studies.db"
    for place, itself in ((str(finished_run), ""), (url, f"wave ({url})")):
        with pytest.raises(LstmoptError, match=r"found itself|there is no other study"):
            read_past([place], finished_run, frame_of(space_of_run(), itself=itself))


def test_of_a_storage_what_does_not_fit_is_left_out_in_a_line(finished_run, tmp_path):
    shutil.copy(finished_run.parent / "studies.db", tmp_path)
    url = f"sqlite:///{tmp_path}/studies.db"
    optuna.create_study(study_name="empty", storage=url)
    studies, notices = read_past([url], tmp_path / "mine", frame_of(space_of_run()))
    assert [study.name for study in studies] == [f"wave ({url})"]
    assert notices == [f"left out: empty ({url}): no trial is finished"]


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(LstmoptError, match="found none at"):
        read_studies(f"sqlite:///{tmp_path}/nothere.db")
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_not_finite_is_counted():
    study = RawStudy(
        "earlier",
        (RawTrial(0, FULL, {"val_loss": float("inf"), "latency_ms": 1.0}),),
        directions={"val_loss": "minimize", "latency_ms": "minimize"},
    )
    found, notice = put_into(frame_of(), study)
    assert not found.trials
    assert notice == "earlier: of 1 trials 1 whose loss is not finite"


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        ({"lr": "learnig_rate"}, "did you mean 'learning_rate'"),
        ({"lr": "learning_rate", "rate": "learning_rate"}, "one name, found lr, rate"),
    ],
)
def test_a_wrong_new_name_is_one_sentence(finished_run, rename, words):
    with pytest.raises(LstmoptError, match=words):
        read_past([str(finished_run)], finished_run / "x", frame_of(rename=rename))


@pytest.mark.parametrize(("folds", "loss"), [(1, 0.2), (3, 0.4)])
def test_of_a_study_with_folds_the_mean_over_all_of_them_is_learnt(folds, loss):
    curve = tuple(Epoch(n, v, v, v, 1 - v, 1.0) for n, v in enumerate([0.5, 0.2, 0.4], 1))
    trial = RawTrial(0, FULL, {"val_loss": loss, "latency_ms": 9.0}, curve)
    work = {"task or split": [{"window": 24}, {"train": 0.7} | ({"folds": 3} if folds > 1 else {})]}
    earlier = replace(raw(work=work), trials=(trial,))
    study, _ = put_into(frame_of(), earlier)
    assert [past.losses for past in study.trials] == [(loss,)]
