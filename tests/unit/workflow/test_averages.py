"""Means of refits and baselines are points: built on validation, chosen, deployed, gone on with."""

from __future__ import annotations

import io
import json
import math
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

from lstmopt import Forecaster, load, read_config, run, update
from lstmopt.cli.main import cli
from lstmopt.config.study_file import replace as with_options
from lstmopt.data.layout import Spans
from lstmopt.data.split import make_part as make_series_part
from lstmopt.forecasting.baselines import fit_baselines
from lstmopt.forecasting.members import BaselineMember, Mean, NetworkMember
from lstmopt.forecasting.saved_baselines import refit_baseline
from lstmopt.networks.weights import read_checkpoint
from lstmopt.objectives import Goals, Limits
from lstmopt.plugin.registry import load_registry
from lstmopt.plugin.strategy import Objective
from lstmopt.report.narrative import words_of
from lstmopt.report.terminal import print_result
from lstmopt.search.observer import Observer
from lstmopt.search_space import Candidate
from lstmopt.seeds import derive_seed
from lstmopt.storage.trial_record import TrialRecord
from lstmopt.system.deadline import Deadline
from lstmopt.training.metrics import score
from lstmopt.training.trainer import Workload, advance
from lstmopt.workflow.averages import Averaging
from lstmopt.workflow.deployed_model import refit_deployed
from lstmopt.workflow.finalists import choose
from lstmopt.workflow.job import prepare
from lstmopt.workflow.pruning_audit import audit_run
from lstmopt.workflow.refits import Finalist, Refit
from lstmopt.workflow.run_study import refit_trial
from support.parts import SMALL, make_part, make_workload, wave
from support.studies import config_of

ROWS = wave(600)
"""The first 400 are the run's."""
AVERAGED = {
    "training": {"epochs": 30, "patience": 30, "targets_per_window": 4},
    "objectives": ["val_loss"],
    "baselines": ["repeat", "ridge:most_windows=40"],
    "finalists": {"seeds": 2, "refit": "train", "averages": True, "pick": "best"},
}
REGISTRY = load_registry()
LOSS = Objective("val_loss", "minimize", "learned", lambda epoch: epoch.val_loss)
LATENCY = Objective("latency_ms", "minimize", "static", lambda c: c.latency_ms, scale="log")


class Heard(Observer):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("averages")
    ROWS[:400].to_csv(folder / "wave.csv", index=False)
    run(config_of(folder / "wave.csv", **AVERAGED), folder / "run")
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


def member_forecasts(model: Forecaster, table) -> list[np.ndarray]:
    """What each member alone would forecast."""
    alone = [replace(model, mean=Mean.of(member)) for member in model.mean.members]
    return [each.predict(table)["load"].to_numpy() for each in alone]


def mse(forecasts, part) -> float:
    return score(forecasts, *part.gather_targets(part.origins())).mse


def test_an_average_of_a_network_and_a_baseline_is_chosen_and_forecasts_their_mean(finished):
    model, table = Forecaster.load(finished / "run"), finished / "wave.csv"
    assert {type(member) for member in model.mean.members} == {NetworkMember, BaselineMember}
    expected = np.average(member_forecasts(model, table), axis=0, weights=model.mean.counts)
    np.testing.assert_allclose(model.predict(table)["load"], expected, rtol=1e-6)
    back = model.look_back(model.read(table), 3)
    first = ROWS[:400][ROWS["time"][:400] <= back["origin"].iloc[0]]
    np.testing.assert_allclose(back["load"][:2], model.predict(first)["load"], rtol=1e-5)


def test_the_record_says_what_an_average_is_of_and_what_it_came_to(finished):
    results, model = load(finished / "run").results, Forecaster.load(finished / "run")
    chosen = results.chosen
    average = next(entry for entry in results.averages if entry.number == chosen.average)
    assert (chosen.trial, chosen.params) == (None, {})
    assert chosen.members == average.members
    assert [member.count for member in average.members] == list(model.mean.counts)
    assert sum(member.count for member in average.members) <= 8
    assert average.parameters == model.mean.parameters
    split = prepare(read_config(finished / "run" / "study.toml"), finished / "run").split
    validation = mse(model.mean(split.validation), split.validation)
    assert chosen.validation["val_loss"] == pytest.approx(validation, rel=1e-6)
    test = split.open_test()
    tested = mse(model.mean(test), test)
    assert chosen.test.scaled.mse.mean == pytest.approx(tested, rel=1e-6)
    assert average.test_mse == pytest.approx(tested, rel=1e-6)
    assert chosen.latency_ms == average.latency_ms > 0


def test_the_choice_is_the_best_on_validation_and_hindsight_is_said(finished):
    results = load(finished / "run").results
    points = {entry.label: entry.validation["val_loss"] for entry in results.averages}
    assert results.chosen.label == min(points, key=points.__getitem__)
    assert results.chosen.validation["val_loss"] <= min(
        entry.validation["val_loss"].mean for entry in results.finalists
    )
    tested = {entry.label: entry.test_mse for entry in results.averages}
    tested |= {f"trial {entry.trial}": entry.test_mse for entry in results.finalists}
    found = results.hindsight
    assert found.points == len(tested)
    assert (found.best, found.best_mse) == min(tested.items(), key=lambda item: item[1])
    assert found.selected_mse == tested[found.selected]
    assert found.cost == pytest.approx(found.selected_mse / found.best_mse - 1)


def test_the_csv_of_the_front_lists_them_after_the_trials(finished):
    results = load(finished / "run").results
    table = pd.read_csv(finished / "run" / "front.csv")
    assert table["trial"].dropna().tolist() == list(results.front)
    averages = table[table["trial"].isna()].set_index("average")
    assert averages["members"].to_dict() == {e.number: e.words for e in results.averages}
    losses = {entry.number: entry.values["val_loss"] for entry in results.averages}
    assert averages["val_loss"].to_dict() == losses
    # of one objective the front is its best point
    assert table.index[table["on_front"]].tolist() == [table["val_loss"].idxmin()]


def test_every_average_is_there_once(finished):
    results = load(finished / "run").results
    kinds = {entry.made for entry in results.averages}
    assert {"refits", "networks and baselines"} <= kinds
    multisets = [
        tuple(sorted((m.baseline, m.trial or 0, m.refit, m.count) for m in entry.members))
        for entry in results.averages
    ]
    assert max(Counter(multisets).values()) == 1
    assert all(len(entry.members) > 1 for entry in results.averages)


def test_on_all_rows_every_member_is_trained_anew(folder):
    tested = Forecaster.load(folder)
    config = read_config(folder / "study.toml")
    entry = refit_deployed(config, folder).all_rows
    deployed, job = Forecaster.load(folder), prepare(config, folder)
    part, _ = job.split.all_rows()
    assert entry.rows == 400
    assert deployed.mean.counts == tested.mean.counts
    training = with_options(job.config.training, patience=99)
    workload = Workload(part, replace(part, rows=(300, 400)), training, "cpu")
    for before, after in zip(tested.mean.members, deployed.mean.members, strict=True):
        if isinstance(before, NetworkMember):
            candidate = Candidate(dict(before.training.params), before.training.seed)
            trained = advance(workload, candidate, None, before.training.reports).checkpoint
            weights = read_checkpoint(trained)["model"]
            assert all(torch.equal(after.weights[name], weights[name]) for name in weights)
        else:
            state = refit_baseline(REGISTRY, before.text, before.state, part)
            np.testing.assert_array_equal(after.state.arrays["weights"], state.arrays["weights"])


def test_new_rows_make_its_members_go_on(folder):
    kept = Forecaster.load(folder)
    made = update(folder, ROWS[400:500])
    model = Forecaster.load(folder)
    assert made.adopted
    assert made.after < made.before
    assert model.mean.counts == kept.mean.counts
    changed = [
        not all(torch.equal(one.tensors()[name], other.tensors()[name]) for name in one.tensors())
        for one, other in zip(kept.mean.members, model.mean.members, strict=True)
    ]
    assert any(changed)
    assert load(folder).results.updates == model.history.updates == (made,)
    expected = np.average(member_forecasts(model, ROWS[:500]), axis=0, weights=model.mean.counts)
    np.testing.assert_allclose(model.predict(ROWS[:500])["load"], expected, rtol=1e-6)


@pytest.mark.parametrize("turned", [False, True])
def test_a_baseline_is_fitted_again_where_that_is_better_on_the_newest_rows(folder, turned):
    kept, table = Forecaster.load(folder), ROWS[:500].copy()
    if turned:
        table.loc[400:474, "load"] = 20 - table.loc[400:474, "load"]  # and back again
    update(folder, table)
    series = kept.read(table)
    newest = make_series_part(series, kept.scaling, kept.shape, Spans.one((475, 500)))
    for one, other in zip(kept.mean.members, Forecaster.load(folder).mean.members, strict=True):
        if isinstance(one, BaselineMember):
            tried = one.refitted(newest.earlier((0, 475)))
            better = mse(tried(newest), newest) < mse(one(newest), newest)
            expected = one.refitted(replace(newest, rows=(0, 500))) if better else one
            weights = expected.state.arrays["weights"]
            np.testing.assert_array_equal(other.state.arrays["weights"], weights)


def test_a_run_that_deploys_an_average_is_audited_and_fitted(folder):
    config, results = read_config(folder / "study.toml"), load(folder).results
    audit = audit_run(config, folder, 1)
    assert audit.sampled == 1
    assert [member.trial for member in audit.deployed] == sorted(results.chosen.trials)
    again = refit_trial(config, folder, None)
    assert again.chosen.average is not None
    named = refit_trial(config, folder, results.finalists[0].trial)
    assert named.averages == ()
    assert named.chosen.trial == results.finalists[0].trial
    assert Forecaster.load(folder).member.training.seed > 0


def test_it_is_shown_everywhere(folder):
    loaded = load(folder)
    chosen = loaded.results.chosen
    console = Console(file=io.StringIO(), width=250)
    print_result(loaded.results, console, "run")
    shown = console.file.getvalue()
    assert f"{chosen.label} *" in shown
    assert "the average as it is deployed" in shown
    assert "In hindsight: of the" in shown
    words = words_of(loaded)
    assert f"and {len(loaded.results.averages)} averages of them" in words["why"]
    assert words["network"].startswith("It is the mean of ")
    page = loaded.write_report().read_text()
    assert f"{chosen.label} (chosen)" in page
    assert any(trace.meta == "averages" for trace in loaded.figures.front().data)
    assert chosen.label in loaded.forecasts.columns
    drawn = [trace.name for trace in loaded.figures.forecasts().data if "% of" not in trace.name]
    assert drawn[:2] == ["truth", chosen.label]
    said = CliRunner().invoke(cli, ["pareto", str(folder), "--json"])
    assert len(json.loads(said.stdout)["averages"]) == len(loaded.results.averages)
    assert chosen.label in CliRunner().invoke(cli, ["pareto", str(folder)]).stdout


def test_with_several_folds_it_is_said_that_none_is_built(finished, tmp_path):
    heard = Heard()
    config = config_of(
        finished / "wave.csv", **AVERAGED, split={"folds": 2, "train": 0.6}, budget={"trials": 2}
    )
    document = run(config, tmp_path / "run", observer=heard)
    assert document["averages"] == []
    assert any("averages are built on one validation part" in text for text in heard.notices)


WORKLOAD = make_workload()


def refit_of(seed: int, epochs: int = 2) -> Refit:
    candidate = Candidate({**SMALL, "num_layers": 1}, seed)
    progress = advance(WORKLOAD, candidate, None, epochs)
    return Refit.of(candidate, progress.checkpoint, progress.epochs)


def finalist_of(number: int, seeds: int) -> Finalist:
    refits = tuple(refit_of(derive_seed(0, number, n)) for n in range(seeds))
    values = {"val_loss": float(np.mean([r.validation_loss for r in refits])), "latency_ms": 0.01}
    trial = TrialRecord(number, "complete", SMALL, values, refits[0].curve, 2, 0.1, "", False)
    return Finalist(trial, refits, values, dict.fromkeys(values, 0.0), seeds)


@pytest.fixture(scope="module")
def baselines():
    validation = WORKLOAD.validation.part
    return fit_baselines(REGISTRY, ["repeat", "ridge"], make_part(0, 160), validation, (12,))


@pytest.fixture(scope="module")
def finalists():
    return [finalist_of(0, 3), finalist_of(1, 2)]


def averaging(objectives=(LOSS, LATENCY), limits: Limits | None = None, **changes) -> Averaging:
    part = WORKLOAD.validation.part
    goals = Goals(tuple(objectives))
    return Averaging(goals, limits or Limits(), part, None, REGISTRY, **changes)


def test_each_finalists_refits_are_averaged(finalists, baselines):
    found = averaging().build(finalists, baselines)
    by_trial = {average.members[0].trial: average for average in found if average.made == "refits"}
    assert set(by_trial) == {0, 1}
    part = WORKLOAD.validation.part
    for finalist in finalists:
        average = by_trial[finalist.trial.number]
        forecasts = [refit.member(part).astype(np.float64) for refit in finalist.refits]
        expected = mse(np.mean(forecasts, axis=0), part)
        assert average.values["val_loss"] == pytest.approx(expected, rel=1e-6)
        assert average.mse < np.mean([refit.validation_loss for refit in finalist.refits])


def test_networks_of_the_search_are_in_means_of_networks_and_not_of_refits(finalists):
    searched = [
        replace(finalist_of(number, 1), refits=(refit_of(number, epochs=8),), seeds=0)
        for number in (0, 2, 3)
    ]
    found = averaging().build([*finalists, *searched], ())
    for average in found:
        numbers = [member.number for member in average.members]
        assert average.made == "networks" or 0 not in numbers
    assert any(m.trial == 2 and m.number == 0 for average in found for m in average.members)


def test_a_greedy_average_is_better_than_every_member(finalists, baselines):
    found = averaging().build(finalists, baselines)
    singles = [refit.validation_loss for finalist in finalists for refit in finalist.refits]
    singles += [baseline.validation.mse for baseline in baselines]
    greedy = [average.mse for average in found if average.made == "networks and baselines"]
    assert all(loss < min(singles) for loss in greedy)


def test_so_many_members_at_most(finalists, baselines):
    for most in (2, 8):
        for average in averaging(most=most).build(finalists, baselines):
            assert 2 <= len(average.members) <= sum(average.counts) <= most


def test_limits_hold_for_averages(finalists, baselines):
    everything = averaging().build(finalists, baselines)
    smallest = min(average.cost.parameters for average in everything)
    within = averaging(limits=Limits(max_parameters=smallest)).build(finalists, baselines)
    assert within
    assert all(average.cost.parameters == smallest for average in within)
    assert averaging(limits=Limits(max_latency_ms=1e-9)).build(finalists, baselines) == []


def test_what_an_objective_cannot_measure_is_left_out_and_said(finalists, baselines):
    heard: list[str] = []
    size = Objective("size", "minimize", "static", lambda cost: cost.hidden_size)
    assert averaging((LOSS, size), notice=heard.append).build(finalists, baselines) == []
    assert "as an objective cannot measure it" in heard[0]
    seconds = Objective("seconds", "minimize", "learned", lambda epoch: epoch.seconds)
    heard.clear()
    assert averaging((LOSS, seconds), notice=heard.append).build(finalists, baselines) == []
    assert "it has no seconds" in heard[0]


def test_without_time_none_is_built_and_it_is_said(finalists, baselines):
    heard: list[str] = []
    late = averaging(deadline=Deadline(0.0), notice=heard.append)
    assert late.build(finalists, baselines) == []
    assert heard == ["no time was left to build averages: give a longer --timeout"]


def test_what_cannot_be_saved_is_in_no_average(finalists, baselines):
    unsaved = [replace(baseline, state=None) for baseline in baselines]
    foreign = [replace(baseline, text="of_a_file") for baseline in baselines]
    for pool in (unsaved, foreign, []):
        for average in averaging().build(finalists, pool):
            assert all(member.refit for member in average.members)


def test_the_knee_is_that_of_the_points_which_nothing_is_better_than(finalists):
    goals = Goals((LOSS, LATENCY))
    near, far = (
        replace(finalists[0], values={"val_loss": loss, "latency_ms": ms})
        for loss, ms in ((1.0, 1.0), (0.5, 2.0))
    )
    knee = replace(finalists[0], values={"val_loss": 0.6, "latency_ms": 1.2})
    worse = replace(finalists[0], values={"val_loss": 50.0, "latency_ms": 1.0})
    assert choose([near, far, knee], goals, "knee") is knee
    assert choose([near, far, knee, worse], goals, "knee") is knee


def test_a_mean_without_a_number_is_no_point(finalists, baselines):
    nan = Objective("nothing", "minimize", "learned", lambda epoch: math.nan)
    assert averaging((LOSS, nan)).build(finalists, baselines) == []
