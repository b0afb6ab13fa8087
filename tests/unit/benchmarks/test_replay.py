from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lstmopt_benchmarks.contenders import BASELINE, PLAIN, Contender, Named, contenders
from lstmopt_benchmarks.measures import FRONTS, course
from lstmopt_benchmarks.replay import ReplayTask, advance

from lstmopt.errors import LstmoptError
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import Candidate
from support import ROOT
from support.tables import make_families, make_recorded

REGISTRY = load_registry()


def contender(sampler="random", pruner="none", warm_start="none") -> Contender:
    found = contenders([sampler], [pruner], [warm_start])
    return found[-1] if len(found) > 3 else found[0]


@pytest.fixture(scope="module")
def task() -> ReplayTask:
    return ReplayTask(make_recorded(), rows=False)


@pytest.fixture(scope="module")
def rows() -> ReplayTask:
    return ReplayTask(make_recorded(failing=3), rows=True)


def test_a_row_is_replayed_as_it_was_recorded_in_any_segments(rows):
    candidate = Candidate({"row": 5}, 0)
    whole = advance(rows, candidate, None, 99)
    first = advance(rows, candidate, None, 4)
    rest = advance(rows, candidate, first.checkpoint, 5)
    assert [e.val_loss for e in whole.epochs] == rows.table.losses[5].tolist()
    assert [e.val_loss for e in (*first.epochs, *rest.epochs)] == rows.table.losses[5].tolist()
    assert (first.finished, rest.finished, whole.finished) == (False, True, True)


def test_a_row_that_failed_fails_where_it_failed(rows):
    progress = advance(rows, Candidate({"row": 0}, 0), None, 99)
    assert len(progress.epochs) == 5  # the first epoch that was not finite
    assert "no longer finite in epoch 5" in progress.failure
    assert rows.full_values({"row": 0}) is None


def test_what_is_solved_ends_after_its_only_epoch():
    table = make_families("mine", 24)
    task, rows = ReplayTask(table), ReplayTask(table, rows=True)
    for replayed, linear, trained in (
        (task, table.params[0], table.params[-1]),
        (rows, {"row": 0}, {"row": 39}),
    ):
        ends = [advance(replayed, Candidate(p, 0), None, 99) for p in (linear, trained)]
        assert [len(end.epochs) for end in ends] == [1, 4]
        assert all(end.finished and not end.failure for end in ends)


def test_what_no_row_has_costs_what_those_like_it_do():
    table = make_families("mine", 24)
    wide = [
        n for n, p in enumerate(table.params) if (p.get("hidden_size"), p["window"]) == (64, 96)
    ]
    few = [n for n in range(table.rows) if n not in wide]
    kept = dataclasses.replace(
        table,
        losses=table.losses[few],
        seconds=table.seconds[few],
        static={"latency_ms": table.static["latency_ms"][few]},
        params=tuple(table.params[n] for n in few),
    )
    for n in wide:
        latency = ReplayTask(kept).static(table.params[n])["latency_ms"]
        assert latency == pytest.approx(table.static["latency_ms"][n], rel=0.25)


def test_families_that_are_solved_are_tried_once_as_in_a_study():
    task = ReplayTask(make_families("mine", 24))
    study = task.search(contender("tpe"), 0, 60, None, REGISTRY)
    linear = [t.params["window"] for t in study.trials if t.params["network"] == "linear"]
    assert linear == [48, 96, 168]
    assert len(study.trials) > 10


@pytest.mark.parametrize("pruner", ["none", "median", "percentile"])
@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_every_strategy_spends_the_same_epochs(task, sampler, pruner):
    study = task.search(contender(sampler, pruner), 0, 100, None, REGISTRY)
    assert study.event.epochs == 100
    assert sum(len(trial.losses) for trial in study.trials) == study.event.epochs
    assert study.trials[-1].at_epochs == study.event.epochs
    assert study.event.seconds == pytest.approx(0.5 * study.event.epochs, rel=0.01)


def test_a_grid_ends_when_all_of_it_was_tried(task):
    study = task.search(contender("grid"), 0, 999, None, REGISTRY)
    candidates = {tuple(trial.params.items()) for trial in study.trials}
    assert len(study.trials) == len(candidates) == 3 * 3  # three points of a continuous range


def test_halving_pauses_at_rungs_and_promotes_within_the_budget(task):
    study = task.search(contender(pruner="halving"), 0, 200, None, REGISTRY)
    assert sum(len(trial.losses) for trial in study.trials) == study.event.epochs == 200
    ends = {len(t.losses) for t in study.trials if t.state == "pruned" and t.by_pruner}
    assert ends <= {1, 3}  # of rungs 1, 3, 9; the last is the end
    assert {"complete", "pruned"} == {t.state for t in study.trials}
    started = [t.number for t in study.trials if t.state == "complete"]
    assert started != sorted(started)  # some that waited were promoted after younger ones


CLASSES = {
    "random": "RandomSampler",
    "tpe": "TPESampler",
    "nsga2": "NSGAIISampler",
    "grid": "GridSampler",
    "none": "NeverStop",
    "median": "PercentileRule",
    "percentile": "PercentileRule",
    "halving": "Halving",
    "plausible": "Plausible",
}


@pytest.mark.parametrize("pruner", ["none", "median", "percentile", "halving", "plausible"])
@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "grid"])
def test_each_name_reaches_its_own_sampler_and_pruner(task, sampler, pruner):
    event = task.search(contender(sampler, pruner), 0, 20, None, REGISTRY).event
    assert event.sampler.endswith(CLASSES[sampler])
    assert event.pruner.endswith(CLASSES[pruner])
    assert event.strategy == f"{sampler}+{pruner}"


def test_options_reach_the_strategy_and_make_another_of_it(task):
    strict = task.search(contender(pruner="percentile:percentile=1"), 0, 300, None, REGISTRY)
    mild = task.search(contender(pruner="percentile:percentile=99"), 0, 300, None, REGISTRY)
    assert sum(t.by_pruner for t in strict.trials) > sum(t.by_pruner for t in mild.trials)


def test_a_strategy_that_is_not_there_is_refused_before_a_surrogate_is_fitted():
    task = ReplayTask(make_recorded(), rows=False)
    with pytest.raises(LstmoptError, match="'tpee'"):
        task.check([PLAIN, contender("tpee")], REGISTRY)
    assert "rank_correlation" not in vars(task)


def test_an_option_the_strategy_lacks_is_refused_before_anything_runs(task):
    with pytest.raises(LstmoptError, match="takes its own options only, found 'percentil'"):
        task.check([contender(pruner="percentile:percentil=1")], REGISTRY)


def test_the_same_seed_proposes_the_same_candidates_to_every_pruner(task):
    drawn = [
        [t.params for t in task.search(contender(pruner=p), 3, 999, 30, REGISTRY).trials]
        for p in ("none", "median")
    ]
    assert len(drawn[0]) == 30
    assert drawn[0] == drawn[1]


def test_the_second_name_of_an_a_a_pair_draws_other_seeds():
    plain, _, again = contenders([], [], [])
    assert (plain.sampler, plain.pruner) == (again.sampler, again.pruner)
    assert plain.study_seed(4) != again.study_seed(4)


def test_only_finished_trials_have_values_but_a_replay_knows_how_all_end(task):
    study = task.search(contender(pruner="median"), 0, 300, None, REGISTRY)
    assert {t.state for t in study.trials} == {"complete", "pruned"}
    for trial in study.trials:
        assert (trial.values is not None) == (trial.state == "complete")
        if trial.values:
            assert trial.values == pytest.approx(trial.full_values)


@pytest.mark.parametrize("pruner", ["none", "median", "auto"])
@given(seed=st.integers(0, 2**16), budget=st.integers(1, 120))
@settings(max_examples=8)
def test_a_replay_notes_each_best_loss_when_its_report_comes(rows, pruner, seed, budget):
    study = rows.search(contender(pruner=pruner), seed, budget, None, REGISTRY)
    for trial in study.trials:
        lowest = [loss for loss in trial.losses if loss is not None]
        lowest = np.unique(np.minimum.accumulate(lowest))[::-1] if lowest else []
        found = trial.improvements
        if trial.state == "failed":
            assert found == ()
            continue
        assert [point.values[0] for point in found] == pytest.approx(lowest, rel=1e-5)
        assert len({point.values[1:] for point in found}) <= 1  # static objectives stay
        at = [point.at_epochs for point in found]
        assert at == sorted(set(at))
        assert all(1 <= epochs <= trial.at_epochs for epochs in at)
        if trial.values and trial.losses:
            assert found[-1].values == trial.values


@pytest.mark.parametrize("pruner", ["none", "auto"])
def test_everything_trained_is_worth_no_less_than_what_finished(rows, pruner):
    scale = rows.freeze(1, REGISTRY)
    study = rows.search(contender(pruner=pruner), 1, 150, None, REGISTRY)
    shares = np.linspace(0, 1, 151)
    trained, finished = (course(study, scale, front).at(shares) for front in FRONTS)
    assert (trained >= finished - 1e-12).all()
    assert (trained > finished).any()


def test_without_pruning_both_fronts_end_the_same_where_every_trial_ends(rows):
    scale = rows.freeze(1, REGISTRY)
    study = rows.search(contender(), 2, 999, 12, REGISTRY)
    assert {trial.state for trial in study.trials} <= {"complete", "failed"}
    trained, finished = (course(study, scale, front) for front in FRONTS)
    assert trained.hypervolumes[-1] == finished.hypervolumes[-1] > 0


def test_a_table_whose_surrogate_is_poor_is_refused(task):
    table = make_recorded()
    noise = np.random.default_rng(0).uniform(1, 2, table.losses.shape)
    poor = ReplayTask(dataclasses.replace(table, losses=noise), rows=False)
    with pytest.raises(LstmoptError, match=r"rank correlation is at least 0\.8, found"):
        poor.check([contender("tpe")], REGISTRY)
    ReplayTask(dataclasses.replace(table, losses=noise), rows=True).check([PLAIN], REGISTRY)


def test_a_warm_start_begins_with_the_front_of_a_related_table(task):
    other = ReplayTask(dataclasses.replace(make_recorded(seed=1), name="other"), rows=False)
    here = ReplayTask(make_recorded(), rows=False)
    here.related = (other,)
    warm = here.search(contender("random", "none", "best"), 0, 200, None, REGISTRY)
    cold = here.search(contender("random", "none"), 0, 200, None, REGISTRY)
    first = warm.trials[0].params
    assert first in [trial.params for trial in other.finished_study("all", 50).trials]
    assert first != cold.trials[0].params


def test_the_past_is_of_the_same_series_of_others_or_spoilt_on_purpose():
    tables = [
        dataclasses.replace(make_recorded(seed=n), name=name, source=f"made, {series}")
        for n, (name, series) in enumerate((("a", "x"), ("b", "x"), ("c", "y")))
    ]
    tasks = [ReplayTask(table, past_trials=0) for table in tables]
    here, sibling, stranger = tasks
    here.related = (sibling, stranger)

    def names(past):
        here.past = past
        return [study.name for study in here._past()]

    assert names("all") == ["b", "c"]
    assert names("series") == ["b"]
    assert names("others") == names("shuffled") == names("reversed") == ["c"]
    true, shuffled, wrong = (
        [t.losses[0] for t in stranger.finished_study(past, 0).trials]
        for past in ("others", "shuffled", "reversed")
    )
    assert true == stranger.table.best_losses.tolist()
    assert sorted(shuffled) == sorted(true) != shuffled
    assert np.argsort(wrong).tolist() == np.argsort(true)[::-1].tolist()


def test_a_study_that_a_warm_start_learns_from_is_one_that_tpe_did(task):
    study = task.finished_study("all", 20)
    assert len(study.trials) == 20
    assert len({str(t.params) for t in study.trials}) == 20
    assert all(task.full_values(t.params) == t.values for t in study.trials)


def test_a_portfolio_is_written_from_tables_of_one_space_and_others_are_refused(tmp_path):
    from lstmopt_benchmarks.portfolio import write_portfolio
    from lstmopt_benchmarks.tables import write_table

    for n in range(2):
        write_table(make_recorded(seed=n), tmp_path / f"{n}.npz")
    sources = [str(tmp_path / f"{n}.npz") for n in range(2)]
    content = write_portfolio(sources, 3, tmp_path / "p.json")
    assert json.loads((tmp_path / "p.json").read_text()) == content
    assert 1 <= len(content["candidates"]) <= 3
    space = make_recorded().space
    assert all(space.rejects(params) is None for params in content["candidates"])
    ranks = [entry["rank"] for entry in content["observations"]]
    assert ranks == sorted(ranks)
    with pytest.raises(LstmoptError, match="tables of one space"):
        write_portfolio([sources[0], "nyc_taxi"], 3, tmp_path / "q.json")


def test_the_shipped_portfolio_is_that_of_the_shipped_tables():
    from lstmopt_benchmarks.tables import read_tables

    content = json.loads((ROOT / "plugins" / "shipped.json").read_text())
    for name, about in content["tables"].items():
        (table,) = read_tables(name)
        assert (table.fingerprint, table.rows) == (about["fingerprint"], about["rows"])
        assert all(table.space.rejects(params) is None for params in content["candidates"])


def test_a_warm_start_without_an_earlier_study_is_refused(task):
    with pytest.raises(LstmoptError, match="found 0 of which it takes nothing"):
        task.check([contender("random", "none", "best")], REGISTRY)


def test_the_classic_median_reaches_its_plugin_and_ignores_static_objectives():
    registry = load_registry((ROOT / "benchmarks" / "peers" / "classic_median.py",))
    task = ReplayTask(make_recorded(200), rows=True)
    blind = task.search(contender(pruner="classic_median"), 0, 999, 60, registry)
    peers = task.search(contender(pruner="median"), 0, 999, 60, registry)
    stopped = [sum(t.by_pruner for t in study.trials) for study in (blind, peers)]
    assert stopped[0] > stopped[1] > 0


def test_a_strategy_is_written_with_its_options():
    named = Named.parse("percentile:percentile=40,n_startup_trials=3")
    assert named.options == {"percentile": "40", "n_startup_trials": "3"}
    assert str(named) == "percentile:percentile=40,n_startup_trials=3"
    with pytest.raises(LstmoptError, match="options are KEY=VALUE"):
        Named.parse("percentile:percentile=4,40")


def test_random_search_without_pruning_is_in_every_table_once():
    names = [c.name for c in contenders(["random", "tpe"], ["none"], ["none"])]
    assert names.count(BASELINE) == 1
    assert names == [BASELINE, f"{BASELINE}, twice the budget", f"{BASELINE}, A/A", "tpe+none"]
