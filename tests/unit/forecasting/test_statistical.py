"""AutoETS and AutoTheta against statsforecast itself."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from lstmopt.data.windows import Part, Shape
from lstmopt.errors import LstmoptError
from lstmopt.forecasting import baselines
from lstmopt.forecasting.baselines import default_names, make_baseline
from lstmopt.plugin.registry import load_registry

REGISTRY = load_registry()
NAMES = ["auto_ets", "auto_theta"]
SEASON, TRAIN, ROWS, MOST = 12, 140, 200, 60


def sales(zero: float = -4.0) -> Part:
    """A season that grows with its level; own values are above 0, z-scores are not."""
    rng = np.random.default_rng(3)
    rows = np.arange(ROWS)
    own = (3 + rows / 60) * (1 + 0.3 * np.sin(2 * np.pi * rows / SEASON)) + rng.normal(0, 0.1, ROWS)
    targets = (own + zero).astype(np.float32)
    there = np.ones(ROWS, bool)
    return Part(targets[:, None], there, targets, there, Shape(24, 3), (TRAIN, ROWS), zero)


def fitted(name, part, seasons=(SEASON, 24)):
    train = part.earlier((0, TRAIN))
    made = make_baseline(REGISTRY, f"{name}:most_rows={MOST}")
    return made.fit(train, part, seasons)


def peer(name, part, origin):
    """Forecasts of statsforecast's own model, fitted and carried on by its own methods."""
    from statsforecast.models import AutoETS, AutoTheta

    own = part.targets.astype(float) - part.zero
    kind = {"auto_ets": AutoETS, "auto_theta": AutoTheta}[name]
    model = kind(season_length=SEASON).fit(own[TRAIN - MOST : TRAIN])
    first = TRAIN - MOST if name == "auto_ets" else origin + 1 - MOST
    return model, model.forward(own[first : origin + 1], h=3)["mean"] + part.zero


@pytest.mark.parametrize("name", NAMES)
def test_a_forecast_is_statsforecasts_own(name):
    part = sales()
    forecasts = fitted(name, part)(part)
    assert np.isfinite(forecasts).all()
    for place in (0, 17, -1):
        _, expected = peer(name, part, int(part.origins()[place]))
        assert forecasts[place] == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_a_season_that_grows_with_the_level_is_seen_in_the_targets_own_units():
    """Z-scores lie on both sides of 0, where a product makes no sense."""
    part = sales()
    model, _ = peer("auto_ets", part, TRAIN)
    assert model.model_["method"].endswith("M)")
    for name in NAMES:
        scaled = replace(part, zero=0.0)
        own, blind = (fitted(name, p)(p) for p in (part, scaled))
        targets, _ = part.gather_targets(part.origins())
        assert np.abs(own - targets).mean() < np.abs(blind - targets).mean()


def test_theta_forgets_where_its_level_began():
    model, _ = peer("auto_theta", sales(), TRAIN)
    assert model.model_["par"]["alpha"] >= 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_gap_is_filled_by_the_value_before_it(name):
    part = sales()
    gap = slice(TRAIN + 3, TRAIN + 6)
    there = part.usable.copy()
    there[gap] = False
    holed, filled = part.targets.copy(), part.targets.copy()
    holed[gap], filled[gap] = 0.0, part.targets[TRAIN + 2]
    broken = replace(part, targets=holed, usable=there, scored=there)
    forecast = fitted(name, part)
    found, origins = forecast(broken), broken.origins()
    assert len(origins) < len(part.origins())
    expected = forecast(replace(part, targets=filled).at(origins))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_history_that_does_not_vary_is_repeated(name):
    part = sales()
    still = replace(part, targets=np.full_like(part.targets, 0.5))
    assert fitted(name, part)(still) == pytest.approx(0.5)


@pytest.mark.parametrize("name", NAMES)
def test_training_that_is_too_short_or_does_not_vary_has_none(name):
    part, made = sales(), make_baseline(REGISTRY, name)
    assert made.fit(part.earlier((0, 19)), part, (SEASON,)) is None
    still = replace(part, targets=np.full_like(part.targets, 0.5))
    assert made.fit(still.earlier((0, TRAIN)), part, (SEASON,)) is None
    unseen = replace(part, usable=np.zeros(ROWS, bool), scored=np.zeros(ROWS, bool))
    assert made.fit(unseen.earlier((0, TRAIN)), part, (SEASON,)) is None


def test_the_season_is_the_shortest_that_training_holds_three_times():
    part = sales()
    for seasons, wanted in [((24, 12), 12), ((20,), 20), ((21,), 1), ((), 1)]:
        assert fitted("auto_theta", part, seasons).model.season_length == wanted


def test_without_the_package_a_study_does_without_them(monkeypatch):
    assert set(NAMES) <= set(default_names(REGISTRY))
    monkeypatch.setattr(baselines, "find_spec", lambda name: None)
    assert default_names(REGISTRY) == [n for n in REGISTRY.names("baseline") if n not in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_without_the_package_one_that_is_named_is_refused(monkeypatch, name):
    for module in [m for m in sys.modules if m.partition(".")[0] == "statsforecast"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(
        LstmoptError, match=r"needs a package .* pip install statsforecast"
    ) as error:
        make_baseline(REGISTRY, name)
    assert f"baseline '{name}'" in str(error.value)
