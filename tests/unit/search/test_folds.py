"""A search whose reports are folds: the last mean counts, epochs are counted as trained."""

from __future__ import annotations

import dataclasses
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmopt.epoch import Epoch
from lstmopt.objectives import make_goals
from lstmopt.pruning.trial_curves import TrialView
from lstmopt.search.budget import SearchBudget
from lstmopt.search.imputation import impute
from lstmopt.training.trainer import Progress
from support.drivers import GOALS, in_process, make_driver, make_plan, outcome

FOLDS = make_goals(list(GOALS.objectives), cumulative=True)
EPOCHS = 4
"""Of a fold, at most."""


class Folds:
    """Stands in for training: each candidate's losses on three folds come from its seed."""

    def __call__(self, candidate, checkpoint, reports, seconds=math.inf):
        rng = np.random.default_rng(candidate.seed % 2**32)
        losses, lengths = rng.random(3), rng.integers(1, EPOCHS + 1, 3)
        begun = int(checkpoint or b"0")
        done = min(begun + reports, 3)
        rows = [
            Epoch(int(lengths[:n].sum()), 0.0, v := statistics.fmean(losses[:n]), v, 1 - v, 1.0)
            for n in range(begun + 1, done + 1)
        ]
        return Progress(str(done).encode(), tuple(rows), done == 3)


def plan_of(trials=12, pruner="none", **more):
    budget = {"trial_reports": 3, "epochs_per_report": EPOCHS, "segment_seconds": 0.0}
    return dataclasses.replace(make_plan(trials, goals=FOLDS, pruner=pruner), **budget, **more)


def test_a_trial_is_told_its_mean_over_all_folds_and_not_its_lowest(tmp_path):
    records = make_driver(tmp_path, plan_of(), in_process(Folds())).search()
    assert all(r.values["val_loss"] == r.curve[-1].val_loss for r in records)
    assert any(r.curve[-1].val_loss > min(e.val_loss for e in r.curve) for r in records)
    assert all(r.epochs_trained == r.curve[-1].number for r in records)


@pytest.mark.parametrize("pruner", ["median:n_startup_trials=1,n_warmup_steps=0", "auto"])
def test_an_interrupted_search_over_folds_decides_as_one_that_was_not(tmp_path, pruner):
    whole = make_driver(tmp_path / "whole", plan_of(20, pruner), in_process(Folds())).search()
    assert any(r.by_pruner for r in whole)

    class Dies(Folds):
        left = 9

        def __call__(self, *task):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return super().__call__(*task)

    with pytest.raises(KeyboardInterrupt):
        make_driver(tmp_path / "cut", plan_of(20, pruner), in_process(Dies())).search()
    rest = make_driver(tmp_path / "cut", plan_of(20, pruner), in_process(Folds())).search()
    assert outcome(rest) == outcome(whole)


@pytest.mark.parametrize("epochs", [4, 11, 50])
def test_an_epoch_budget_is_never_overspent_by_a_fold(tmp_path, epochs):
    plan = plan_of(99, epochs=epochs)
    records = make_driver(tmp_path, plan, in_process(Folds())).search()
    spent = sum(r.epochs_trained for r in records)
    assert epochs - EPOCHS < spent <= epochs
    assert "epochs were spent" in records[-1].reason or records[-1].state == "complete"


counts = st.integers(0, 50)


@given(counts, st.lists(st.integers(1, 9), max_size=5), st.integers(1, 9))
def test_a_report_is_left_where_all_its_epochs_are(total, spent, each):
    budget = SearchBudget(5, total, each=each)
    for epochs in spent:
        budget.spend(epochs)
    assert budget.is_spent([]) == (total - sum(spent) < each)


numbers = st.lists(st.floats(0, 9) | st.just(math.nan), min_size=1, max_size=5)


@given(numbers)
def test_of_a_cumulative_trial_each_value_counts_as_it_is(values):
    trial = TrialView(3, {"latency_ms": 1.0}, {"val_loss": values}, cumulative=True)
    expected = [math.inf if math.isnan(value) else value for value in values]
    assert trial.curve("val_loss").tolist() == expected
    trials = FOLDS.no_trials()
    trials.put(trial.until(1))
    trials.put(trial, finished=True)
    assert trials.best("val_loss")[0, : len(values)].tolist() == expected
    assert trials.best("val_loss")[0, -1] == expected[-1]
    assert trials.view(3).cumulative


def test_what_another_fold_may_make_worse_is_extrapolated_upwards():
    trials = FOLDS.no_trials()
    for n, loss in enumerate([0.1, 0.2, 0.3, 0.4]):
        curve = [loss, loss + 0.5] if n else [loss]
        view = TrialView(n, {"latency_ms": 1.0}, {"val_loss": curve}, cumulative=True)
        trials.put(view, finished=n > 0)
    told = impute(trials, FOLDS, "extrapolated")
    assert told[0][0] == pytest.approx(0.6)
    assert impute(trials, FOLDS, "last")[0][0] == 0.1
