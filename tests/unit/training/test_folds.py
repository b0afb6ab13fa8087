"""A candidate on several folds: what a report says, and that segments change nothing."""

from __future__ import annotations

import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.data.scaling import Scaling
from lstmopt.data.windows import Fold
from lstmopt.networks.weights import read_checkpoint
from lstmopt.plugin.registry import load_registry
from lstmopt.search_space import Candidate
from lstmopt.seeds import derive_seed
from lstmopt.training.folds import TrainingParts, open_workload
from lstmopt.training.forecast_objectives import ForecastObjectives
from lstmopt.training.options import TrainingOptions
from lstmopt.training.own_units import OwnUnits
from lstmopt.training.trainer import Workload, advance
from support.parts import SMALL, make_part

OPTIONS = TrainingOptions(epochs=4, patience=2)
FOLDS = (
    Fold(make_part(0, 160), make_part(160, 200)),
    Fold(make_part(0, 120), make_part(120, 160), 0.5),
    Fold(make_part(0, 80), make_part(80, 120), 2.0),
)
PARTS = TrainingParts(FOLDS)
CANDIDATE = Candidate(SMALL, seed=5)
WHOLE = open_workload(PARTS, OPTIONS, "cpu")(CANDIDATE, None, 3)


def said(epochs):
    return [(e.number, e.train_loss, e.val_loss, e.val_mae, e.val_r2) for e in epochs]


def alone(n: int):
    """Train on one fold as if there were no others."""
    fold, seed = FOLDS[n], derive_seed(CANDIDATE.seed, n) if n else CANDIDATE.seed
    workload = Workload(fold.train, fold.validation, OPTIONS, "cpu")
    return advance(workload, replace(CANDIDATE, seed=seed), None, OPTIONS.epochs)


def test_a_report_is_the_mean_over_the_folds_so_far_in_the_units_of_the_newest():
    best = [min(alone(n).epochs, key=lambda e: e.val_loss) for n in range(3)]
    assert [e.val_loss for e in WHOLE.epochs] == [
        statistics.fmean(
            e.val_loss * fold.unit**2 for e, fold in zip(best[:n], FOLDS, strict=False)
        )
        for n in (1, 2, 3)
    ]
    mae = statistics.fmean(e.val_mae * fold.unit for e, fold in zip(best, FOLDS, strict=True))
    assert WHOLE.epochs[-1].val_mae == mae
    assert WHOLE.epochs[-1].val_r2 == statistics.fmean(e.val_r2 for e in best)
    assert WHOLE.finished
    assert WHOLE.failure is None


def test_forecast_objectives_are_measured_on_each_fold_in_its_own_units():
    mae = load_registry().objective("val_mase")
    target = PARTS.folds[0].validation.targets.astype(float)
    units = [
        OwnUnits(target * std, Scaling(np.zeros(1), np.array([float(std)])), 24, scale)
        for std, scale in ((1, 1), (2, 3), (4, 5))
    ]
    measures = tuple(ForecastObjectives.of([mae], unit) for unit in units)
    found = open_workload(TrainingParts(FOLDS, measures), OPTIONS, "cpu")(CANDIDATE, None, 3)
    assert said(found.epochs) == said(WHOLE.epochs)
    best = [min(alone(n).epochs, key=lambda e: e.val_loss) for n in range(3)]
    each = [
        e.val_mae * u.scaling.target_std / u.naive_mae for e, u in zip(best, units, strict=True)
    ]
    for n, report in enumerate(found.epochs, 1):
        assert report.values == {"val_mase": pytest.approx(statistics.fmean(each[:n]), rel=1e-4)}


def test_epochs_are_counted_as_they_were_trained():
    trained = [len(alone(n).epochs) for n in range(3)]
    assert [e.number for e in WHOLE.epochs] == [sum(trained[: n + 1]) for n in range(3)]


def test_the_weights_to_deploy_are_those_of_the_newest_fold_and_the_others_are_kept():
    saved = read_checkpoint(WHOLE.checkpoint)
    for n, ours in enumerate([saved["best_weights"], *saved["older_weights"]]):
        theirs = read_checkpoint(alone(n).checkpoint)["best_weights"]
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert len(saved["older_weights"]) == 2


@settings(max_examples=6)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_segments_of_some_folds_are_one_of_all(segments):
    train, checkpoint, epochs = open_workload(PARTS, OPTIONS, "cpu"), None, []
    for reports in [*segments, 3]:
        progress = train(CANDIDATE, checkpoint, reports)
        checkpoint, epochs = progress.checkpoint, [*epochs, *progress.epochs]
    assert said(epochs) == said(WHOLE.epochs)
    ours, theirs = read_checkpoint(checkpoint), read_checkpoint(WHOLE.checkpoint)
    assert (ours["scores"], ours["epochs"]) == (theirs["scores"], theirs["epochs"])


@pytest.mark.parametrize("before", [0, 1])
def test_a_fold_that_time_ends_counts_for_nothing(before):
    train = open_workload(PARTS, OPTIONS, "cpu")
    begun = train(CANDIDATE, None, before)
    cut = train(CANDIDATE, begun.checkpoint, 3, seconds=0.0)
    assert (cut.epochs, cut.finished, cut.out_of_time) == ((), False, True)
    rest = train(CANDIDATE, cut.checkpoint, 3)
    assert said([*begun.epochs, *rest.epochs]) == said(WHOLE.epochs)


def test_a_fold_whose_loss_is_not_finite_is_a_failure_that_names_it():
    wild = Candidate(SMALL | {"learning_rate": 1e30}, 0)
    progress = open_workload(PARTS, OPTIONS, "cpu")(wild, None, 3)
    assert progress.finished
    assert progress.failure.endswith("epoch 1 of fold 1")
    again = open_workload(PARTS, OPTIONS, "cpu")(wild, progress.checkpoint, 3)
    assert (again.epochs, again.failure) == ((), progress.failure)


def test_one_fold_trains_as_if_there_were_no_folds():
    one = open_workload(TrainingParts(FOLDS[:1]), OPTIONS, "cpu")(CANDIDATE, None, OPTIONS.epochs)
    assert said(one.epochs) == said(alone(0).epochs)
