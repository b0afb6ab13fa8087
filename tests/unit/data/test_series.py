from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.series import Series, joined, truncate
from support.parts import wave

SERIES = read_series(wave(60), DataOptions(target="load", known=("wind",)))


def after(series: Series, first: int) -> Series:
    """Return a series without its first rows."""
    return replace(
        series,
        values=series.values[first:],
        known_values=series.known_values[first:],
        observed=series.observed[first:],
        times=series.times[first:],
    )


def test_a_series_is_known_again_by_its_first_values_whatever_stands_beside_them():
    long = wave(1_200)
    whole = read_series(long, DataOptions(target="load"))
    alone = read_series(
        long[["time", "load"]].astype({"load": "float32"}), DataOptions(target="load")
    )
    assert alone.target_fingerprint == whole.target_fingerprint
    assert truncate(whole, 1_000).target_fingerprint == whole.target_fingerprint
    assert truncate(whole, 999).target_fingerprint != whole.target_fingerprint
    other = read_series(long, DataOptions(target="wind"))
    assert other.target_fingerprint != whole.target_fingerprint


@settings(max_examples=30)
@given(st.integers(1, 59), st.integers(0, 59))
def test_a_series_that_was_cut_is_whole_again_unless_rows_lie_between(first, lost):
    older, newer = truncate(SERIES, max(1, first + 5 - lost)), after(SERIES, first)
    whole = joined(older, newer)
    expected = SERIES if len(older.times) >= first else newer
    pd.testing.assert_index_equal(whole.times, expected.times, check_names=False)
    for name in ("values", "known_values", "observed"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(expected, name))


def test_rows_of_a_newer_table_are_taken_as_they_are_there():
    newer = replace(after(SERIES, 30), values=SERIES.values[30:] + 1)
    whole = joined(SERIES, newer)
    assert (whole.values[30:] == newer.values).all()
    assert (whole.values[:30] == SERIES.values[:30]).all()
