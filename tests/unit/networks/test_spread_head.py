"""A quantile head finds how the size of errors depends on what it sees."""

from __future__ import annotations

import numpy as np
import pytest

from lstmopt.networks.spread_head import QUANTILE, SpreadHead, fit_spread

RNG = np.random.default_rng(0)
SEEN = RNG.uniform(-1, 1, (6_000, 3)) * [1.0, 5.0, 1.0] + [0.0, 2.0, 7.0]
TRUE = np.column_stack([np.exp(SEEN[:, 0]), np.full(6_000, 2.0)])
RESIDUALS = TRUE * RNG.standard_normal((6_000, 2))
HEAD = fit_spread(SEEN[:4_000], RESIDUALS[:4_000])


def test_it_is_the_quantile_where_errors_are_large_and_where_they_are_small():
    later, sizes = HEAD.spread(SEEN[4_000:]), np.abs(RESIDUALS[4_000:])
    small = SEEN[4_000:, 0] < -0.3
    large = SEEN[4_000:, 0] > 0.3
    for some in (small, large):
        within = (sizes[some] <= later[some]).mean(axis=0)
        assert within == pytest.approx([QUANTILE] * 2, abs=0.05)
    # a constant would hold far more of the small ones than of the large
    constant = np.quantile(np.abs(RESIDUALS[:4_000, 0]), QUANTILE)
    assert (sizes[small, 0] <= constant).mean() > 0.93
    assert (sizes[large, 0] <= constant).mean() < 0.72


def test_it_depends_on_what_matters_alone():
    spread = HEAD.spread(SEEN[4_000:])
    assert np.corrcoef(spread[:, 0], TRUE[4_000:, 0])[0, 1] > 0.97
    assert spread[:, 1].std() < 0.1 * spread[:, 1].mean()
    assert (HEAD.spread(SEEN * 50) > 0).all()


def test_its_pinball_loss_is_lower_than_that_of_the_best_constant():
    def loss(spread):
        apart = np.abs(RESIDUALS[4_000:]) - spread
        return np.maximum(QUANTILE * apart, (QUANTILE - 1) * apart).mean(axis=0)

    constant = loss(np.quantile(np.abs(RESIDUALS[4_000:]), QUANTILE, axis=0))
    found = loss(HEAD.spread(SEEN[4_000:]))
    assert found[0] < 0.95 * constant[0]
    assert found[1] < 1.01 * constant[1]


def test_the_targets_unit_is_the_spreads_and_the_same_data_give_the_same_head():
    again = fit_spread(SEEN[:500], RESIDUALS[:500])
    other = fit_spread(SEEN[:500], 10 * RESIDUALS[:500])
    np.testing.assert_array_equal(
        again.spread(SEEN), fit_spread(SEEN[:500], RESIDUALS[:500]).spread(SEEN)
    )
    np.testing.assert_allclose(other.spread(SEEN), 10 * again.spread(SEEN), rtol=1e-4)
    np.testing.assert_array_equal(SpreadHead(**again.arrays()).spread(SEEN), again.spread(SEEN))


def test_errors_of_nothing_and_few_windows_have_a_spread_too():
    assert np.isfinite(fit_spread(SEEN[:7], np.zeros((7, 2))).spread(SEEN)).all()
