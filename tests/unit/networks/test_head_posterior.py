"""The Bayesian last layer is Bayesian linear regression, against a direct computation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.linear_model import BayesianRidge

from lstmopt.networks.head_posterior import fit_posterior


def drawn(seed, count=60, features=4, noise=0.5):
    rng = np.random.default_rng(seed)
    seen = rng.standard_normal((count, features)) * rng.uniform(0.1, 3, features)
    weights = rng.standard_normal((features, 2))
    wanted = seen @ weights + 1 + noise * rng.standard_normal((count, 2)) * [1.0, 3.0]
    return seen, wanted


def with_constant(seen):
    return np.column_stack([seen, np.ones(len(seen))])


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(10, 80), st.integers(1, 6))
def test_the_variance_is_that_of_the_textbook(seed, count, features):
    seen, wanted = drawn(seed, count, features)
    found = fit_posterior(seen, wanted)
    rows, ahead = with_constant(seen), with_constant(drawn(seed + 1, 7, features)[0])
    for lead in (0, 1):
        precision = found.prior[lead] * np.eye(features + 1) + rows.T @ rows / found.noise[lead]
        covariance = np.linalg.inv(precision)
        expected = found.noise[lead] + np.einsum("ij,jk,ik->i", ahead, covariance, ahead)
        np.testing.assert_allclose(found.variance(ahead[:, :-1])[:, lead], expected, rtol=1e-6)


def evidence(seen, wanted, prior, noise):
    """The density of what was seen to come, weights integrated out."""
    rows = with_constant(seen)
    covariance = noise * np.eye(len(rows)) + rows @ rows.T / prior
    return multivariate_normal(np.zeros(len(rows)), covariance).logpdf(wanted)


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_prior_and_noise_have_more_evidence_than_others_near_them(seed):
    seen, wanted = drawn(seed)
    found = fit_posterior(seen, wanted)
    for lead in (0, 1):
        best = evidence(seen, wanted[:, lead], found.prior[lead], found.noise[lead])
        for more_prior, more_noise in ((1.3, 1), (1 / 1.3, 1), (1, 1.3), (1, 1 / 1.3)):
            prior, noise = found.prior[lead] * more_prior, found.noise[lead] * more_noise
            assert evidence(seen, wanted[:, lead], prior, noise) < best + 1e-6


def test_it_is_what_scikit_learns_bayesian_ridge_finds():
    seen, wanted = drawn(3)
    found = fit_posterior(seen, wanted)
    flat = {"alpha_1": 0.0, "alpha_2": 0.0, "lambda_1": 0.0, "lambda_2": 0.0}
    theirs = BayesianRidge(fit_intercept=False, tol=1e-10, max_iter=1_000, **flat)
    theirs.fit(with_constant(seen), wanted[:, 0])
    assert found.prior[0] == pytest.approx(theirs.lambda_, rel=1e-4)
    assert found.noise[0] == pytest.approx(1 / theirs.alpha_, rel=1e-4)
    _, deviation = theirs.predict(with_constant(seen), return_std=True)
    np.testing.assert_allclose(found.variance(seen)[:, 0] ** 0.5, deviation, rtol=1e-4)


def test_what_is_unlike_all_that_was_seen_is_less_sure():
    seen, wanted = drawn(0)
    variance = fit_posterior(seen, wanted).variance(np.array([[0.0] * 4, [50.0] * 4]))
    assert (variance[1] > 5 * variance[0]).all()
    assert (variance[0] > 0).all()


def test_the_target_s_unit_is_the_deviations():
    seen, wanted = drawn(1)
    one, other = fit_posterior(seen, wanted), fit_posterior(seen, 10 * wanted)
    np.testing.assert_allclose(other.variance(seen), 100 * one.variance(seen), rtol=1e-3)


@pytest.mark.parametrize("wanted", [np.zeros((20, 1)), np.ones((20, 1))])
def test_what_does_not_vary_has_a_finite_variance(wanted):
    variance = fit_posterior(drawn(0, 20)[0], wanted).variance(drawn(1, 5)[0])
    assert np.isfinite(variance).all()
    assert (variance >= 0).all()
