from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from lstmopt.forecasting.baselines import _ridge, fit_baselines
from support.parts import make_part

HORIZON = 2


def by_hand(train, part, alpha, lead, wanted):
    """Ridge of one lead on the training windows that are wanted."""
    origins = train.origins()
    inputs = train.gather_inputs(origins).reshape(len(origins), -1)
    targets = train.gather_targets(origins)[0][:, lead]
    model = Ridge(alpha=alpha).fit(inputs[wanted], targets[wanted])
    return model.predict(part.gather_inputs(part.origins()).reshape(len(part.origins()), -1))


def scored(part, rows):
    """The part with targets at some rows alone."""
    there = np.zeros(len(part.scored), bool)
    there[rows] = True
    return replace(part, scored=there)


def test_ridge_regresses_each_lead_on_windows_with_all_of_their_targets():
    part = make_part(0, 160)
    rows = np.setdiff1d(np.arange(160), [40, 41, 90])
    train = scored(part, rows)
    whole = train.gather_targets(train.origins())[1].all(1)
    found = _ridge(train, 1.0)(part)
    for lead in range(HORIZON):
        expected = by_hand(train, part, 1.0, lead, whole)
        assert found[:, lead] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_where_no_window_has_all_of_its_targets_each_lead_takes_those_that_have_it():
    part = make_part(0, 160)
    train = scored(part, np.arange(0, 160, 2))
    mask = train.gather_targets(train.origins())[1]
    assert not mask.all(1).any()
    found = _ridge(train, 1.0)(part)
    for lead in range(HORIZON):
        expected = by_hand(train, part, 1.0, lead, mask[:, lead].astype(bool))
        assert found[:, lead] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_without_any_target_of_a_lead_there_is_no_ridge():
    train, validation = make_part(0, 160), make_part(160, 240)
    last = scored(train, [159])  # the second lead of the last window, and nobody's first
    assert last.gather_targets(last.origins())[1].any(0).tolist() == [False, True]
    assert fit_baselines(last, validation, ())["ridge"] is None
