from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.config.study_file import make_config, replace
from lstmopt.errors import LstmoptError
from lstmopt.objectives import make_goals
from lstmopt.pareto import front_mask
from lstmopt.plugin.registry import load_registry
from lstmopt.results.document import Audit
from lstmopt.search.observer import Observer
from lstmopt.workflow.job import prepare
from lstmopt.workflow.pruning_audit import audit_run, gain, interval, replay
from lstmopt.workflow.run_study import open_stored, run
from support.parts import wave

STUDY = {
    "name": "audited",
    "workers": 1,
    "data": {"target": "load"},
    "task": {"window": 6},
    "space": {
        "hidden_size": [4, 8],
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    },
    "sampler": {"name": "random"},
    "pruner": {"name": "halving"},
    "training": {"epochs": 9},
    "budget": {"trials": 12},
    "finalists": {"seeds": 1},
}


def make_run(tmp_path_factory, **changes):
    folder = tmp_path_factory.mktemp("run")
    wave().to_csv(folder / "wave.csv", index=False)
    data = {"data": {"target": "load", "path": str(folder / "wave.csv")}}
    config = make_config(STUDY | data | changes)
    return config, folder, run(config, folder)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    config, folder, document = make_run(tmp_path_factory)
    return config, folder, document, audit_run(config, folder, sample=99)


def test_every_stopped_trial_is_trained_to_its_end_and_repeats_its_record(audited):
    _, folder, document, audit = audited
    stopped = [t["number"] for t in document["trials"] if t["by_pruner"]]
    assert [entry.trial for entry in audit.trials] == stopped
    assert stopped
    assert all(entry.repeated for entry in audit.trials)
    assert all(entry.reports > entry.stopped_at for entry in audit.trials)
    assert msgspec.json.decode((folder / "audit.json").read_bytes(), type=Audit) == audit


def test_the_folder_of_an_audit_may_be_text(audited):
    config, folder, _, audit = audited
    assert audit_run(config, str(folder), sample=99) == audit


def test_who_is_lost_is_found_by_brute_force(audited):
    _, _, document, audit = audited
    names = ("val_loss", "latency_ms")
    reached = [[t["values"][name] for name in names] for t in document["trials"]]
    ends = {entry.trial: [entry.values[name] for name in names] for entry in audit.trials}
    front = front_mask([*reached, *ends.values()])[len(reached) :]
    come = {number for number, kept in zip(ends, front, strict=True) if kept}
    assert set(audit.lost) == come - set(document["front"])
    states = {t["number"]: t["state"] for t in document["trials"]}
    assert [member.trial for member in audit.front] == document["front"]
    for member in audit.front:
        assert member.trained_to_end == (states[member.trial] == "complete")
    assert audit.false_prune_rate == len(audit.lost) / len(audit.trials)
    assert audit.interval == (audit.false_prune_rate,) * 2  # all of them were sampled


@pytest.mark.parametrize(
    "pruner",
    [
        {"name": "halving"},
        {"name": "median", "n_startup_trials": 1, "n_warmup_steps": 0},
        {"name": "plausible", "n_startup_trials": 2},
        {"name": "plausible_halving"},
        {"name": "patient", "wraps": "halving", "patience": 1},
        {"name": "floor", "wraps": "halving", "grace": 8},
    ],
    ids=lambda pruner: pruner["name"],
)
def test_every_decision_is_made_again_from_the_record(tmp_path_factory, pruner):
    config, folder, document = make_run(tmp_path_factory, pruner=pruner)
    job = prepare(config, folder)
    trials = open_stored(job).study.get_trials()
    replayed = list(replay(trials, job))
    recorded = sum(len(t["decisions"]) for t in document["trials"])
    promotions = sum(len(t.user_attrs.get("promotions", ())) for t in trials)
    assert len(replayed) == recorded + promotions > 0
    assert [r.where for r in replayed if not r.same] == []


def test_decisions_over_folds_are_made_again_and_stopped_trials_see_all_folds(tmp_path_factory):
    config, folder, document = make_run(
        tmp_path_factory,
        pruner={"name": "plausible_halving"},
        split={"folds": 3},
        training={"epochs": 2},
        budget={"trials": 8},
        baselines=["repeat"],
    )
    audit = audit_run(config, folder, sample=2)
    assert audit.decisions_replayed > 0
    assert audit.decisions_different == ()
    assert all(entry.repeated and entry.reports == 3 for entry in audit.trials)
    assert 0 < audit.epochs_saved == document["budget"]["epochs_saved"]


@pytest.mark.parametrize("after", [3, 9, 17])
def test_the_decisions_of_an_interrupted_run_are_made_again_too(tmp_path, after):
    wave().to_csv(tmp_path / "wave.csv", index=False)
    data = {"data": {"target": "load", "path": str(tmp_path / "wave.csv")}}
    config = make_config(STUDY | data | {"pruner": {"name": "plausible_halving"}})

    class Stop(Observer):
        left = after

        def advanced(self, number, epochs):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "run", observer=Stop())
    document = run(config, tmp_path / "run")
    assert document["budget"]["trials"] == 12
    job = prepare(config, tmp_path / "run")
    replayed = list(replay(open_stored(job).study.get_trials(), job))
    assert replayed
    assert [r.where for r in replayed if not r.same] == []


def test_another_rule_is_noticed_in_the_replay(audited):
    config, folder, *_ = audited
    trials = open_stored(prepare(config, folder)).study.get_trials()
    other = replace(config, pruner={"name": "halving", "reduction_factor": 2})
    replayed = list(replay(trials, prepare(other, folder)))
    assert not all(r.same for r in replayed)


def test_a_decision_tells_what_was_seen(audited):
    _, _, document, _ = audited
    decisions = [d for t in document["trials"] for d in t["decisions"]]
    assert {d["action"] for d in decisions} == {"go on", "pause"}
    for decision in decisions:
        assert decision["report"] in (1, 3, 9)
        assert decision.keys() >= {"at", "peers", "rank", "places"}


def test_an_audit_goes_on_with_what_an_earlier_one_trained(tmp_path_factory):
    config, folder, _ = make_run(tmp_path_factory)
    trained = []

    class Listener(Observer):
        def notice(self, text):
            trained.append(text)

    audit_run(config, folder, sample=2, observer=Listener())
    assert len(trained) == 2
    audit = audit_run(config, folder, sample=3, observer=Listener())
    assert len(trained) == len(audit.trials) == 3


def test_a_run_that_stopped_nothing_has_nothing_to_audit(tmp_path_factory):
    config, folder, _ = make_run(tmp_path_factory, pruner={"name": "none"}, budget={"trials": 2})
    with pytest.raises(LstmoptError, match="found none of 2"):
        audit_run(config, folder, sample=5)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_narrows_with_the_sample(drawn):
    lost, sampled = drawn
    low, high = interval(lost, sampled, 10**6)
    assert 0 <= low <= lost / sampled <= high <= 1
    wider = interval(lost, sampled, 10**6)
    narrower = interval(4 * lost, 4 * sampled, 10**6)
    assert narrower[1] - narrower[0] < wider[1] - wider[0]


def test_the_interval_is_that_of_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    assert interval(3, 20, 100) == pytest.approx(proportion_confint(3, 20, method="wilson"))


def test_a_front_gains_what_an_audited_trial_adds():
    registry = load_registry()
    goals = make_goals([registry.objective(n) for n in ("val_loss", "val_mae")])
    front = [[0.0, 1.0], [1.0, 0.0]]
    assert gain(front, [[1.0, 1.0]], goals) == pytest.approx(0.0)
    before = 1.1**2 - 1
    after = before + 0.5**2
    assert gain(front, [[0.5, 0.5]], goals) == pytest.approx(after / before - 1)
    assert gain([], [[0.5, 0.5]], goals) is None
    assert np.isfinite(gain(front, [], goals))
