"""A model may be the mean of several members; it is saved without code and read back the same."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

from lstmopt.data.layout import Spans
from lstmopt.data.options import DataOptions
from lstmopt.data.read_series import read_series
from lstmopt.data.scaling import fit_scaling, scaled_inputs
from lstmopt.data.split import scaled_part
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baselines import fit_baselines
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.members import BaselineMember, Mean, NetworkMember
from lstmopt.forecasting.model_history import NetworkTraining
from lstmopt.networks.families import installed_families
from lstmopt.plugin.registry import load_registry
from support.architectures import lstm
from support.parts import wave

REGISTRY = load_registry()
SHAPE = Shape(12, 2)
SERIES = read_series(wave(400), DataOptions(target="load"))
SCALING = fit_scaling(SERIES, Spans.one((0, 400)))
PART = scaled_part(SERIES, scaled_inputs(SERIES, SCALING, 2), SCALING, SHAPE, Spans.one((0, 400)))
FEATURES = PART.inputs.shape[1]
TRAINING = NetworkTraining(params={"hidden_size": 4, "learning_rate": 0.1}, seed=7, reports=3)


def network(size: int) -> NetworkMember:
    torch.manual_seed(size)
    architecture = lstm(size)
    weights = installed_families().build(architecture.params, PART.columns).state_dict()
    return NetworkMember(weights, architecture, TRAINING)


def baseline(text: str) -> BaselineMember:
    train, validation = PART.earlier((0, 200)), PART.earlier((200, 300))
    (fitted,) = fit_baselines(REGISTRY, [text], train, validation, (24,))
    return BaselineMember(text, fitted.state, REGISTRY)


def model_of(mean: Mean) -> Forecaster:
    reading, calendar = SERIES.reading, SERIES.calendar
    return Forecaster(mean, FEATURES, SHAPE, SCALING, SERIES.step, calendar, reading)


MIXED = Mean(
    (network(4), baseline("ridge:most_rows=20"), baseline("boosting"), baseline("seasonal_naive")),
    (3, 2, 1, 1),
)


@pytest.mark.parametrize(
    "mean", [Mean.of(network(4)), Mean((network(4), network(5)), (1, 2)), MIXED]
)
def test_a_saved_mean_is_the_same_mean(tmp_path, mean):
    model_of(mean).save(tmp_path / "m.pth")
    loaded = Forecaster.load(tmp_path / "m.pth")
    assert loaded.mean.counts == mean.counts
    assert [each.training for each in loaded.mean.networks] == [TRAINING] * len(mean.networks)
    np.testing.assert_array_equal(loaded.mean(PART), mean(PART))
    table = wave(400)
    pd.testing.assert_frame_equal(loaded.predict(table), model_of(mean).predict(table))


def test_its_weights_are_read_without_running_code(tmp_path):
    model_of(MIXED).save(tmp_path / "m.pth")
    held = torch.load(tmp_path / "m.pth", weights_only=True)
    assert [set(each) for each in held] == [set(member.tensors()) for member in MIXED.members]
    model_of(Mean.of(network(4))).save(tmp_path / "one.pth")
    alone = torch.load(tmp_path / "one.pth", weights_only=True)
    assert set(alone) == set(network(4).tensors())


def test_a_forecast_is_the_weighted_mean():
    each = [member(PART) for member in MIXED.members]
    np.testing.assert_allclose(MIXED(PART), np.average(each, axis=0, weights=MIXED.counts), 1e-5)
    networks = Mean((network(4), network(5)), (1, 2))
    windows = PART.gather_inputs(PART.origins()[-3:])
    own = networks(PART)[-3:] * SCALING.target_std + SCALING.target_mean
    np.testing.assert_allclose(model_of(networks).forecast(windows), own, rtol=1e-5)


def test_it_reads_as_many_rows_as_the_member_that_looks_back_furthest(tmp_path):
    model = model_of(MIXED)
    assert model.rows == 24
    table = wave(400)
    table.to_csv(tmp_path / "a.csv", index=False)
    expected = model.predict(table)["load"]
    np.testing.assert_allclose(model.predict(table[-24:])["load"], expected, rtol=1e-6)
    with pytest.raises(LstmoptError, match="reads 24 rows before its forecast, found 23"):
        model.predict(table[-23:])
    with pytest.raises(LstmoptError, match="there are 24 rows before it"):
        model.look_back(model.read(table[-27:]), 3)


def test_what_only_a_single_network_has_is_one_sentence_of_a_mean():
    model = model_of(MIXED)
    with pytest.raises(LstmoptError, match="found 4 members"):
        model.network()
    with pytest.raises(LstmoptError, match="found a baseline among its members"):
        model.forecast(PART.gather_inputs(PART.origins()[:1]))
    assert model_of(Mean.of(network(4))).network().training is False


def test_a_model_of_the_first_schema_is_read(tmp_path):
    model = model_of(Mean.of(network(4)))
    model.save(tmp_path / "m.pth")
    path = tmp_path / "m.json"
    content = json.loads(path.read_text())
    (member,) = content.pop("members")
    history = {"params": TRAINING.params, "seed": 7, "reports": 3, "until": "x", "updates": []}
    older = {"schema": 1, "architecture": member["architecture"], "history": history}
    path.write_text(json.dumps(content | older))
    loaded = Forecaster.load(tmp_path / "m.pth")
    assert loaded.member.training == TRAINING
    assert loaded.history.until == "x"
    np.testing.assert_array_equal(loaded.mean(PART), model.mean(PART))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(schema=3), "reads schema 1 and 2, not 3"),
        (lambda d: d["members"][0].update(count=0), "must count at least once"),
        (lambda d: d["members"].pop(), "shorter"),
        (lambda d: d["members"][1].update(baseline="rigde"), "did you mean 'ridge'"),
    ],
)
def test_a_damaged_description_is_one_sentence(tmp_path, change, words):
    model_of(MIXED).save(tmp_path / "m.pth")
    content = json.loads((tmp_path / "m.json").read_text())
    change(content)
    (tmp_path / "m.json").write_text(json.dumps(content))
    with pytest.raises(LstmoptError, match=words):
        Forecaster.load(tmp_path / "m.pth")


def test_a_mean_holds_what_its_members_hold():
    assert MIXED.parameters == sum(member.parameters for member in MIXED.members)
    one = network(4)
    assert one.parameters == sum(weight.numel() for weight in one.weights.values())
    assert one.megabytes == pytest.approx(4 * one.parameters / 1e6)
