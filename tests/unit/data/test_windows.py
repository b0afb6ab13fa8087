from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.series import truncate
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from support.parts import wave

OPTIONS = DataOptions(target="load", known=("wind",))
SERIES = read_series(wave(), OPTIONS)
shapes = st.builds(Shape, st.integers(1, 30), st.integers(1, 12))


@settings(max_examples=40)
@given(shapes, st.sets(st.integers(0, 399), max_size=30))
def test_windows_are_those_that_brute_force_finds(shape, holes):
    observed = np.array([row not in holes for row in range(400)])
    values = SERIES.values.copy()
    values[list(holes)] = np.nan
    series = replace(SERIES, values=values, observed=observed)
    try:
        split = split_series(series, shape)
    except LstmoptError:
        reject()  # too few windows are left between the holes
    for part, (first, end) in (
        (split.train, (0, split.ends[0])),
        (split.validation, split.ends[:2]),
        (split.open_test(), split.ends[1:]),
        (split.all_rows()[0], (0, split.ends[2])),
    ):
        expected = [
            t
            for t in range(first - 1, end)
            if t - shape.window + 1 >= 0
            and first <= t + 1
            and t + shape.horizon < end
            and observed[t - shape.window + 1 : t + 1].all()
            and observed[t + 1 : t + 1 + shape.horizon].any()
        ]
        assert part.origins().tolist() == expected


@settings(max_examples=25)
@given(shapes, st.floats(-1e6, 1e6))
def test_the_search_never_reads_the_test_part(shape, poison):
    split = split_series(SERIES, shape)
    values, known = SERIES.values.copy(), SERIES.known_values.copy()
    values[split.ends[1] :] = poison
    known[split.ends[1] :] = poison
    poisoned = split_series(replace(SERIES, values=values, known_values=known), shape)
    for name in ("train", "validation"):
        ours, theirs = getattr(split, name), getattr(poisoned, name)
        for field in ("inputs", "usable", "targets", "scored"):
            np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field))
        assert len(ours.inputs) <= split.ends[1]


def test_scaling_is_fitted_on_the_training_part_alone():
    shape = Shape(12, 1)
    split = split_series(SERIES, shape)
    values = SERIES.values.copy()
    values[split.ends[0] :] += 100
    other = split_series(replace(SERIES, values=values), shape)
    assert other.scaling.target_mean == split.scaling.target_mean
    train = SERIES.values[: split.ends[0], 0]
    assert split.scaling.target_mean == pytest.approx(train.mean())
    assert split.scaling.target_std == pytest.approx(train.std())


def test_an_input_row_holds_the_past_at_t_and_what_is_known_of_later_rows():
    split = split_series(SERIES, Shape(4, 3))
    row = split.train.inputs[50]
    past = split.scaling.scale(SERIES.values[:, 0], 0)
    known = split.scaling.scale(SERIES.known_values[:, 0], 1)
    assert row[0] == pytest.approx(past[50], rel=1e-5)
    np.testing.assert_allclose(row[-3:], known[51:54], rtol=1e-5)


def test_the_parts_are_70_15_15_in_the_order_of_time():
    split = split_series(SERIES, Shape(6, 1))
    assert split.ends == (280, 340, 400)
    assert split.open_test().rows == (340, 400)


def test_a_series_too_short_for_its_window_is_one_sentence():
    short = truncate(SERIES, 40)
    with pytest.raises(LstmoptError, match="shorten the window or horizon"):
        split_series(short, Shape(36, 1))
