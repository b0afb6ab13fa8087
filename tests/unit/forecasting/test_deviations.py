"""How sure a model is of itself, and intervals that are as much wider."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import torch

from lstmopt import run
from lstmopt.forecasting.conformal import Conformal, Intervals
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.members import Mean, NetworkMember, both_sides
from lstmopt.forecasting.model_history import NetworkTraining
from lstmopt.networks.families import installed_families
from lstmopt.networks.head_posterior import HeadPosterior, fit_posterior
from lstmopt.networks.spread_head import SpreadHead
from lstmopt.results.run import read_run
from lstmopt.search_space import Architecture
from lstmopt.training.metrics import Quantiles
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
    for side in mean.deviations(PART, "ensemble"):
        np.testing.assert_allclose(side, draws.std(axis=0), rtol=1e-5)
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
    scaled = Conformal.of(errors[:900], False, "ensemble", both_sides(deviations[:900]))
    constant = Conformal.of(errors[:900])
    later, at = errors[1_000:], both_sides(deviations[1_000:])
    wide = at[0, :, 0] > 4
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
        other = Conformal.of(
            unit * errors[:900], False, "ensemble", unit * both_sides(deviations[:900])
        )
        bounds = Intervals(other, (80,), deviations=unit * at).bounds(80)
        for one, more in zip(
            Intervals(scaled, (80,), deviations=at).bounds(80), bounds, strict=True
        ):
            np.testing.assert_allclose(more, unit * one)


def test_a_model_that_says_nothing_of_itself_has_constant_intervals():
    errors = np.random.default_rng(0).standard_normal((60, 2))
    none = Conformal.of(errors, False, "ensemble", np.zeros((2, 60, 2)))
    assert none.scale == "constant"
    np.testing.assert_array_equal(none.errors, errors)


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("scales") / "wave.csv"
    wave().to_csv(path, index=False)
    return path


QUANTILES = "0.05 0.1 0.5 0.9 0.95"


def test_forecast_quantiles_say_how_far_off_a_forecast_may_be_on_either_side():
    one = network(4, quantiles=QUANTILES)
    assert one.knowing("quantile", TRAIN).known is None  # it needs no other head
    found = one.quantiles(PART)
    below, above = Mean.of(one).deviations(PART, "quantile")
    median = found.values[..., 2]
    np.testing.assert_allclose(median, one(PART), rtol=1e-5, atol=1e-6)
    reach = NormalDist().inv_cdf(0.95)
    np.testing.assert_allclose(median - reach * below, found.values[..., 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(median + reach * above, found.values[..., 4], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shares", [(0.1, 0.5), (0.5, 0.9)])
def test_a_side_without_a_quantile_is_as_far_as_the_other(shares):
    values = np.array([1.0, 3.0])[None, None]
    below, above = Quantiles(shares, values).spreads()
    expected = 2 / NormalDist().inv_cdf(0.9)
    assert below[0, 0] == above[0, 0] == pytest.approx(expected)


def test_quantiles_of_a_mean_are_means_where_all_members_have_the_same():
    one, two = (network(size, quantiles=QUANTILES) for size in (3, 4))
    mean = Mean((one, two), (1, 3))
    found = mean.quantiles_of([one.quantiles(PART), two.quantiles(PART)])
    expected = (one.quantiles(PART).values + 3 * two.quantiles(PART).values) / 4
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)
    assert (np.diff(found.values) >= 0).all()
    other = network(3, quantiles="0.2 0.5")
    assert mean.quantiles_of([one.quantiles(PART), None]) is None
    assert mean.quantiles_of([one.quantiles(PART), other.quantiles(PART)]) is None


def test_quantile_regression_is_calibrated_on_either_side():
    """Ends that are off by a factor, another one below than above, come to cover their share."""
    rng = np.random.default_rng(0)
    size = rng.uniform(0.5, 3.0, 4_000)
    errors = (size * np.where(rng.random(4_000) < 0.5, -rng.exponential(1, 4_000), 4.0))[:, None]
    errors *= rng.uniform(0, 1, (4_000, 1))
    claimed = np.stack([0.2 * size, 9.0 * size])[..., None]
    made = Conformal.of(errors[:2_000], False, "quantile", claimed[:, :2_000])
    lower, upper = Intervals(made, (80.0,), deviations=claimed[:, 2_000:]).bounds(80)
    later = errors[2_000:]
    assert ((later < lower).mean(), (later > upper).mean()) == (
        pytest.approx(0.1, abs=0.025),
        pytest.approx(0.1, abs=0.025),
    )
    wide = size[2_000:] > 2
    assert ((lower <= later) & (later <= upper))[wide].mean() == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("objective", ["val_sql", "val_pinball"])
def test_a_study_may_train_and_choose_by_quantiles(csv, tmp_path, objective):
    config = config_of(
        csv,
        objectives=[objective, "latency_ms"],
        networks=["segment", "linear"],
        space={"hidden_size": [8], "decoder_hidden_size": [0]},
        budget={"trials": 4},
        baselines=["ridge"],
        intervals={"levels": [80]},
        finalists={"seeds": 2},
    )
    run(config, tmp_path / "run")
    made = read_run(tmp_path / "run")
    model = Forecaster.load(tmp_path / "run")
    assert model.conformal.scale == "quantile"
    for member in model.mean.networks:
        assert member.architecture["quantiles"] == "0.1 0.5 0.9"
    values = [point.values[objective] for point in made.results.points]
    assert values
    assert all(value > 0 for value in values)
    found = model.predict(pd.read_csv(csv), levels=[80, 60])
    ends = ["load-lo-80", "load-lo-60", "load", "load-hi-60", "load-hi-80"]
    assert (np.diff(found[ends].to_numpy()) >= 0).all()


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
