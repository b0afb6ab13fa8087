from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lstmopt_plugins.halving import Halving
from lstmopt_plugins.plausible import Plausible

from lstmopt.pareto import dominates
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.pruners import NeverStop, make_pruner
from lstmopt.pruning.trial_curves import TrialView
from support.curves import known, studies

RUNGS = Halving(1, 2, False)
HOPEFUL = make_pruner(
    load_registry(), "plausible_halving:reduction_factor=2,n_startup_trials=1,hope=1.0,promise=1.0"
)


def view(number, loss, latency, reports=1) -> TrialView:
    return TrialView(number, {"latency_ms": latency}, {"val_loss": [loss] * reports})


def action(pruner, trial, others, finished=()):
    return pruner.decide(trial, known([trial, *others], finished)).action


def test_rungs_are_powers_of_the_reduction_factor():
    rungs, report = [], 0
    while report < 81:
        report = Halving(1, 3, False).next_rung(report)
        rungs.append(report)
    assert rungs == [1, 3, 9, 27, 81]


def test_nothing_happens_between_rungs():
    bad = [view(n, n, 1.0, reports=2) for n in range(9)]
    assert action(Halving(1, 3, False), bad[-1], bad[:-1]) == "go on"


def test_of_nine_at_a_rung_three_go_on():
    trials = [view(n, float(n), 1.0) for n in range(9)]
    actions = [action(Halving(1, 3, False), t, [o for o in trials if o is not t]) for t in trials]
    assert actions == ["go on"] * 3 + ["pause"] * 6


@given(studies())
def test_who_goes_on_ranks_no_lower_than_who_is_paused(drawn):
    views, _ = drawn
    actions = {t.number: action(RUNGS, t.until(1), [o for o in views if o is not t]) for t in views}
    points = {t.number: (t.losses["val_loss"][0], *t.static.values()) for t in views}
    going = [n for n, action in actions.items() if action == "go on"]
    assert going
    for paused in (n for n, action in actions.items() if action == "pause"):
        assert not any(dominates(points[paused], points[n]) for n in going)


@given(studies(), st.randoms(use_true_random=False))
def test_order_of_arrival_changes_no_decision(drawn, random):
    (trial, *others), _ = drawn
    shuffled = list(others)
    random.shuffle(shuffled)
    renumbered = [TrialView(100 + n, o.static, o.losses) for n, o in enumerate(shuffled)]
    for report in (1, 2, 4):
        seen = trial.until(report)
        first = RUNGS.decide(seen, known([*others, seen]))
        assert first == RUNGS.decide(seen, known([seen, *renumbered]))


@given(studies(), st.floats(0.1, 10), st.floats(-5, 5))
def test_units_change_no_decision(drawn, scale, shift):
    def moved(t):
        static = {name: math.exp(value) for name, value in t.static.items()}
        losses = {name: [scale * v + shift for v in values] for name, values in t.losses.items()}
        return TrialView(t.number, static, losses)

    (trial, *others), finished = drawn
    values = sorted(v for t in drawn[0] for v in t.losses["val_loss"])
    falls = [a - b for t in drawn[0] for a in t.losses["val_loss"] for b in t.losses["val_loss"]]
    for figures in (values, sorted(falls)):
        assume(all(gap == 0 or gap > 1e-3 for gap in np.diff(figures)))  # rounding decides nothing
    for pruner in (RUNGS, HOPEFUL, Plausible(1.0, 1, 0)):
        for report in (1, 2, 4):
            seen = trial.until(report)
            mine = action(pruner, seen, others, finished)
            assert mine == action(pruner, moved(seen), list(map(moved, others)), finished)


@given(studies(), st.integers(1, 3))
def test_halving_never_looks_ahead(drawn, report):
    def changed(t):
        losses = {name: [*v[:report], *[0.0] * (4 - report)] for name, v in t.losses.items()}
        return TrialView(t.number, t.static, losses)

    (trial, *others), finished = drawn
    seen = trial.until(report)
    first = RUNGS.decide(seen, known([seen, *others], finished))
    assert first == RUNGS.decide(seen, known([seen, *map(changed, others)], finished))


pruners = st.sampled_from(
    [Halving(1, 2, True), RUNGS, HOPEFUL, Plausible(0.5, 1, 0), Plausible(1.0, 2, 1)]
)


@given(studies(), pruners)
def test_a_trial_better_than_all_no_slower_at_every_report_is_never_stopped(drawn, pruner):
    (trial, *others), finished = drawn
    # a rung compares with all that reached it, finished or not
    no_slower = [o for o in others if all(o.static[n] <= trial.static[n] for n in trial.static)]
    best = np.min([[5.0] * 4, *(o.losses["val_loss"] for o in no_slower)], axis=0)
    winner = TrialView(trial.number, trial.static, {"val_loss": list(best - 0.1)})
    for report in range(1, 5):
        seen = winner.until(report)
        trials = known([seen, *others], finished)
        if pruner.decide(seen, trials).action == "pause":
            # nothing on the rung dominates it, so it is no later closed than it would go on
            assert pruner.promote([trial.number], trials, closing="front") == trial.number
        else:
            assert pruner.decide(seen, trials).action == "go on"


@given(studies())
def test_only_a_paused_trial_that_would_go_on_is_promoted(drawn):
    views, finished = drawn
    paused = [t.until(1) for t in views if t.number not in finished]
    others = [t for t in views if t.number in finished]
    trials = known([*paused, *others], finished)
    number = RUNGS.promote([t.number for t in paused], trials, closing="open")
    able = [p.number for p in paused if RUNGS.decide(p, trials).action == "go on"]
    assert (number in able) if able else (number is None)


@pytest.mark.parametrize("closing", ["open", "front", "everyone"])
def test_a_paused_trial_without_a_loss_is_never_promoted(closing):
    views = [view(n, loss, 1.0) for n, loss in enumerate([1.0, 2.0, math.nan])]
    trials = known(views)
    assert RUNGS.promote([2], trials, closing) is None
    assert RUNGS.promote([0, 2], trials, closing) == 0


@given(studies())
def test_at_the_close_the_front_of_a_rung_goes_on_and_with_a_budget_everyone(drawn):
    views, _ = drawn
    paused = [t.until(1) for t in views]
    points = {t.number: (t.losses["val_loss"][0], *t.static.values()) for t in paused}
    for closing in ("front", "everyone"):
        trials, left, promoted = known(paused), set(points), []
        while (number := RUNGS.promote(sorted(left), trials, closing)) is not None:
            promoted.append(number)
            left.remove(number)
        if closing == "everyone":
            assert not left
        front = [n for n in points if not any(dominates(o, points[n]) for o in points.values())]
        assert set(front) <= set(promoted)


def test_a_rung_that_grew_gives_the_same_decisions_as_one_made_anew():
    rng = np.random.default_rng(0)
    views = [
        view(n, loss, float(size))
        for n, (loss, size) in enumerate(zip(rng.random(60), rng.integers(0, 4, 60), strict=True))
    ]
    grown, trials = Halving(1, 3, False), known(views[:1])
    for n, trial in enumerate(views):
        trials.put(trial)
        anew = Halving(1, 3, False).decide(trial, known(views[: n + 1]))
        assert grown.decide(trial, trials) == anew


@given(studies())
def test_a_hopeful_halving_stops_what_plausible_stops_and_promotes_none_of_it(drawn):
    views, finished = drawn
    waiting = [t.until(1) if t.number not in finished else t for t in views]
    trials, plausible = known(waiting, finished), Plausible(1.0, 1, 0)
    paused = [t.number for t in waiting if t.number not in finished]
    hopeless = [n for n in paused if plausible.decide(trials.view(n), trials).action == "stop"]
    for number in paused:
        decision = HOPEFUL.decide(trials.view(number), trials)
        rung = RUNGS.decide(trials.view(number), trials)
        assert decision.action == ("stop" if number in hopeless else rung.action)
    for closing in ("open", "front"):
        assert HOPEFUL.promote(paused, trials, closing) not in hopeless
    promoted = HOPEFUL.promote(paused, trials, "everyone")
    assert (promoted in hopeless) == (set(paused) == set(hopeless))


@given(studies())
def test_no_pruning_stops_nothing(drawn):
    (trial, *others), finished = drawn
    none = NeverStop()
    for report in range(1, 5):
        seen = trial.until(report)
        assert action(none, seen, others, finished) == "go on"


def test_a_plausible_trial_falls_as_far_as_others_did():
    finished = [TrialView(n, {"latency_ms": 1.0}, {"val_loss": [1.0, 0.6, 0.5]}) for n in range(5)]
    rule = Plausible(1.0, 5, 0)

    def decide(loss, latency, count=5):
        return action(rule, view(9, loss, latency), finished, range(count))

    assert decide(1.1, 2.0) == "stop"  # 0.5 is all that one fell
    assert decide(0.9, 2.0) == "go on"  # was ahead
    assert decide(1.1, 0.5) == "go on"  # no rival is as fast
    assert decide(1.1, 2.0, count=4) == "go on"


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
