from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lstmopt_plugins.percentile import PercentileRule

from lstmopt.pruning import PeersPruner, TrialView, first_stop, peers_of

losses = st.floats(0, 10, allow_nan=False)


@st.composite
def studies(draw, learned=("val_loss",), epochs: int = 4):
    """Some trials with two static objectives and curves of the given learned ones."""
    views = []
    for number in range(draw(st.integers(1, 9))):
        static = {name: float(draw(st.integers(0, 3))) for name in ("latency_ms", "parameters")}
        curves = {n: draw(st.lists(losses, min_size=epochs, max_size=epochs)) for n in learned}
        views.append(TrialView(number, draw(st.booleans()), static, curves))
    return views


rules = st.builds(
    PercentileRule,
    st.sampled_from([25.0, 50.0]),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(1, 2),
)


@given(studies())
def test_peers_are_the_finished_trials_that_are_no_worse_on_every_static_objective(views):
    trial, *others = views
    expected = {
        o.number
        for o in others
        if o.finished and all(o.static[n] <= trial.static[n] for n in trial.static)
    }
    assert {peer.number for peer in peers_of(trial, others)} == expected


@given(studies(), rules)
def test_a_trial_better_than_all_its_peers_at_every_epoch_is_never_stopped(views, rule):
    trial, *others = views
    peers = peers_of(trial, others)
    best = np.min([p.losses["val_loss"] for p in peers], axis=0) if peers else np.full(4, 5.0)
    winner = TrialView(trial.number, False, trial.static, {"val_loss": list(best - 0.1)})
    assert first_stop(PeersPruner(rule, "rule"), winner, others, 1) is None


@given(studies(), rules)
def test_a_stopped_trial_was_worse_than_a_peer_no_slower(views, rule):
    trial, *others = views
    stop = first_stop(PeersPruner(rule, "rule"), trial, others, 1)
    if stop:
        epoch, _ = stop
        reached = min(trial.losses["val_loss"][:epoch])
        assert any(min(p.losses["val_loss"][:epoch]) < reached for p in peers_of(trial, others))


@given(studies(learned=("val_loss", "val_mae")), rules)
def test_with_two_learned_objectives_both_must_say_stop(views, rule):
    trial, *others = views
    pruner = PeersPruner(rule, "rule")
    stop = pruner.decide(trial, others).action == "stop"
    each = [
        pruner.decide(
            TrialView(trial.number, False, trial.static, {name: trial.losses[name]}), others
        ).action
        == "stop"
        for name in trial.losses
    ]
    assert stop == all(each)


@given(studies(), rules, st.integers(1, 3))
def test_a_decision_never_looks_ahead(views, rule, epoch):
    trial, *others = views
    pruner = PeersPruner(rule, "rule")
    changed = [*trial.losses["val_loss"][:epoch], *[99.0] * (4 - epoch)]
    other = TrialView(trial.number, False, trial.static, {"val_loss": changed})
    assert pruner.decide(trial.until(epoch), others) == pruner.decide(other.until(epoch), others)


@given(studies(), rules)
def test_decisions_do_not_depend_on_the_order_of_trials(views, rule):
    trial, *others = views
    pruner = PeersPruner(rule, "rule")
    assert pruner.decide(trial, others) == pruner.decide(trial, others[::-1])


def test_the_median_stops_the_worse_half_among_peers_and_no_fast_trial():
    finished = [
        TrialView(n, True, {"latency_ms": 5.0}, {"val_loss": [1.0, 0.5, 0.1 * n]}) for n in range(6)
    ]
    pruner = PeersPruner(PercentileRule(50.0, 5, 0, 1), "median")
    slow = TrialView(9, False, {"latency_ms": 6.0}, {"val_loss": [2.0]})
    fast = TrialView(9, False, {"latency_ms": 1.0}, {"val_loss": [2.0]})
    assert pruner.decide(slow, finished).action == "stop"
    assert pruner.decide(fast, finished).action == "go on"
    assert "median at epoch 1" in pruner.decide(slow, finished).reason


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((101.0, 5, 0, 1), "percentile"),
        ((50.0, -1, 0, 1), "n_startup_trials"),
        ((50.0, 5, 0, 0), "interval_steps"),
    ],
)
def test_options_out_of_range_are_refused(options, word):
    with pytest.raises(ValueError, match=word):
        PercentileRule(*options)
