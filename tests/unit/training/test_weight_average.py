"""Averaged weights: what they are, when the model holds them, and that they go on."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lstmopt.training.weight_average import WeightAverage


def walked(model, average, steps, seed=0):
    """Move the weights at random and return them after each step."""
    generator = torch.Generator().manual_seed(seed)
    path = []
    for _ in range(steps):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator))
        average.update()
        path.append(model.weight.detach().clone())
    return path


@given(st.floats(0.01, 0.999), st.integers(0, 30))
def test_the_average_forgets_at_its_decay_and_at_first_sooner(decay, steps):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    expected = model.weight.detach().clone().double()
    average = WeightAverage(model, decay)
    for number, weight in enumerate(walked(model, average, steps), 1):
        kept = min(decay, (1 + number) / (10 + number))
        expected = kept * expected + (1 - kept) * weight.double()
    own = copy.deepcopy(model.state_dict())
    with average.applied():
        torch.testing.assert_close(model.weight.double(), expected, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(own[name], tensor) for name, tensor in model.state_dict().items())


def test_the_models_own_weights_come_back_after_a_failure():
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.9)
    (weight,) = walked(model, average, 1)
    with pytest.raises(ZeroDivisionError), average.applied():
        _ = 1 / 0
    assert torch.equal(model.weight, weight)


def test_without_a_decay_nothing_is_averaged():
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.0)
    *_, weight = walked(model, average, 3)
    with average.applied():
        assert torch.equal(model.weight, weight)
    assert average.state_dict()["averages"] == []


def test_buffers_stay_the_models_own():
    model = nn.BatchNorm1d(3)
    average = WeightAverage(model, 0.9)
    model.running_mean.fill_(5.0)
    average.update()
    with average.applied():
        assert float(model.running_mean[0]) == 5.0


def test_an_average_goes_on_from_a_checkpoint():
    def final(interrupted):
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        average = WeightAverage(model, 0.95)
        walked(model, average, 4)
        if interrupted:
            saved = copy.deepcopy(average.state_dict())
            average = WeightAverage(model, 0.95)
            average.load_state_dict(saved)
        walked(model, average, 4, seed=1)
        with average.applied():
            return model.weight.clone()

    assert torch.equal(final(True), final(False))
