"""Pruners that wrap another or come from Optuna."""

from __future__ import annotations

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.errors import LstmoptError
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.pruners import make_pruner
from lstmopt.pruning.trial_curves import TrialView
from support.curves import first_stop, known, peers_by_hand, studies

REGISTRY = load_registry()


def pruner_of(choice, naive=None):
    return make_pruner(REGISTRY, choice, naive)


EAGER = {"name": "median", "n_startup_trials": 1, "n_warmup_steps": 0}


@given(studies(), st.integers(1, 3))
def test_patience_only_takes_back_stops_of_what_still_improves(drawn, patience):
    (trial, *others), finished = drawn
    plain = pruner_of(EAGER)
    patient = pruner_of({"name": "patient", "wraps": EAGER, "patience": patience})
    for report in range(1, 5):
        seen = trial.until(report)
        trials = known([seen, *others], finished)
        curve = seen.curve("val_loss")
        improves = report <= patience or curve[-1 - patience] > curve[-1]
        expected = "go on" if improves else plain.decide(seen, trials).action
        assert patient.decide(seen, trials).action == expected


def test_a_patient_halving_still_promotes():
    patient = pruner_of("patient:wraps=halving,patience=1")
    views = [TrialView(n, {"latency_ms": 1.0}, {"val_loss": [float(n)]}) for n in range(6)]
    assert patient.next_rung(1) == 3
    assert patient.promote([4, 1], known(views), "open") == 1
    assert pruner_of("patient").promote([4, 1], known(views), "front") is None


@given(studies(learned=("val_loss", "val_mae")), st.floats(1, 9), st.integers(1, 4))
def test_the_floor_stops_what_is_worse_than_naive_in_every_objective(drawn, naive, grace):
    (trial, *others), finished = drawn
    losses = {"val_loss": naive, "val_mae": naive / 2}
    floor = pruner_of({"name": "floor", "grace": grace}, lambda: losses)
    for report in range(1, 5):
        seen = trial.until(report)
        worse = all(min(seen.losses[name]) > losses[name] for name in losses)
        action = floor.decide(seen, known([seen, *others], finished)).action
        assert action == ("stop" if report >= grace and worse else "go on")


def test_what_is_above_the_floor_is_left_to_the_wrapped_pruner():
    floor = pruner_of({"name": "floor", "wraps": EAGER, "grace": 1}, lambda: {"val_loss": 9.0})
    views = [TrialView(n, {"latency_ms": 1.0}, {"val_loss": [float(n)]}) for n in range(4)]
    decision = floor.decide(views[3], known(views, {0, 1, 2}))
    assert decision.action == "stop"
    assert decision.reason.startswith("median")


def test_a_floor_without_a_naive_forecast_is_refused():
    with pytest.raises(LstmoptError, match="not known for this work"):
        pruner_of("floor")


NAMES = [name for name in REGISTRY.names("pruner") if name.startswith("optuna:")]
OPTIONS = {
    "optuna:PercentilePruner": {"percentile": 25.0},
    "optuna:ThresholdPruner": {"upper": 5.0},
}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10)
@given(studies())
def test_every_pruner_of_optuna_decides_and_never_stops_who_has_no_peers(name, drawn):
    (trial, *others), finished = drawn
    pruner = pruner_of({"name": name} | OPTIONS.get(name, {}))
    report = first_stop(pruner, trial, others, finished)
    assert report is None or 1 <= report <= 4
    if "Threshold" not in name and "Halving" not in name and "Hyperband" not in name and report:
        assert peers_by_hand(trial, others, finished)


@given(studies())
def test_optunas_median_sees_what_it_would_see_among_peers_alone(drawn):
    (trial, *others), finished = drawn
    options = {"n_startup_trials": 2, "n_warmup_steps": 1}
    pruner = pruner_of({"name": "optuna:MedianPruner"} | options)
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(**options))
    for peer in peers_by_hand(trial, others, finished):
        values = dict(enumerate(peer.losses["val_loss"], 1))
        study.add_trial(optuna.create_trial(value=min(values.values()), intermediate_values=values))
    plain = study.ask()
    expected = None
    for report, loss in enumerate(trial.losses["val_loss"], 1):
        plain.report(loss, report)
        if expected is None and plain.should_prune():
            expected = report
    assert first_stop(pruner, trial, others, finished) == expected


def test_optunas_options_are_checked_against_its_signature():
    with pytest.raises(LstmoptError, match="did you mean 'p_threshold'"):
        pruner_of("optuna:WilcoxonPruner:p_treshold=0.1")
    with pytest.raises(LstmoptError, match="takes a number, found 'x'"):
        pruner_of("optuna:WilcoxonPruner:p_threshold=x")
    with pytest.raises(LstmoptError, match="refused its options"):
        pruner_of("optuna:PercentilePruner")


def test_auto_is_the_pruner_that_it_names():
    from lstmopt_plugins.auto import PRUNER

    assert type(pruner_of("auto").wrapped) is type(pruner_of(PRUNER).wrapped)
