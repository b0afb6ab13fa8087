from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lstmopt.errors import LstmoptError
from lstmopt.plugin.registry import load_registry
from lstmopt.pruning.percentile_rule import PercentileRule
from lstmopt.pruning.pruners import (
    Decision,
    NamedPruner,
    PeersPruner,
    Promoter,
    PrunerWrapper,
    make_pruner,
    peers_of,
)
from lstmopt.pruning.trial_curves import Trials, TrialView
from support.curves import STATIC, first_stop, known, peers_by_hand, studies
from support.plugins import fail, strategy_of

rules = st.builds(
    PercentileRule,
    st.sampled_from([25.0, 50.0]),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(1, 2),
)


@given(studies())
def test_peers_are_the_finished_trials_that_are_no_worse_on_every_static_objective(drawn):
    (trial, *others), finished = drawn
    trials = known([trial, *others], finished)
    expected = {o.number for o in peers_by_hand(trial, others, finished)}
    assert set(trials.numbers[peers_of(trial, trials)].tolist()) == expected


@given(studies(), st.data())
def test_columns_hold_what_was_put_in_however_it_came(drawn, data):
    views, finished = drawn
    trials = Trials(STATIC, ["val_loss"])
    for view in views:
        for report in sorted(data.draw(st.sets(st.integers(1, 4)))):
            trials.put(view.until(report))
        trials.put(view, view.number in finished)
    for view in views:
        row = trials.row(view.number)
        assert trials.view(view.number) == view
        assert trials.best("val_loss")[row, :4].tolist() == view.curve("val_loss").tolist()
        after = trials.best("val_loss")[row, 4:]
        expected = view.curve("val_loss")[-1] if view.number in finished else np.nan
        assert np.array_equal(after, np.full_like(after, expected), equal_nan=True)


def test_columns_grow_with_trials_and_reports():
    trials = Trials(["latency_ms"], ["val_loss"])
    lengths = [(7 * n) % 90 + 1 for n in range(300)]
    for n, length in enumerate(lengths):
        curve = [float(n + 100 - r) for r in range(length)]
        trials.put(TrialView(n, {"latency_ms": n}, {"val_loss": curve}), finished=n % 2 == 0)
    best = trials.best("val_loss")
    assert trials.reports.tolist() == lengths
    for n, length in enumerate(lengths):
        assert best[n, length - 1] == n + 101 - length
        ends = best[n, length:]
        assert (ends == n + 101 - length).all() if n % 2 == 0 else np.isnan(ends).all()


def test_what_is_not_a_number_is_passed_over_in_a_curve():
    view = TrialView(0, {}, {"val_loss": [float("nan"), 2.0, float("nan"), 3.0]})
    assert view.curve("val_loss").tolist() == [float("inf"), 2.0, 2.0, 2.0]


@given(studies(), rules)
def test_a_trial_better_than_all_its_peers_at_every_report_is_never_stopped(drawn, rule):
    (trial, *others), finished = drawn
    peers = peers_by_hand(trial, others, finished)
    best = np.min([p.losses["val_loss"] for p in peers], axis=0) if peers else np.full(4, 5.0)
    winner = TrialView(trial.number, trial.static, {"val_loss": list(best - 0.1)})
    assert first_stop(PeersPruner(rule, "rule"), winner, others, finished) is None


@given(studies(), rules)
def test_a_stopped_trial_was_worse_than_a_peer_no_slower(drawn, rule):
    (trial, *others), finished = drawn
    report = first_stop(PeersPruner(rule, "rule"), trial, others, finished)
    if report:
        reached = min(trial.losses["val_loss"][:report])
        peers = peers_by_hand(trial, others, finished)
        assert any(min(p.losses["val_loss"][:report]) < reached for p in peers)


@given(studies(learned=("val_loss", "val_mae")), rules)
def test_with_two_learned_objectives_both_must_say_stop(drawn, rule):
    views, finished = drawn
    pruner = PeersPruner(rule, "rule")

    def stops(*names):
        alone = [TrialView(v.number, v.static, {n: v.losses[n] for n in names}) for v in views]
        return pruner.decide(alone[0], known(alone, finished)).action == "stop"

    assert stops("val_loss", "val_mae") == (stops("val_loss") and stops("val_mae"))


@given(studies(), rules, st.integers(1, 3))
def test_a_decision_depends_on_curves_up_to_the_same_report_alone(drawn, rule, report):
    (trial, *others), finished = drawn

    def changed(view):
        values = [*view.losses["val_loss"][:report], *[0.0] * (4 - report)]
        return TrialView(view.number, view.static, {"val_loss": values})

    pruner, seen = PeersPruner(rule, "rule"), trial.until(report)
    first = pruner.decide(seen, known([seen, *others], finished))
    other = pruner.decide(seen, known([seen, *map(changed, others)], finished))
    assert first == other


@given(studies(), rules)
def test_decisions_do_not_depend_on_the_order_of_trials(drawn, rule):
    (trial, *others), finished = drawn
    pruner = PeersPruner(rule, "rule")
    first = pruner.decide(trial, known([trial, *others], finished))
    assert first == pruner.decide(trial, known([trial, *others[::-1]], finished))


@given(studies(), rules, st.floats(0.1, 10), st.floats(-5, 5))
def test_units_change_no_decision(drawn, rule, scale, shift):
    def moved(t):
        static = {name: np.exp(value) for name, value in t.static.items()}
        losses = {name: [scale * v + shift for v in values] for name, values in t.losses.items()}
        return TrialView(t.number, static, losses)

    views, finished = drawn
    gaps = np.diff(sorted(v for t in views for v in t.losses["val_loss"]))
    assume(all(gap == 0 or gap > 1e-3 for gap in gaps))  # rounding decides nothing
    # a percentile between two peers is rounded: leave out a trial that lies on one
    pruner = PeersPruner(rule, "rule")
    decision = pruner.decide(views[0], known(views, finished))
    threshold = decision.seen["val_loss threshold"]
    assume(threshold is None or abs(threshold - decision.seen["val_loss"]) > 1e-6)
    other = list(map(moved, views))
    assert decision.action == pruner.decide(other[0], known(other, finished)).action


def test_the_median_stops_the_worse_half_among_peers_and_no_fast_trial():
    finished = [
        TrialView(n, {"latency_ms": 5.0}, {"val_loss": [1.0, 0.5, 0.1 * n]}) for n in range(6)
    ]
    pruner = PeersPruner(PercentileRule(50.0, 5, 0, 1), "median")

    def decide(latency):
        trial = TrialView(9, {"latency_ms": latency}, {"val_loss": [2.0]})
        return pruner.decide(trial, known([*finished, trial], range(6)))

    assert decide(6.0).action == "stop"
    assert decide(1.0).action == "go on"
    assert "median at report 1" in decide(6.0).reason
    assert decide(6.0).seen == {"peers": 6, "val_loss": 2.0, "val_loss threshold": 1.0}
    assert decide(1.0).seen == {"peers": 0, "val_loss": 2.0, "val_loss threshold": None}


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


ONE = TrialView(0, {}, {"val_loss": [1.0]})


def registered(made):
    """A registry in which a plug-in's pruner strategy makes what is given."""
    strategy = strategy_of(lambda: made)
    return SimpleNamespace(strategy=lambda kind, name: strategy)


@pytest.mark.parametrize("made", [None, 3, object(), "median"])
def test_a_strategy_that_makes_no_pruner_is_named(made):
    words = r"has decide or should_stop, found .* from pruner 'mine' of mine\.py"
    with pytest.raises(LstmoptError, match=words):
        make_pruner(registered(made), "mine")


def test_a_rule_that_raises_is_named():
    rule = SimpleNamespace(should_stop=fail)
    with pytest.raises(LstmoptError, match=r"pruner 'mine' of mine\.py raised KeyError"):
        make_pruner(registered(rule), "mine").decide(ONE, known([ONE]))


@pytest.mark.parametrize("answer", [None, True, "stop", Decision("halt"), ("stop", "")], ids=repr)
def test_a_pruner_that_gives_no_decision_is_named(answer):
    pruner = SimpleNamespace(decide=lambda trial, trials: answer)
    with pytest.raises(LstmoptError, match=r"decides with a Decision .* from pruner 'mine'"):
        make_pruner(registered(pruner), "mine").decide(ONE, known([ONE]))


def test_a_pruner_that_wraps_another_blames_who_raised():
    failing = registered(SimpleNamespace(decide=fail))
    wrapper = make_pruner(failing, "mine")
    outer = NamedPruner(Asks(wrapper), "pruner 'outer' of other.py")
    with pytest.raises(LstmoptError, match=r"that pruner 'mine' of mine\.py raised"):
        outer.decide(ONE, known([ONE]))


class Asks(PrunerWrapper):
    def decide(self, trial, trials):
        return self.wrapped.decide(trial, trials)


def test_a_named_pruner_promotes_only_where_the_plug_in_does():
    registry = load_registry()
    assert isinstance(make_pruner(registry, "halving"), Promoter)
    assert not isinstance(make_pruner(registry, "median"), Promoter)
