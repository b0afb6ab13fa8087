from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lstmopt_plugins.halving import Halving
from lstmopt_plugins.plausible import Plausible
from test_pruning import studies

from lstmopt.front import dominates
from lstmopt.pruning import TrialView

RUNGS = Halving(1, 2, False)


def view(number, loss, latency, epochs=1, finished=False) -> TrialView:
    return TrialView(number, finished, {"latency_ms": latency}, {"val_loss": [loss] * epochs})


def test_rungs_are_powers_of_the_reduction_factor():
    rungs, epoch = [], 0
    while epoch < 81:
        epoch = Halving(1, 3, False).next_rung(epoch)
        rungs.append(epoch)
    assert rungs == [1, 3, 9, 27, 81]


def test_nothing_happens_between_rungs():
    bad = [view(n, n, 1.0, epochs=2) for n in range(9)]
    assert Halving(1, 3, False).decide(bad[-1], bad[:-1]).action == "go on"


def test_of_nine_at_a_rung_three_go_on():
    trials = [view(n, float(n), 1.0) for n in range(9)]
    actions = [
        Halving(1, 3, False).decide(t, [o for o in trials if o is not t]).action for t in trials
    ]
    assert actions == ["go on"] * 3 + ["pause"] * 6


@given(studies())
def test_who_goes_on_ranks_no_lower_than_who_is_paused(views):
    actions = {
        t.number: RUNGS.decide(t.until(1), [o for o in views if o is not t]).action for t in views
    }
    points = {t.number: (t.losses["val_loss"][0], *t.static.values()) for t in views}
    going = [n for n, action in actions.items() if action == "go on"]
    assert going
    for paused in (n for n, action in actions.items() if action == "pause"):
        assert not any(dominates(points[paused], points[n]) for n in going)


@given(studies(), st.randoms(use_true_random=False))
def test_order_of_arrival_changes_no_decision(views, random):
    trial, *others = views
    shuffled = list(others)
    random.shuffle(shuffled)
    renumbered = [
        TrialView(100 + n, o.finished, o.static, o.losses) for n, o in enumerate(shuffled)
    ]
    for epoch in (1, 2, 4):
        seen = trial.until(epoch)
        assert RUNGS.decide(seen, others).action == RUNGS.decide(seen, renumbered).action


@given(studies(), st.floats(0.1, 10))
def test_units_change_no_decision(views, scale):
    def moved(t):
        static = {name: math.exp(value) for name, value in t.static.items()}
        losses = {name: [scale * v for v in values] for name, values in t.losses.items()}
        return TrialView(t.number, t.finished, static, losses)

    trial, *others = views
    values = sorted(v for t in views for v in t.losses["val_loss"])
    gaps = np.diff(values)
    assume(all(gap == 0 or gap > 1e-3 for gap in gaps))  # rounding decides nothing
    for pruner in (RUNGS, Plausible(0.8, 1, 0)):
        for epoch in (1, 2, 4):
            mine = pruner.decide(trial.until(epoch), others).action
            others_moved = [moved(o) for o in others]
            assert mine == pruner.decide(moved(trial.until(epoch)), others_moved).action


@given(studies(), st.integers(1, 3))
def test_halving_never_looks_ahead(views, epoch):
    def changed(t):
        losses = {name: [*v[:epoch], *[0.0] * (4 - epoch)] for name, v in t.losses.items()}
        return TrialView(t.number, t.finished, t.static, losses)

    trial, *others = views
    seen = trial.until(epoch)
    assert RUNGS.decide(seen, others) == RUNGS.decide(seen, [changed(o) for o in others])


pruners = st.sampled_from([Halving(1, 2, True), RUNGS, Plausible(0.5, 1, 0), Plausible(1.0, 2, 1)])


@given(studies(), pruners)
def test_a_trial_better_than_all_no_slower_at_every_epoch_is_never_stopped(views, pruner):
    trial, *others = views
    # a rung compares with all that reached it, finished or not
    no_slower = [o for o in others if all(o.static[n] <= trial.static[n] for n in trial.static)]
    best = np.min([[5.0] * 4, *(o.losses["val_loss"] for o in no_slower)], axis=0)
    winner = TrialView(trial.number, False, trial.static, {"val_loss": list(best - 0.1)})
    for epoch in range(1, 5):
        assert pruner.decide(winner.until(epoch), others).action != "stop"


@given(studies())
def test_only_a_paused_trial_that_would_go_on_is_promoted(views):
    paused = [t.until(1) for t in views if not t.finished]
    others = [t for t in views if t.finished]
    number = RUNGS.promote(paused, others)
    able = [
        p.number
        for p in paused
        if RUNGS.decide(p, [*others, *(o for o in paused if o is not p)]).action == "go on"
    ]
    assert (number in able) if able else (number is None)


def test_a_plausible_trial_falls_as_far_as_others_did():
    finished = [
        TrialView(n, True, {"latency_ms": 1.0}, {"val_loss": [1.0, 0.6, 0.5]}) for n in range(5)
    ]
    rule = Plausible(1.0, 5, 0)
    assert rule.decide(view(9, 1.1, 2.0), finished).action == "stop"  # 0.5 is all that one fell
    assert rule.decide(view(9, 0.9, 2.0), finished).action == "go on"  # was ahead
    assert rule.decide(view(9, 1.1, 0.5), finished).action == "go on"  # no rival is as fast
    assert rule.decide(view(9, 1.1, 2.0), finished[:4]).action == "go on"


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Halving(0, 3, False), "min_epochs"),
        (lambda: Halving(1, 1, False), "reduction_factor"),
        (lambda: Plausible(1.1, 5, 0), "quantile"),
        (lambda: Plausible(0.5, 0, 0), "n_startup_trials"),
        (lambda: Plausible(0.5, 5, -1), "n_warmup_steps"),
    ],
)
def test_options_out_of_range_are_refused(make, word):
    with pytest.raises(ValueError, match=word):
        make()
