"""The pruner for anyone's Optuna study: nothing here is an LSTM or a series."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt import LstmoptError, ParetoPruner
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.pruners import make_pruner
from lstmopt.pruning.trial_curves import TrialView
from support.curves import known, studies

REGISTRY = load_registry()
SIZES = (1, 2, 4, 8)


def make_study(storage=None, name="s"):
    return optuna.create_study(
        study_name=name,
        storage=storage,
        directions=["minimize", "minimize"],
        sampler=optuna.samplers.RandomSampler(seed=1),
        load_if_exists=True,
    )


def polynomial(pruner, trial, epochs=9):
    """Fit a polynomial by gradient descent; its degree is what it costs."""
    degree = trial.suggest_categorical("degree", SIZES)
    rate = trial.suggest_float("rate", 1e-3, 1.0, log=True)
    loss = 1.0
    for epoch in range(1, epochs + 1):
        loss = 1 / degree + (1 - rate) ** epoch
        pruner.report(trial, epoch, {"loss": loss})
        if pruner.should_stop(trial):
            raise optuna.TrialPruned
    return loss, degree


def degree(trial):
    return trial.params["degree"]


@pytest.mark.parametrize("rule", ["halving", "median", "plausible", "optuna:MedianPruner"])
def test_a_plain_study_is_pruned_and_keeps_its_front(rule):
    study, whole = make_study(), make_study()
    pruner = ParetoPruner(study, rule=rule, static={"degree": degree})
    study.optimize(lambda trial: polynomial(pruner, trial), n_trials=60)
    unpruned = ParetoPruner(whole, rule="none", static={"degree": degree})
    whole.optimize(lambda trial: polynomial(unpruned, trial), n_trials=60)
    stopped = study.get_trials(states=(optuna.trial.TrialState.PRUNED,))
    assert len(stopped) > 10
    assert {t.number for t in study.best_trials} <= {t.number for t in whole.best_trials}
    # the fastest has no peer that is as fast, so the best of its kind is never stopped
    assert min(t.values[1] for t in study.best_trials) == min(SIZES)
    for trial in stopped:
        assert trial.user_attrs["pareto:decision"]["reason"]


@settings(max_examples=40)
@given(studies(), st.sampled_from(["median:n_startup_trials=1", "plausible", "halving"]))
def test_it_decides_what_the_rule_decides_on_the_same_curves(drawn, rule):
    (last, *others), finished = drawn
    # the trial to decide about comes last, and trials are numbered as a study numbers them
    views = [TrialView(n, v.static, v.losses) for n, v in enumerate([*others, last])]
    finished = {number - 1 for number in finished}
    study = optuna.create_study(directions=["minimize"] * 3)
    statics = {name: lambda t, n=name: views[t.number].static[n] for name in last.static}
    pruner = ParetoPruner(study, rule, statics)
    for view in views:
        trial = study.ask()
        for report, loss in enumerate(view.losses["val_loss"]):
            pruner.report(trial, report, {"val_loss": loss})
        if view.number in finished:
            study.tell(trial, [0.0, 0.0, 0.0])
    stops = "halving:stop_only=true" if rule == "halving" else rule
    expected = make_pruner(REGISTRY, stops).decide(views[-1], known(views, finished))
    assert pruner.should_stop(trial) == (expected.action != "go on")


def test_another_object_on_the_same_storage_decides_the_same(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    study = make_study(url)
    first = ParetoPruner(study, "median:n_startup_trials=3", {"degree": degree})
    study.optimize(lambda trial: polynomial(first, trial), n_trials=25)
    trial = study.ask()
    trial.suggest_categorical("degree", SIZES)
    again = ParetoPruner(make_study(url), "median:n_startup_trials=3", {"degree": degree})
    for epoch, loss in ((1, 9.0), (2, 9.0), (3, 9.0)):
        for pruner in (first, again):
            pruner.report(trial, epoch, {"loss": loss})
        assert first.should_stop(trial) == again.should_stop(trial)
    assert first.should_stop(trial)


def work(url, count):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(study_name="s", storage=url)
    pruner = ParetoPruner(study, static={"degree": degree})
    study.optimize(lambda trial: polynomial(pruner, trial), n_trials=count)


@pytest.mark.system
def test_several_processes_share_a_storage(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    make_study(url)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(url, 15)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    trials = make_study(url).get_trials()
    assert len(trials) == 45
    assert {t.state.name for t in trials} == {"COMPLETE", "PRUNED"}


def test_a_metric_that_the_study_maximises_is_better_the_higher_it_is():
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.set_metric_names(["accuracy", "size"])
    pruner = ParetoPruner(study, "percentile:n_startup_trials=1,n_warmup_steps=0", {"size": 1.0})
    good = study.ask()
    pruner.report(good, 1, {"accuracy": 0.9})
    study.tell(good, [0.9, 1.0])
    for accuracy, stopped in ((0.8, True), (0.95, False)):
        trial = study.ask()
        pruner.report(trial, 1, {"accuracy": accuracy})
        assert pruner.should_stop(trial) == stopped


EAGER = "median:n_startup_trials=1,n_warmup_steps=0"
WAYS = st.lists(st.sampled_from(["minimize", "maximize"]), min_size=3, max_size=3)


@settings(max_examples=60)
@given(WAYS, st.data(), st.booleans(), studies(learned=("loss", "score")))
def test_a_turned_study_is_pruned_as_the_study_that_minimises(ways, data, by_name, drawn):
    """Whichever way losses and static values are better, and however that is said."""
    views, finished = drawn
    names = ["loss", "score", "latency_ms"]
    signs = dict(zip(names, (1 if way == "minimize" else -1 for way in ways), strict=True))
    turned = optuna.create_study(directions=ways)
    if by_name:
        turned.set_metric_names(names)
        maximize = data.draw(st.sampled_from([None, ()]))
    else:
        maximize = [name for name in names if signs[name] == -1]
    plain = optuna.create_study(directions=["minimize"] * 3)
    verdicts = [
        judged(study, sign, views, finished, maximize)
        for study, sign, maximize in (
            (plain, dict.fromkeys(names, 1), None),
            (turned, signs, maximize),
        )
    ]
    assert verdicts[0] == verdicts[1]


def judged(study, signs, views, finished, maximize):
    """Return whether each trial is stopped at each report, the views' values turned by signs."""
    static = {"latency_ms": lambda t: signs["latency_ms"] * views[t.number].static["latency_ms"]}
    pruner = ParetoPruner(study, EAGER, static, maximize)
    verdicts = []
    for view in views:  # numbered as a study numbers its trials
        trial = study.ask()
        for report in range(view.report):
            losses = {name: signs[name] * curve[report] for name, curve in view.losses.items()}
            pruner.report(trial, report, losses)
            verdicts.append(pruner.should_stop(trial))
        if view.number in finished:
            study.tell(trial, [0.0] * 3)
    return verdicts


MIXED = [["maximize", "minimize"], ["minimize", "maximize"], ["maximize", "maximize"]]


@pytest.mark.parametrize("directions", MIXED)
@pytest.mark.parametrize("metrics", [None, ["accuracy", "latency"], ["score", "size"]])
def test_a_name_without_a_direction_is_refused_where_anything_is_maximised(directions, metrics):
    study = optuna.create_study(directions=directions)
    if metrics:
        study.set_metric_names(metrics)
    pruner, trial = ParetoPruner(study, static={"size": 1.0}), study.ask()
    with pytest.raises(
        LstmoptError, match=r"no direction of accuracy|no direction of size"
    ) as error:
        pruner.report(trial, 1, {"accuracy": 0.5})
    assert "pass maximize=" in str(error.value)
    assert not trial.user_attrs


def test_a_study_of_one_maximised_objective_says_so_too():
    study = optuna.create_study(direction="maximize")
    with pytest.raises(LstmoptError, match="no direction of accuracy"):
        ParetoPruner(study).report(study.ask(), 1, {"accuracy": 0.5})


def test_nothing_is_asked_of_a_study_that_only_minimises():
    study = make_study()
    ParetoPruner(study, static={"size": 1.0}).report(study.ask(), 1, {"loss": 0.5})


def test_names_set_after_the_pruner_was_made_count():
    study = optuna.create_study(directions=["maximize", "minimize"])
    pruner = ParetoPruner(study, static={"size": 1.0})
    study.set_metric_names(["accuracy", "size"])
    pruner.report(study.ask(), 1, {"accuracy": 0.5})


def test_a_report_may_follow_one_that_was_refused():
    study = optuna.create_study(directions=["maximize", "minimize"])
    pruner, trial = ParetoPruner(study, static={"size": 1.0}), study.ask()
    with pytest.raises(LstmoptError, match="no direction"):
        pruner.report(trial, 1, {"accuracy": 0.5})
    study.set_metric_names(["accuracy", "size"])
    pruner.report(trial, 1, {"accuracy": 0.5})


def test_one_name_may_be_maximised_without_a_list():
    study = optuna.create_study(directions=["maximize", "minimize"])
    pruner = ParetoPruner(study, EAGER, {"size": 1.0}, maximize="accuracy")
    good, bad = study.ask(), study.ask()
    pruner.report(good, 1, {"accuracy": 0.9})
    study.tell(good, [0.9, 1.0])
    pruner.report(bad, 1, {"accuracy": 0.1})
    assert pruner.should_stop(bad)


def test_a_misspelt_name_in_maximize_is_refused():
    study = make_study()
    pruner = ParetoPruner(study, maximize=["acuracy"])
    with pytest.raises(LstmoptError, match="found 'acuracy': did you mean 'accuracy'"):
        pruner.report(study.ask(), 1, {"accuracy": 0.5})


def test_maximize_may_not_contradict_the_study():
    study = make_study()
    study.set_metric_names(["loss", "size"])
    with pytest.raises(LstmoptError, match="found 'loss' in maximize and minimised by the study"):
        ParetoPruner(study, maximize=["loss"]).report(study.ask(), 1, {"loss": 0.5})


def test_what_could_not_be_compared_is_refused():
    study = make_study()
    pruner = ParetoPruner(study, static={"degree": 1.0})
    first, second = study.ask(), study.ask()
    with pytest.raises(LstmoptError, match="call report first"):
        pruner.should_stop(first)
    pruner.report(first, 1, {"loss": 1.0})
    with pytest.raises(LstmoptError, match="in order"):
        pruner.report(first, 1, {"loss": 1.0})
    with pytest.raises(LstmoptError, match="found report 1 at epoch 2"):
        pruner.report(second, 2, {"loss": 1.0})
    with pytest.raises(LstmoptError, match="found error"):
        pruner.report(second, 1, {"error": 1.0})
    with pytest.raises(LstmoptError, match="did you mean 'halving'"):
        ParetoPruner(study, rule="halvin")
    assert not second.user_attrs
    with pytest.raises(LstmoptError, match="same static, found none where others gave degree"):
        ParetoPruner(study).report(second, 1, {"loss": 1.0})
    again = ParetoPruner(study, static={"degree": 1.0})  # has reported nothing itself yet
    with pytest.raises(LstmoptError, match="found report 1 at epoch 2"):
        again.report(second, 2, {"loss": 1.0})


def test_what_another_program_stored_otherwise_is_left_out():
    study = make_study()
    good, stray, last = study.ask(), study.ask(), study.ask()
    pruner = ParetoPruner(study, "median:n_startup_trials=1,n_warmup_steps=0", {"degree": 1.0})
    pruner.report(good, 1, {"loss": 1.0})
    study.tell(good, [1.0, 1.0])
    stray.set_user_attr("pareto:static", {"size": 1.0})
    stray.set_user_attr("pareto:report_00000", [7, {"error": 0.0}])
    study.tell(stray, [0.0, 0.0])
    pruner.report(last, 1, {"loss": 2.0})
    assert pruner.should_stop(last)
    assert last.user_attrs["pareto:decision"]["peers"] == 1


def test_a_verdict_stands_however_often_and_by_whom_it_is_asked():
    study = make_study()
    pruner = ParetoPruner(study, "optuna:MedianPruner:n_startup_trials=1", {"degree": 1.0})
    done, bad, other = study.ask(), study.ask(), study.ask()
    pruner.report(done, 1, {"loss": 1.0})
    study.tell(done, [1.0, 1.0])
    pruner.report(bad, 1, {"loss": 2.0})
    pruner.report(other, 1, {"loss": 0.5})
    assert not pruner.should_stop(other)  # another thread's, which sees the first as a peer
    assert pruner.should_stop(bad)
    assert pruner.should_stop(bad)


def test_it_needs_neither_torch_nor_pandas():
    code = (
        "import sys, optuna; from lstmopt import ParetoPruner;"
        "study = optuna.create_study(directions=['minimize'] * 2);"
        "pruner = ParetoPruner(study, static={'size': 1.0}); trial = study.ask();"
        "pruner.report(trial, 1, {'loss': 1.0}); pruner.should_stop(trial);"
        "print([m for m in ('torch', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
