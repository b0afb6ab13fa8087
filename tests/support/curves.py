"""Made-up trials and their curves for pruners."""

from __future__ import annotations

from hypothesis import strategies as st

from lstmopt.pruning.pruners import decisions
from lstmopt.pruning.trial_curves import Trials, TrialView

losses = st.floats(0, 10, allow_nan=False)


STATIC = ("latency_ms", "parameters")


@st.composite
def studies(draw, learned=("val_loss",), reports: int = 4):
    """Some trials with two static objectives and curves of the given learned ones.

    Returns their views and the numbers of those that are finished; the first never is.
    """
    views, finished = [], set()
    for number in range(draw(st.integers(1, 9))):
        static = {name: float(draw(st.integers(0, 3))) for name in STATIC}
        curves = {n: draw(st.lists(losses, min_size=reports, max_size=reports)) for n in learned}
        views.append(TrialView(number, static, curves))
        if number and draw(st.booleans()):
            finished.add(number)
    return views, finished


def known(views, finished=()) -> Trials:
    """Put trials into columns, in the order given."""
    trials = Trials(list(views[0].static), list(views[0].losses))
    for view in views:
        trials.put(view, view.number in finished)
    return trials


def first_stop(pruner, trial, others, finished):
    """Let a trial come report by report; return the report at which it is not to go on."""
    trials = known([*others, trial.until(0)], finished)
    report, decision = decisions(pruner, trial, trials, 1)[-1]
    return None if decision.action == "go on" else report


def peers_by_hand(trial, others, finished):
    return [
        o
        for o in others
        if o.number in finished and all(o.static[n] <= trial.static[n] for n in trial.static)
    ]
