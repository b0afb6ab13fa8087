"""A search whose plug-ins fail: a sentence that names them, and the same command goes on."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import optuna
import pytest

from lstmopt import Decision, LstmoptError
from lstmopt.objectives import make_goals
from lstmopt.pruning.pruners import NamedPromoter, NamedPruner
from lstmopt.search.sampler_storage import SamplerStorage
from support.drivers import (
    REGISTRY,
    Scripted,
    in_process,
    make_driver,
    make_plan,
    open_here,
    outcome,
)
from support.plugins import Uniform, fail, objective_of, strategy_of

TRAINED = in_process(Scripted(lambda candidate: [candidate["learning_rate"]] * 3))
MINE = "sampler 'mine' of mine.py"


def with_sampler(sampler, trials=4):
    """A plan whose sampler is one object, as a plug-in without ``resume`` has it."""
    strategy = strategy_of(lambda: sampler, resume=False)
    return dataclasses.replace(make_plan(trials), sampler=strategy)


def later(method, calls, then=fail):
    """Let a method answer a few times before it fails."""
    left = iter(range(calls))

    def call(*args, **kwargs):
        return then(*args, **kwargs) if next(left, None) is None else method(*args, **kwargs)

    return call


METHODS = ["before_trial", "infer_relative_search_space", "sample_relative", "sample_independent"]


@pytest.mark.parametrize("method", METHODS)
def test_a_sampler_that_raises_while_it_samples_is_named(tmp_path, method):
    plan = with_sampler(Uniform(**{method: fail}))
    with pytest.raises(LstmoptError, match=f"{MINE} raised KeyError") as error:
        make_driver(tmp_path, plan, TRAINED).search()
    assert isinstance(error.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [OSError("no file"), RuntimeError(), StopIteration("x")])
def test_whatever_a_sampler_raises_of_its_own_is_its_fault(tmp_path, error):
    def raise_it(*_):
        raise error

    plan = with_sampler(Uniform(sample_relative=raise_it))
    with pytest.raises(LstmoptError, match=f"{MINE} raised {type(error).__name__}"):
        make_driver(tmp_path, plan, TRAINED).search()


def test_what_was_finished_before_a_sampler_failed_is_kept_and_the_search_goes_on(tmp_path):
    whole = make_driver(tmp_path / "whole", make_plan(4), TRAINED).search()
    failing = REGISTRY.strategy("sampler", "random")
    calls = iter(range(100))

    def make(*, seed: int):
        sampler = failing.make(seed=seed)
        if next(calls) > 3:
            sampler.before_trial = fail
        return sampler

    broken = dataclasses.replace(make_plan(4), sampler=strategy_of(make))
    with pytest.raises(LstmoptError, match="raised KeyError"):
        make_driver(tmp_path / "cut", broken, TRAINED).search()
    kept = open_here(tmp_path / "cut").study.get_trials()
    assert {trial.state.name for trial in kept} == {"COMPLETE"}
    assert 0 < len(kept) < 4
    resumed = make_driver(tmp_path / "cut", make_plan(4), TRAINED).search()
    assert outcome(resumed) == outcome(whole)


@pytest.mark.parametrize("rate", [5.0, 1e-9])
def test_a_sampler_that_leaves_the_space_is_named_and_nothing_is_trained(tmp_path, rate):
    values = {"hidden_size": 4, "learning_rate": rate}
    sampler = Uniform(sample_independent=lambda study, trial, name, distribution: values[name])
    with pytest.raises(LstmoptError, match=rf"of its space, found .*learning_rate.* from {MINE}"):
        make_driver(tmp_path, with_sampler(sampler), TRAINED).search()
    assert not open_here(tmp_path).study.get_trials()


def test_a_sampler_that_notes_what_cannot_be_stored_is_named(tmp_path):
    def note(study, trial):
        study._storage.set_trial_system_attr(trial._trial_id, "note", object())

    with pytest.raises(LstmoptError, match=f"{MINE} raised TypeError"):
        make_driver(tmp_path, with_sampler(Uniform(before_trial=note)), TRAINED).search()
    assert len(make_driver(tmp_path, make_plan(4), TRAINED).search()) == 4


@pytest.mark.parametrize("method", ["size", "remaining"])
def test_a_finite_sampler_that_cannot_count_is_named(tmp_path, method):
    counts = {"size": lambda: 9, "remaining": lambda study: 9} | {method: fail}
    plan = with_sampler(Uniform(**counts))
    with pytest.raises(LstmoptError, match=f"{MINE} raised KeyError"), plan.sampler_errors:
        getattr(plan.make_sampler(0), method)()


def test_a_finite_sampler_that_cannot_count_ends_the_search_in_a_sentence(tmp_path):
    plan = with_sampler(Uniform(size=lambda: 9, remaining=fail))
    with pytest.raises(LstmoptError, match=f"{MINE} raised KeyError"):
        make_driver(tmp_path, plan, TRAINED).search()


def test_a_database_that_has_gone_is_not_the_samplers_fault(tmp_path, monkeypatch):
    def gone(*_, **__):
        raise optuna.exceptions.StorageInternalError("gone")

    monkeypatch.setattr(SamplerStorage, "get_all_trials", gone)
    sampler = Uniform(sample_relative=lambda study, *_: study.get_trials())
    with pytest.raises(optuna.exceptions.StorageInternalError):
        make_driver(tmp_path, with_sampler(sampler), TRAINED).search()


def test_a_journal_that_cannot_be_written_is_not_the_samplers_fault(tmp_path, monkeypatch):
    def note(study, trial):
        study._storage.set_study_system_attr(study._study_id, "generation", 1)

    driver = make_driver(tmp_path, with_sampler(Uniform(before_trial=note)), TRAINED)
    (tmp_path / "journal.log").unlink()
    (tmp_path / "journal.log").mkdir()
    with pytest.raises(OSError, match="journal"):
        driver.search()


def with_pruner(pruner, trials=6):
    kind = NamedPromoter if hasattr(pruner, "promote") else NamedPruner
    return dataclasses.replace(make_plan(trials), pruner=kind(pruner, "pruner 'mine' of mine.py"))


def test_a_pruner_that_raises_ends_the_search_and_the_same_command_goes_on(tmp_path):
    never = SimpleNamespace(decide=lambda trial, trials: Decision("go on"))
    whole = make_driver(tmp_path / "whole", with_pruner(never), TRAINED).search()
    failing = SimpleNamespace(decide=later(never.decide, 7))
    with pytest.raises(LstmoptError, match=r"pruner 'mine' of mine\.py raised KeyError"):
        make_driver(tmp_path / "cut", with_pruner(failing), TRAINED).search()
    assert len(open_here(tmp_path / "cut").study.get_trials()) == 3
    resumed = make_driver(tmp_path / "cut", with_pruner(never), TRAINED).search()
    assert outcome(resumed) == outcome(whole)


class Halts:
    """Pauses every trial at its first report, and promotes none."""

    def decide(self, trial, trials):
        return Decision("pause" if trial.report == 1 else "go on", "a rung")

    def next_rung(self, report):
        return report + 1

    def promote(self, paused, trials, closing):
        return None


@pytest.mark.parametrize(
    ("method", "answer", "rule"),
    [
        ("next_rung", 0, "a later report or None, found 0"),
        ("next_rung", "2", "a later report or None, found '2'"),
        ("promote", 99, "promotes one of the paused trials"),
        ("promote", [0], "promotes one of the paused trials"),
    ],
)
def test_a_promoter_that_answers_what_it_may_not_is_named(tmp_path, method, answer, rule):
    pruner = Halts()
    setattr(pruner, method, lambda *_: answer)
    with pytest.raises(LstmoptError, match=rf"{rule}.* from pruner 'mine'"):
        make_driver(tmp_path, with_pruner(pruner), TRAINED).search()


@pytest.mark.parametrize("method", ["decide", "next_rung", "promote"])
def test_a_promoter_that_raises_is_named(tmp_path, method):
    pruner = Halts()
    setattr(pruner, method, fail)
    with pytest.raises(LstmoptError, match=r"pruner 'mine' of mine\.py raised KeyError"):
        make_driver(tmp_path, with_pruner(pruner), TRAINED).search()


@pytest.mark.parametrize("seen", [{"a": object()}, {"a": [1j]}, "text", None, [1]])
def test_a_decision_that_saw_what_cannot_be_recorded_is_named(tmp_path, seen):
    pruner = SimpleNamespace(decide=lambda *_: Decision("go on", "", seen))
    with pytest.raises(LstmoptError, match=r"seen.* from pruner 'mine' of mine\.py"):
        make_driver(tmp_path, with_pruner(pruner), TRAINED).search()


def test_a_learned_objective_that_raises_later_is_named_and_finished_trials_are_kept(tmp_path):
    def goals(measure):
        learned = objective_of(measure, "learned")
        return make_goals([learned, REGISTRY.objective("latency_ms")])

    def loss(epoch):
        return epoch.val_loss

    whole = make_driver(tmp_path / "whole", make_plan(4, goals=goals(loss)), TRAINED).search()
    broken = goals(later(loss, 14))
    with pytest.raises(LstmoptError, match=r"objective 'mine' of mine\.py raised KeyError"):
        make_driver(tmp_path / "cut", make_plan(4, goals=broken), TRAINED).search()
    kept = open_here(tmp_path / "cut", goals(loss)).study.get_trials()
    assert any(trial.state.name == "COMPLETE" for trial in kept)
    resumed = make_driver(tmp_path / "cut", make_plan(4, goals=goals(loss)), TRAINED).search()
    assert outcome(resumed) == outcome(whole)


def test_a_learned_objective_that_is_not_finite_fails_its_trial_alone(tmp_path):
    learned = objective_of(lambda epoch: float("nan"), "learned")
    records = make_driver(tmp_path, make_plan(3, goals=make_goals([learned])), TRAINED).search()
    assert [record.reason for record in records] == ["objective mine was nan"] * 3


def test_an_observer_that_raises_ends_the_search_after_the_trial_was_closed(tmp_path):
    class Registry:
        def tell_finished(self, study, trial):
            raise LstmoptError("named by the registry")

    with pytest.raises(LstmoptError, match="named by the registry"):
        make_driver(tmp_path, make_plan(3), TRAINED, registry=Registry()).search()
    assert [t.state.name for t in open_here(tmp_path).study.get_trials()] == ["COMPLETE"]
    assert len(make_driver(tmp_path, make_plan(3), TRAINED).search()) == 3
