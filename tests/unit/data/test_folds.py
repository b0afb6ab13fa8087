"""Several chronological folds: which rows they have, and what they know of later ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from support.parts import wave

SERIES = read_series(wave(), DataOptions(target="load", known=("wind",)))
SHAPE = Shape(6, 2)
HALF = (0.5, 0.1)
cuts = st.tuples(st.integers(1, 4), st.integers(0, 40), st.sampled_from(["growing", "sliding"]))
FIELDS = ("inputs", "usable", "targets", "scored")


def same(ours, theirs) -> bool:
    return ours.rows == theirs.rows and all(
        np.array_equal(getattr(ours, field), getattr(theirs, field)) for field in FIELDS
    )


@settings(max_examples=30)
@given(cuts)
def test_each_fold_is_validated_right_before_the_next_newer_one(cut):
    folds, gap, history = cut
    split = split_series(SERIES, SHAPE, HALF, *cut)
    assert len(split.folds) == folds
    for n, fold in enumerate(split.folds):
        begins = 200 - 40 * n
        assert fold.validation.rows == (begins, begins + 40)
        assert fold.train.rows[1] == begins - gap
        rows = range(*fold.train.rows)
        assert len(rows) == (200 - 40 * (folds - 1 if history == "sliding" else n) - gap)
    assert split.open_test().rows == (240, 400)


@settings(max_examples=20)
@given(cuts, st.floats(-1e3, 1e3))
def test_no_fold_is_trained_on_or_scaled_by_what_comes_after_its_training(cut, poison):
    split = split_series(SERIES, SHAPE, HALF, *cut)
    for n, fold in enumerate(split.folds):
        values = SERIES.values.copy()
        values[fold.train.rows[1] :] += poison
        other = split_series(replace(SERIES, values=values), SHAPE, HALF, *cut).folds[n]
        assert same(fold.train, other.train)


@settings(max_examples=20)
@given(cuts, st.floats(-1e3, 1e3))
def test_no_fold_is_validated_on_what_comes_after_it(cut, poison):
    split = split_series(SERIES, SHAPE, HALF, *cut)
    for n, fold in enumerate(split.folds):
        values, known = SERIES.values.copy(), SERIES.known_values.copy()
        values[fold.validation.rows[1] :] += poison
        known[fold.validation.rows[1] :] += poison
        later = replace(SERIES, values=values, known_values=known)
        other = split_series(later, SHAPE, HALF, *cut).folds[n]
        assert same(fold.validation, other.validation)


def test_a_sliding_fold_is_scaled_by_its_own_rows_alone():
    split = split_series(SERIES, SHAPE, HALF, 3, 5, "sliding")
    for fold in split.folds:
        first, end = fold.train.rows
        targets = fold.train.targets[first:end]
        assert targets.mean() == pytest.approx(0, abs=1e-5)
        assert targets.std() == pytest.approx(1, rel=1e-5)


@given(st.integers(1, 4))
def test_the_newest_fold_is_what_a_split_without_others_has(folds):
    alone, newest = split_series(SERIES, SHAPE, HALF), split_series(SERIES, SHAPE, HALF, folds)
    assert same(alone.train, newest.train)
    assert same(alone.validation, newest.validation)
    assert alone.ends == newest.ends


def test_errors_of_any_fold_times_its_unit_are_in_the_scale_of_the_newest():
    growing = replace(SERIES, values=SERIES.values * np.linspace(1, 9, 400)[:, None])
    for fold in (split := split_series(growing, SHAPE, HALF, 3)).folds:
        first, end = fold.validation.rows
        own = np.diff(growing.values[first:end, 0])
        scaled = np.diff(fold.validation.targets[first:end]) * fold.unit
        np.testing.assert_allclose(scaled, own / split.scaling.target_std, rtol=1e-3, atol=1e-5)


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(0, 400))
def test_a_fold_without_enough_training_windows_is_one_sentence(folds, gap):
    left = 200 - 40 * (folds - 1) - gap
    if left - SHAPE.horizon - SHAPE.window + 1 >= 5:
        reject()
    with pytest.raises(LstmoptError, match=r"training part.*take fewer folds or a smaller gap"):
        split_series(SERIES, SHAPE, HALF, folds, gap)
