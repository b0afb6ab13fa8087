from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lstmopt.data.windows import Part
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.networks.weights import read_checkpoint
from lstmopt.search_space import Candidate
from lstmopt.training.batches import DevicePart
from lstmopt.training.fine_tuning import FineTuned, fine_tune
from lstmopt.training.options import TrainingOptions
from lstmopt.training.scores import evaluate
from lstmopt.training.trainer import advance
from support.architectures import network_of
from support.parts import make_part, make_workload
from support.training import CANDIDATE

OPTIONS = TrainingOptions(epochs=4)


@pytest.fixture(scope="module")
def network() -> ForecastNetwork:
    workload = make_workload()
    trained = workload.build(CANDIDATE)
    weights = read_checkpoint(advance(workload, CANDIDATE, None, 6).checkpoint)["model"]
    trained.load_state_dict(weights)
    return trained


def shifted(part: Part) -> Part:
    """A part of the same series at another level, in inputs and targets."""
    inputs = part.inputs.copy()
    inputs[:, 0] += 1
    return replace(part, inputs=inputs, targets=part.targets + np.float32(1))


def tune(network, train: Part, newest: Part, candidate=CANDIDATE, options=OPTIONS) -> FineTuned:
    return fine_tune(network, candidate, train, newest, options, "cpu")


def test_new_rows_at_another_level_make_a_network_better_there(network):
    train, newest = shifted(make_part(120, 200)), shifted(make_part(200, 240))
    tuned = tune(network, train, newest)
    assert 1 <= tuned.epochs <= OPTIONS.epochs
    assert tuned.after < tuned.before
    part = DevicePart(newest, "cpu")
    origins = part.origins(newest.shape.window)
    assert evaluate(network, part, origins).mse == pytest.approx(tuned.before)
    again = network_of(CANDIDATE.architecture, 2, 2)
    again.load_state_dict(tuned.weights)
    assert evaluate(again, part, origins).mse < tuned.before


def test_it_is_pure(network):
    train, newest = shifted(make_part(120, 200)), shifted(make_part(200, 240))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(1)
    first = tune(network, train, newest)
    torch.manual_seed(2)
    second = tune(network, train, newest)
    for name, tensor in first.weights.items():
        assert torch.equal(tensor, second.weights[name])
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert (first.before, first.after) == (second.before, second.after)


def test_weights_stay_where_training_makes_them_worse(network):
    wrong = replace(make_part(0, 160), targets=-make_part(0, 160).targets)
    tuned = tune(network, wrong, make_part(160, 240))
    assert tuned.weights is None
    assert tuned.epochs == 0
    assert tuned.after >= tuned.before


def test_a_loss_that_is_not_finite_is_no_number(network):
    wild = Candidate({**CANDIDATE.params, "learning_rate": 1e30}, 0)
    tuned = tune(network, make_part(0, 160), make_part(160, 240), wild)
    assert tuned.weights is None
    assert tuned.after is None
