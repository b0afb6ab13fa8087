"""The direct calls give what nn.LSTM and torch.optim.Adam give, bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lstmopt.networks.parameter_groups import ParameterGroup
from lstmopt.training import onednn
from lstmopt.training.candidate_options import StepOptions
from lstmopt.training.onednn import DirectAdam, DirectLSTM

pytestmark = pytest.mark.skipif(not onednn.is_available(), reason="this torch has no oneDNN")

STEPS, FEATURES = 7, 3


@pytest.mark.parametrize("windows", [1, 16])
@pytest.mark.parametrize(("hidden", "layers", "dropout"), [(8, 1, 0.0), (32, 2, 0.0), (16, 3, 0.4)])
def test_the_passes_are_those_of_the_module_bit_for_bit(hidden, layers, dropout, windows):
    torch.manual_seed(0)
    lstm = nn.LSTM(FEATURES, hidden, layers, dropout=dropout)
    inputs, gradient = torch.randn(STEPS, windows, FEATURES), torch.randn(STEPS, windows, hidden)
    asked = inputs.clone().requires_grad_()
    torch.manual_seed(1)
    expected, _ = lstm(asked)
    expected.backward(gradient)
    torch.manual_seed(1)
    direct = DirectLSTM(lstm)
    assert torch.equal(direct.forward(inputs), expected)
    of_inputs, gradients = direct.backward(gradient)
    assert torch.equal(of_inputs, asked.grad)
    for found, parameter in zip(gradients, lstm.parameters(), strict=True):
        assert torch.equal(found, parameter.grad)


@pytest.mark.parametrize("kind", ["Adam", "AdamW"])
@pytest.mark.parametrize("factor", [0.01, 100])  # below and above the norm that is clipped
def test_the_update_is_that_of_the_optimizer(kind, factor):
    torch.manual_seed(0)
    theirs, ours = nn.Linear(4, 3), nn.Linear(4, 3)
    ours.load_state_dict(theirs.state_dict())
    slow = {"params": [theirs.bias], "lr": 0.001, "weight_decay": 0.0}
    optimizer = getattr(torch.optim, kind)(
        [{"params": [theirs.weight]}, slow], lr=0.01, weight_decay=0.1
    )
    groups = [ParameterGroup((ours.weight,)), ParameterGroup((ours.bias,), 0.1, decays=False)]
    update = DirectAdam(groups, StepOptions(kind, 0.01, 0.1), clip_norm=1.0)
    for _ in range(5):
        gradients = [factor * torch.randn_like(parameter) for parameter in theirs.parameters()]
        for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
            parameter.grad = gradient.clone()
        nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        optimizer.step()
        update(gradients)
    for name, weights in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], weights, rtol=1e-5, atol=1e-7)


def test_a_torch_that_declares_an_operator_otherwise_is_not_used(monkeypatch):
    monkeypatch.setitem(onednn._OPERATORS, "mkldnn_rnn_layer", "(Tensor input) -> Tensor")
    onednn.is_available.cache_clear()
    try:
        assert not onednn.is_available()
    finally:
        onednn.is_available.cache_clear()
