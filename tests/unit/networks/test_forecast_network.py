"""Every composition: shapes, what it sees, what it learns, and the laws of its normalisation."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lstmopt.data.input_columns import Columns
from lstmopt.errors import LstmoptError
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.lstm import LSTMForecaster
from lstmopt.networks.parameter_groups import SKIP_RATE, parameter_groups
from support.networks import (
    PARAMS,
    any_columns,
    any_composition,
    any_family,
    away_from_zero,
    make_network,
)

COLUMNS = Columns(past=2, calendar=4, known=2, annual=2, window=8, horizon=3)


@settings(max_examples=60)
@given(any_family, any_columns(), any_composition, st.integers(1, 4), st.integers(0, 3))
def test_a_window_has_a_forecast_of_its_own(family, columns, composition, batch, longer):
    torch.manual_seed(0)
    model = away_from_zero(make_network(family, columns, **composition)).eval()
    x = torch.randn(batch, columns.window + longer, columns.features)
    forecasts = model(x)
    assert forecasts.shape == (batch, 1, columns.horizon)
    alone = torch.cat([model(each[None, longer:]) for each in x])
    torch.testing.assert_close(forecasts, alone, rtol=1e-4, atol=1e-5)


@settings(max_examples=60)
@given(any_family, any_columns(), any_composition)
def test_every_weight_learns(family, columns, composition):
    columns = replace(columns, window=columns.window + 7)  # two segments at least
    torch.manual_seed(0)
    model = away_from_zero(make_network(family, columns, **composition))
    x = 3 * torch.randn(64, columns.window, columns.features)
    model(x).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        if name.startswith("head.") and (composition["decoder_hidden_size"] or model.recent):
            continue  # rectified units may be at rest, and the window's last value is its level
        assert parameter.grad.abs().sum() > 0, name
        if name.startswith(("skip.", "head.")):
            assert (parameter.grad != 0).all(), name


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("last", [1, 3])
def test_the_classic_composition_is_the_classic_network_bit_for_bit(layers, dropout, last):
    torch.manual_seed(5)
    classic = LSTMForecaster(8, layers, COLUMNS.features, 3, dropout)
    torch.manual_seed(5)
    model = make_network("lstm", COLUMNS, hidden_size=8, num_layers=layers, dropout=dropout)
    x = torch.randn(5, COLUMNS.window + last - 1, COLUMNS.features)
    found = []
    for each in (classic, model):
        torch.manual_seed(7)
        forecasts = each(x, last)
        forecasts.square().sum().backward()
        found.append([forecasts, *(p.grad for p in each.parameters())])
    assert len(found[0]) == len(found[1])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@settings(max_examples=40)
@given(
    st.sampled_from(["lstm", "gru", "segment"]),
    any_columns(),
    any_composition,
    st.sampled_from(["last", "last_std", "revin"]),
    st.floats(-5, 5),
)
def test_a_shift_of_the_target_shifts_the_forecast(family, columns, composition, kind, shift):
    composition = composition | {"normalisation": kind}
    torch.manual_seed(0)
    model = away_from_zero(make_network(family, columns, **composition)).eval()
    x = torch.randn(4, columns.window, columns.features)
    shifted = x.clone()
    shifted[:, :, 0] += shift
    # of one value a deviation is none, and rounding is all that RevIN's would be
    tolerance = 1e-3 if columns.window > 1 else 1e-2
    torch.testing.assert_close(model(shifted), model(x) + shift, rtol=1e-3, atol=tolerance)


def test_the_deviation_scales_the_forecast():
    torch.manual_seed(0)
    model = away_from_zero(make_network("segment", COLUMNS, normalisation="last_std"))
    model.normalisation.least_deviation.fill_(1e-3)
    x = torch.randn(4, COLUMNS.window, COLUMNS.features)
    scaled = x.clone()
    scaled[:, :, 0] *= 7
    torch.testing.assert_close(model(scaled), 7 * model(x), rtol=1e-3, atol=1e-4)


def seen_columns(model: ForecastNetwork, row: int) -> set[int]:
    """Return the columns of a row on which forecasts depend."""
    x = torch.randn(8, COLUMNS.window, COLUMNS.features, requires_grad=True)
    model(x).square().sum().backward()
    return set(x.grad[:, row].abs().sum(0).nonzero().flatten().tolist())


# columns: target, past; two annual and two other terms of the calendar; two known of 3 leads each
@pytest.mark.parametrize(
    ("composition", "first", "newest"),
    [
        ({}, range(12), range(12)),
        ({"calendar": "no_annual"}, [0, 1, *range(4, 12)], [0, 1, *range(4, 12)]),
        ({"normalisation": "last"}, range(8), range(12)),
        ({"normalisation": "last", "calendar": "no_annual"}, [0, 1, 4, 5, 6, 7], None),
        ({"skip": True, "calendar": "none"}, [0, 1, 6, 7], [0, 1, *range(6, 12)]),
    ],
)
@pytest.mark.parametrize("family", ["lstm", "gru", "segment"])
def test_each_part_sees_its_columns(family, composition, first, newest):
    torch.manual_seed(0)
    model = away_from_zero(make_network(family, COLUMNS, **composition))
    assert seen_columns(model, 0) == set(first)
    assert seen_columns(model, -1) == set(newest or [0, 1, *range(4, 12)])


def test_the_linear_family_sees_the_targets_window_and_the_last_row():
    model = away_from_zero(make_network("linear", COLUMNS, calendar="no_annual"))
    assert seen_columns(model, 0) == {0}
    assert seen_columns(model, -1) == {0, 1, *range(4, 12)}


def test_a_network_that_cannot_forecast_at_every_row_says_so():
    for family, params in [("segment", {}), ("lstm", {"skip": True}), ("linear", {})]:
        model = make_network(family, COLUMNS, **params)
        assert not model.forecasts_every_row
        with pytest.raises(ValueError, match="forecasts at one step, not 3"):
            model(torch.zeros(2, 10, COLUMNS.features), 3)


def test_a_linear_part_learns_slowly_and_without_decay():
    model = make_network("segment", COLUMNS, skip=True)
    rest, linear = parameter_groups(model)
    assert set(linear.parameters) == {model.skip.weight, model.skip.bias}
    assert (linear.rate, linear.decays) == (SKIP_RATE, False)
    assert (rest.rate, rest.decays) == (1.0, True)
    assert [*rest.parameters, *linear.parameters] == list(model.parameters())
    (alone,) = parameter_groups(make_network("segment", COLUMNS))
    assert alone.decays
    (linear,) = parameter_groups(make_network("linear", COLUMNS))
    assert not linear.decays


@pytest.mark.parametrize(
    ("name", "value"),
    [("calendar", "anual"), ("normalisation", "lats"), ("linear", "nliner"), ("cell", "rnn")],
)
def test_a_value_that_there_is_not_is_named(name, value):
    family = "linear" if name == "linear" else "segment"
    with pytest.raises(LstmoptError, match=f"found '{value}'"):
        make_network(family, COLUMNS, **{"skip": True, name: value})


@pytest.mark.parametrize("window", [0, 9])
def test_a_network_reads_no_more_than_the_inputs_hold(window):
    with pytest.raises(LstmoptError, match=f"reads 1 to 8 rows, found window = {window}"):
        make_network("linear", COLUMNS, window=window)


@settings(max_examples=20)
@given(any_family, any_columns(), any_composition)
def test_weights_are_counted_without_memory(family, columns, composition):
    with torch.device("meta"):
        found = make_network(family, columns, **composition)
    built = make_network(family, columns, **composition)
    shapes = {name: p.shape for name, p in found.named_parameters()}
    assert shapes == {name: p.shape for name, p in built.named_parameters()}
    assert all(p.is_meta for p in found.parameters())


def test_an_encoder_says_its_size():
    with pytest.raises(LstmoptError, match=r"attribute size .* found None in Identity"):
        ForecastNetwork(nn.Identity(), PARAMS, COLUMNS)
