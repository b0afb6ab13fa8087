"""Quantiles around a forecast: they never cross, begin at the data's and learn them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss

from lstmopt.data.input_columns import Columns
from lstmopt.errors import LstmoptError
from lstmopt.networks.quantile_head import QuantileHead
from lstmopt.search_space.quantiles import (
    check_quantiles,
    parse_quantiles,
    quantile_text,
    quantiles_of_levels,
)
from lstmopt.training.metrics import Quantiles
from lstmopt.training.metrics import pinball_loss as measured_loss
from lstmopt.training.train_step import pinball_loss
from support.networks import (
    any_columns,
    any_composition,
    any_family,
    away_from_zero,
    make_network,
    random_parts,
)

SHARES = (0.05, 0.25, 0.5, 0.9)
COLUMNS = Columns(past=2, calendar=0, known=0, annual=0, window=6, horizon=2)
TEXT = "0.05 0.25 0.5 0.9"
some_quantiles = st.sets(st.integers(1, 99), min_size=1).map(
    lambda found: tuple(sorted({0.5} | {each / 100 for each in found}))
)


@settings(max_examples=80)
@given(any_family, any_columns(), any_composition, st.integers(1, 4), some_quantiles)
def test_quantiles_never_cross_and_the_median_is_the_forecast(
    family, columns, composition, batch, shares
):
    torch.manual_seed(0)
    quantiles = quantile_text(shares)
    model = make_network(family, columns, **composition, quantiles=quantiles)
    model = away_from_zero(model).eval()
    x = 3 * torch.randn(batch, columns.window, columns.features)
    found = model.forecast_quantiles(x)
    assert found.shape == (batch, 1, columns.horizon, len(shares))
    assert (found.diff(dim=-1) >= 0).all()
    median = found[..., shares.index(0.5)]
    torch.testing.assert_close(median, model(x), rtol=1e-4, atol=1e-5)


@settings(max_examples=40)
@given(any_family, any_columns(), any_composition)
def test_a_quantile_head_changes_no_other_weight_s_beginning(family, columns, composition):
    plain, with_head = (_begun(family, columns, composition, quantiles) for quantiles in ("", TEXT))
    for name, weight in plain.items():
        torch.testing.assert_close(with_head[name], weight, rtol=0, atol=0)


def _begun(family, columns, composition, quantiles):
    torch.manual_seed(0)
    model = make_network(family, columns, **composition, quantiles=quantiles)
    model.fit_start(*random_parts(columns))
    return model.state_dict()


@pytest.mark.parametrize("normalisation", ["none", "last"])
def test_a_network_begins_at_the_quantiles_of_what_is_left(normalisation):
    """Of training windows as many lie between two quantiles as the quantiles say."""
    model = make_network("segment", COLUMNS, normalisation=normalisation, skip=True, quantiles=TEXT)
    train, validation = random_parts(COLUMNS)
    model.fit_start(train, validation)
    inputs = torch.from_numpy(train.gather_inputs(train.origins()))
    truth, _ = train.gather_targets(train.origins())
    if normalisation == "none":
        model.head.begin_at_zero()
    found = model.forecast_quantiles(inputs)[:, 0].detach().numpy()
    between = [
        np.quantile(truth - found[..., 2], share, axis=0) for share in SHARES
    ]  # of what is left over
    gaps = np.diff(found[0], axis=-1).T
    np.testing.assert_allclose(gaps, np.diff(between, axis=0), rtol=0.05, atol=0.02)


def test_a_lead_that_was_never_observed_has_a_beginning():
    head = QuantileHead(3, COLUMNS.horizon, SHARES)
    residuals = np.full((20, COLUMNS.horizon), np.nan)
    head.begin(residuals)
    assert torch.isfinite(head.bias).all()
    head.begin(residuals[:0])
    assert torch.isfinite(head.bias).all()


@given(
    st.lists(st.floats(-5, 5), min_size=4, max_size=30),
    some_quantiles,
    st.integers(0, 1_000),
)
def test_pinball_loss_is_scikit_learns(truth, shares, seed):
    rng = np.random.default_rng(seed)
    truth = np.array(truth)
    values = np.sort(rng.normal(size=(len(truth), len(shares))), axis=1)
    known = np.arange(len(truth)) % 3 != 0
    expected = np.mean(
        [
            mean_pinball_loss(truth[known], values[known, place], alpha=share)
            for place, share in enumerate(shares)
        ]
    )
    seen = np.where(known, truth, np.nan)[:, None]
    assert measured_loss(Quantiles(shares, values[:, None]), seen) == pytest.approx(expected)
    total = pinball_loss(
        torch.from_numpy(values),
        torch.tensor(shares, dtype=torch.float64),
        torch.from_numpy(truth),
        torch.from_numpy(known.astype(float)),
    )
    assert float(total) == pytest.approx(2 * known.sum() * expected)


@settings(max_examples=20)
@given(st.integers(0, 1_000), st.floats(0.1, 10))
def test_scaling_residuals_scales_the_quantiles(seed, unit):
    residuals = np.random.default_rng(seed).normal(size=(200, 2))
    found = []
    for scale in (1.0, unit):
        head = QuantileHead(0, 2, SHARES)
        head.begin(scale * residuals)
        nothing, median = torch.empty(1, 0), torch.zeros(1, 2)
        found.append(head(nothing, torch.ones(1), median).detach())
    torch.testing.assert_close(found[1], unit * found[0], rtol=1e-3, atol=1e-3)


def test_a_network_without_quantiles_has_none_to_give():
    model = make_network("segment", COLUMNS)
    with pytest.raises(ValueError, match="quantiles are asked of a network that forecasts them"):
        model.forecast_quantiles(torch.zeros(1, 6, 2))


@given(st.sets(st.integers(1, 99), min_size=1, max_size=5))
def test_levels_are_the_ends_of_their_intervals(levels):
    shares = quantiles_of_levels(levels)
    assert len(shares) == 2 * len(levels) + 1
    assert shares[len(levels)] == 0.5
    for level, low, high in zip(
        sorted(levels, reverse=True), shares, reversed(shares), strict=False
    ):
        assert high - low == pytest.approx(level / 100)
    assert parse_quantiles(quantile_text(shares)) == shares


@pytest.mark.parametrize(
    ("given_", "rule"),
    [
        ((0.1, 1.0), "a quantile lies between 0 and 1, found 1"),
        ((0.0,), "a quantile lies between 0 and 1, found 0"),
        ((0.1, 0.1), "quantiles ascend and each is there once, found 0.1 before 0.1"),
        ((0.9, 0.1), "quantiles ascend and each is there once, found 0.9 before 0.1"),
        ((float("nan"),), "a quantile lies between 0 and 1, found nan"),
        ((0.5,), "quantiles lie beside the median, found 0.5 alone"),
    ],
)
def test_what_are_no_quantiles_is_refused(given_, rule):
    with pytest.raises(LstmoptError, match=rule):
        check_quantiles(given_)
    with pytest.raises(LstmoptError, match=rule):
        parse_quantiles(quantile_text(given_))


def test_what_is_no_number_is_refused():
    with pytest.raises(LstmoptError, match="quantiles are numbers with blanks between them"):
        parse_quantiles("0.1, half")
