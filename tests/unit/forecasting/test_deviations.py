"""How sure a model is of itself, and intervals that are as much wider."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from lstmopt import run
from lstmopt.forecasting.conformal import Conformal, Intervals
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.members import Mean, NetworkMember
from lstmopt.forecasting.model_history import NetworkTraining
from lstmopt.networks.families import installed_families
from lstmopt.networks.head_posterior import HeadPosterior, fit_posterior
from lstmopt.networks.spread_head import SpreadHead
from lstmopt.results.run import read_run
from lstmopt.search_space import Architecture
from lstmopt.training.uncertainty import posterior_of
from support.architectures import lstm
from support.networks import NORMALISATIONS, make_network
from support.parts import make_part, wave
from support.studies import config_of

TRAIN, PART = make_part(0, 160), make_part(160, 240)
SCALES = ["constant", "ensemble", "bayesian", "dropout", "quantile"]


def network(size: int, dropout: float = 0.0, **params) -> NetworkMember:
    torch.manual_seed(size)
    architecture = Architecture.of({**lstm(size).params, **params})
    weights = installed_families().build(architecture.params, PART.columns).state_dict()
    trained = NetworkTraining(params={"dropout": dropout}, seed=0, reports=1)
    return NetworkMember(weights, architecture, trained)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("more", [{}, {"skip": True, "recent": 2, "decoder_hidden_size": 3}])
def test_the_forecast_is_what_the_head_sees_mapped(normalisation, more):
    torch.manual_seed(0)
    model = make_network("segment", PART.columns, normalisation=normalisation, **more).eval()
    torch.nn.init.normal_(model.head.weight)
    inputs = torch.from_numpy(PART.gather_inputs(PART.origins()))
    seen, unit, base = model.head_view(inputs)
    mapped = seen @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(base + unit * mapped, model(inputs)[:, -1])


def test_a_linear_network_has_no_head():
    model = make_network("linear", PART.columns)
    assert model.head_view(torch.from_numpy(PART.gather_inputs(PART.origins()))) is None
    assert posterior_of(model, TRAIN) is None


def test_a_posterior_is_that_of_what_the_head_sees_on_training_windows():
    torch.manual_seed(0)
    model = make_network("segment", PART.columns, normalisation="last_std")
    found = posterior_of(model, TRAIN)
    origins = TRAIN.origins()
    with torch.inference_mode():
        view = model.head_view(torch.from_numpy(TRAIN.gather_inputs(origins)))
    seen, unit, base = (each.double().numpy() for each in view)
    direct = fit_posterior(seen, (TRAIN.gather_targets(origins)[0] - base) / unit)
    np.testing.assert_allclose(found.variance(seen), direct.variance(seen), rtol=1e-3)


@pytest.mark.parametrize("scale", SCALES)
def test_an_ensemble_of_one_is_the_network(scale):
    one = network(4, num_layers=2, dropout=0.3)
    alone, twice = (Mean((one,) * n, (1,) * n).knowing(scale, TRAIN) for n in (1, 2))
    np.testing.assert_allclose(twice.deviations(PART, scale), alone.deviations(PART, scale))
    says_something = scale in ("bayesian", "dropout", "quantile")
    assert bool(alone.deviations(PART, scale).any()) == says_something


def test_members_are_a_mixture():
    members = [network(size).knowing("bayesian", TRAIN) for size in (3, 4, 5)]
    mean = Mean(tuple(members), (1, 2, 1))
    forecasts = np.stack([member(PART) for member in members]).astype(float)
    draws = np.repeat(forecasts, [1, 2, 1], axis=0)
    np.testing.assert_allclose(mean.deviations(PART, "ensemble"), draws.std(axis=0), rtol=1e-5)
    within = np.repeat([m.variances(PART, "bayesian") for m in members], [1, 2, 1], axis=0)
    both = np.sqrt(draws.var(axis=0) + within.mean(axis=0))
    np.testing.assert_allclose(mean.deviations(PART, "bayesian"), both, rtol=1e-5)


def test_dropout_says_the_same_of_the_same_table_and_more_where_more_is_dropped():
    little, much = (network(8, num_layers=2, dropout=share) for share in (0.1, 0.5))
    one = little.variances(PART, "dropout")
    np.testing.assert_array_equal(little.variances(PART, "dropout"), one)
    assert (one > 0).all()
    assert much.variances(PART, "dropout").mean() > 2 * one.mean()
    assert not network(8, num_layers=2).variances(PART, "dropout").any()
    np.testing.assert_array_equal(little(PART), much(PART))  # nothing is dropped of the forecast


def test_scaled_intervals_cover_what_constant_ones_cannot():
    rng = np.random.default_rng(0)
    deviations = rng.uniform(0.5, 5.0, (2_000, 1))
    errors = deviations * rng.standard_normal((2_000, 1))
    scaled = Conformal.of(errors[:900], False, "ensemble", deviations[:900])
    constant = Conformal.of(errors[:900])
    later, at = errors[1_000:], deviations[1_000:]
    wide = at[:, 0] > 4
    covered = {}
    for name, intervals in (
        ("scaled", Intervals(scaled, (80,), deviations=at)),
        ("constant", Intervals(constant, (80,), deviations=at)),
    ):
        lower, upper = intervals.bounds(80)
        within = (lower <= later) & (later <= upper)
        covered[name] = within.mean(), within[wide].mean()
    assert covered["scaled"] == (pytest.approx(0.8, abs=0.04), pytest.approx(0.8, abs=0.08))
    assert covered["constant"][0] == pytest.approx(0.8, abs=0.04)
    assert covered["constant"][1] < 0.7
    for unit in (0.1, 7.0):  # of the target: scaling it scales the interval
        other = Conformal.of(unit * errors[:900], False, "ensemble", unit * deviations[:900])
        bounds = Intervals(other, (80,), deviations=unit * at).bounds(80)
        for one, more in zip(
            Intervals(scaled, (80,), deviations=at).bounds(80), bounds, strict=True
        ):
            np.testing.assert_allclose(more, unit * one)


def test_a_model_that_says_nothing_of_itself_has_constant_intervals():
    errors = np.random.default_rng(0).standard_normal((60, 2))
    none = Conformal.of(errors, False, "ensemble", np.zeros((60, 2)))
    assert none.scale == "constant"
    np.testing.assert_array_equal(none.errors, errors)


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("scales") / "wave.csv"
    wave().to_csv(path, index=False)
    return path


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("scale", SCALES[1:])
def test_scaled_intervals_are_tested_deployed_and_kept(csv, tmp_path, scale, adaptive):
    config = config_of(
        csv,
        intervals={"levels": [80], "scale": scale, "adaptive": adaptive},
        space={
            "hidden_size": [4],
            "num_layers": [2],
            "dropout": [0.3],
            "learning_rate": {"low": 0.01, "high": 0.1, "log": True},
        },
        budget={"trials": 2},
        baselines=["ridge"],
        finalists={"seeds": 2, "averages": True, "refit": "all"},
    )
    run(config, tmp_path / "run")
    made = read_run(tmp_path / "run")
    label = made.results.chosen.label
    rows = made.forecasts[made.forecasts["part"] == "test"]
    width = rows[f"{label}-hi-80"] - rows[f"{label}-lo-80"]
    assert width[rows["lead"] == 1].nunique() > 10
    within = rows["truth"].between(rows[f"{label}-lo-80"], rows[f"{label}-hi-80"]).mean()
    (entry,) = made.results.chosen.test.intervals
    assert entry.all_leads.coverage == pytest.approx(within)
    model = Forecaster.load(tmp_path / "run")
    assert model.conformal.scale == scale
    known = {"bayesian": HeadPosterior, "quantile": SpreadHead}.get(scale, type(None))
    assert all(isinstance(member.known, known) for member in model.mean.networks)
    table = pd.read_csv(csv)
    first, second = (model.predict(table[:rows], levels=[80]) for rows in (398, 400))
    assert (first["load-lo-80"] < first["load"]).all()
    widths = [(f["load-hi-80"] - f["load-lo-80"]).to_numpy() for f in (first, second)]
    assert not np.allclose(*widths)
    again = replace(model).predict(table, levels=[80])
    pd.testing.assert_frame_equal(again, second)
