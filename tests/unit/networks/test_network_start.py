"""What a network begins with, against brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from lstmopt.data.input_columns import Columns
from lstmopt.networks.linear_start import PENALTIES, LinearView, solve_linear
from support.networks import NORMALISATIONS, any_columns, make_network, random_parts

COLUMNS = Columns(past=2, calendar=3, known=1, annual=1, window=8, horizon=2)


def forecasts_of(model, part):
    with torch.no_grad():
        return model(torch.from_numpy(part.gather_inputs(part.origins())))[:, 0].numpy()


def seen_by_hand(part, kind, window):
    """Return what is seen, the targets, and what forecasts are the difference to."""
    inputs = part.gather_inputs(part.origins()).astype(float)
    targets = part.gather_targets(part.origins())[0].astype(float)
    target, others = inputs[:, -window:, 0], inputs[:, -1, 1:]
    if kind == "nlinear":
        last = target[:, -1:]
        return np.hstack([target - last, others]), targets, last
    kernel = min(25, window if window % 2 else window - 1)
    padded = np.pad(target, ((0, 0), (kernel // 2, kernel // 2)), "edge")
    trend = np.stack([np.convolve(row, np.ones(kernel) / kernel, "valid") for row in padded])
    return np.hstack([trend, target - trend, others]), targets, 0.0


def best_ridge(train, validation, kind, window):
    """Return the forecasts on validation of the ridge regression that is best there."""
    seen, targets, last = seen_by_hand(train, kind, window)
    asked, truth, base = seen_by_hand(validation, kind, window)
    found = []
    for penalty in PENALTIES[1:]:
        fitted = Ridge(penalty, solver="svd").fit(seen, targets - last)
        found.append(fitted.predict(asked).reshape(truth.shape) + base)
    plain = np.linalg.lstsq(np.hstack([seen, np.ones((len(seen), 1))]), targets - last)[0]
    found.append(np.hstack([asked, np.ones((len(asked), 1))]) @ plain + base)
    return min(found, key=lambda forecasts: ((forecasts - truth) ** 2).sum())


@settings(max_examples=25)
@given(any_columns(), st.sampled_from(["nlinear", "dlinear"]))
def test_the_linear_family_begins_as_the_best_ridge_regression(columns, kind):
    train, validation = random_parts(columns)
    model = make_network("linear", columns, linear=kind)
    model.fit_start(train, validation)
    expected = best_ridge(train, validation, kind, columns.window)
    np.testing.assert_allclose(forecasts_of(model, validation), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("family", ["lstm", "gru", "segment"])
def test_a_network_with_a_skip_begins_as_nlinear(family, normalisation):
    train, validation = random_parts(COLUMNS)
    model = make_network(family, COLUMNS, window=5, normalisation=normalisation, skip=True)
    model.fit_start(train, validation)
    expected = best_ridge(train, validation, "nlinear", 5)
    np.testing.assert_allclose(forecasts_of(model, validation), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("normalisation", ["last_std", "revin"])
def test_the_linear_part_is_not_rounded_to_bfloat16(normalisation):
    train, validation = random_parts(COLUMNS)
    model = make_network("segment", COLUMNS, normalisation=normalisation, skip=True)
    model.fit_start(train, validation)
    exact = forecasts_of(model, validation)
    with torch.autocast("cpu", torch.bfloat16):
        assert (forecasts_of(model, validation) == exact).all()


@pytest.mark.parametrize("family", ["lstm", "gru", "segment"])
def test_a_normalised_network_begins_at_the_windows_level(family):
    train, validation = random_parts(COLUMNS)
    target = validation.gather_inputs(validation.origins())[:, :, 0]
    for kind, level in [("last", target[:, -1]), ("last_std", target[:, -1]), ("revin", None)]:
        model = make_network(family, COLUMNS, normalisation=kind)
        model.fit_start(train, validation)
        expected = target.mean(1) if level is None else level
        for lead in forecasts_of(model, validation).T:
            np.testing.assert_allclose(lead, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("skip", [False, True])
def test_constants_are_those_of_the_training_windows(skip):
    train, validation = random_parts(COLUMNS)
    model = make_network("segment", COLUMNS, normalisation="last_std", skip=skip)
    model.fit_start(train, validation)
    target = train.gather_inputs(train.origins())[:, :, 0]
    left = train.gather_targets(train.origins())[0] - forecasts_of(model, train)
    deviation = target.std(1)
    floor = 0.1 * deviation.mean()
    deviation = np.maximum(deviation, floor)[:, None]
    seen = (target - target[:, -1:]) / deviation
    constants = model.normalisation
    assert float(constants.least_deviation) == pytest.approx(floor, rel=1e-4)
    assert float(constants.input_scale) == pytest.approx(np.sqrt((seen**2).mean()), rel=1e-4)
    expected = np.sqrt(((left / deviation) ** 2).mean())
    assert float(constants.output_scale) == pytest.approx(expected, rel=1e-3)


def test_windows_that_do_not_vary_leave_the_constants_at_one():
    train, validation = random_parts(replace(COLUMNS, window=1))
    model = make_network("lstm", replace(COLUMNS, window=1), normalisation="last")
    model.fit_start(train, validation)
    assert float(model.normalisation.input_scale) == 1.0
    assert float(model.normalisation.output_scale) > 0


def test_a_start_is_pure_and_solved_once():
    train, validation = random_parts(COLUMNS)
    solved = {}
    models = [make_network("segment", COLUMNS, skip=True) for _ in range(3)]
    models[0].fit_start(train, validation)
    models[1].fit_start(train, validation, solved)
    (view,) = solved
    solved[view] = solved[view] + 1
    models[2].fit_start(train, validation, solved)
    assert torch.equal(models[0].skip.weight, models[1].skip.weight)
    torch.testing.assert_close(models[2].skip.weight, models[0].skip.weight + 1)


def test_a_lead_without_any_target_repeats_the_last_value():
    train, validation = random_parts(COLUMNS)
    train = replace(train, scored=np.zeros_like(train.scored))
    train = train.at(np.arange(20, 120))
    found = solve_linear(train, validation, LinearView(8, (1,), "nlinear"))
    assert found.shape == (9, 2)
    assert not found.any()


def test_only_observed_targets_are_fitted():
    train, validation = random_parts(COLUMNS)
    targets, scored = train.targets.copy(), train.scored.copy()
    targets[50:60], scored[50:60] = 1e6, False
    spoilt = replace(train, targets=targets, scored=scored)
    left = [o for o in train.origins() if scored[o + 1 : o + 3].all()]
    view = LinearView(8, (1, 2), "nlinear")
    expected = solve_linear(train.at(np.array(left)), validation, view)
    np.testing.assert_allclose(solve_linear(spoilt, validation, view), expected)
