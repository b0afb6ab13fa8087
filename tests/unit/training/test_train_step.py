from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lstmopt.search_space import Candidate
from lstmopt.training import onednn
from lstmopt.training.batches import DevicePart
from lstmopt.training.options import TrainingOptions
from lstmopt.training.train_step import AutogradStep, DirectStep, GraphedStep, make_step
from lstmopt.training.trainer import Workload, advance
from support.parts import SMALL, make_part, make_workload

CANDIDATE = Candidate(SMALL | {"dropout": 0.3}, seed=3)
needs_onednn = pytest.mark.skipif(not onednn.is_available(), reason="this torch has no oneDNN")


def needs_cuda(test):
    absent = not torch.cuda.is_available()
    return pytest.mark.gpu(pytest.mark.skipif(absent, reason="there is no CUDA device")(test))


def trained(kind, part, forecasts, steps=12, clip_norm=0.5):
    """Return the squared errors of some steps and the weights after them."""
    torch.manual_seed(0)
    model = make_workload().build(CANDIDATE).train()
    step = kind(model, CANDIDATE, clip_norm)
    batches = DevicePart(part, "cpu").batches(torch.arange(20, 20 + 8 * steps - 3), 8, forecasts)
    errors = [float(step(batch)) for batch in batches]
    return errors, model.state_dict()


@needs_onednn
@pytest.mark.parametrize("forecasts", [1, 4])
@pytest.mark.parametrize("gaps", [False, True])
def test_the_direct_step_is_the_one_of_autograd(forecasts, gaps):
    part = make_part(0, 160)
    if gaps:
        scored = part.scored.copy()
        scored[40:44] = False
        part = replace(part, scored=scored)
    errors, weights = trained(DirectStep, part, forecasts)
    expected_errors, expected = trained(AutogradStep, part, forecasts)
    assert len(errors) == 12
    assert errors == pytest.approx(expected_errors, rel=1e-4)
    for name, tensor in expected.items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=1e-5)


def test_batches_hold_every_window_once_in_order():
    part = DevicePart(make_part(0, 160), "cpu")
    origins = torch.randperm(100) + 10
    batches = list(part.batches(origins, 8))
    assert [batch.inputs.shape[1] for batch in batches] == [8] * 12 + [4]
    last_rows = torch.cat([batch.inputs[-1] for batch in batches])
    assert torch.equal(last_rows, part.inputs[origins])
    assert sum(batch.observed for batch in batches) == 100 * part.shape.horizon


def test_unobserved_targets_are_counted_out():
    part = make_part(0, 160)
    scored = part.scored.copy()
    scored[50:55] = False
    (batch,) = DevicePart(replace(part, scored=scored), "cpu").batches(torch.arange(45, 60), 15)
    rows = torch.arange(45, 60)[:, None] + torch.arange(1, 3)
    assert torch.equal(batch.mask[0] > 0, torch.from_numpy(scored)[rows])
    assert float(batch.observed) == scored[rows].sum()


def test_the_quickest_step_is_chosen_for_each_place(monkeypatch):
    model = make_workload().build(CANDIDATE)
    if onednn.is_available():
        assert isinstance(make_step(model, CANDIDATE, 1.0), DirectStep)
    assert isinstance(make_step(model, CANDIDATE, 1.0, "bfloat16"), AutogradStep)
    monkeypatch.setattr(onednn, "is_available", lambda: False)
    assert isinstance(make_step(model, CANDIDATE, 1.0, cuda_graph=True), AutogradStep)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_the_optimizer_is_the_one_that_was_chosen(name):
    candidate = Candidate(SMALL | {"optimizer": name, "weight_decay": 0.25}, 0)
    step = AutogradStep(make_workload().build(candidate), candidate, 1.0)
    assert type(step.optimizer) is getattr(torch.optim, name)
    assert step.optimizer.param_groups[0]["weight_decay"] == 0.25


def test_autograd_goes_on_from_a_checkpoint_as_if_never_interrupted(monkeypatch):
    monkeypatch.setattr(onednn, "is_available", lambda: False)
    workload = make_workload()
    whole = advance(workload, CANDIDATE, None, 6)
    first = advance(workload, CANDIDATE, None, 3)
    rest = advance(workload, CANDIDATE, first.checkpoint, 3)
    losses = [epoch.val_loss for epoch in first.epochs + rest.epochs]
    assert losses == [epoch.val_loss for epoch in whole.epochs]


def test_bfloat16_trains_to_nearly_the_same_loss():
    losses = [
        advance(make_workload(precision=precision), CANDIDATE, None, 10).epochs[-1].val_loss
        for precision in ("float32", "bfloat16")
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


@needs_cuda
@pytest.mark.parametrize("options", [{}, {"precision": "bfloat16"}, {"cuda_graph": True}])
def test_a_gpu_trains_to_nearly_the_same_loss(options):
    parts = make_part(0, 160), make_part(160, 240)
    candidate = Candidate(SMALL | {"dropout": 0.0}, 3)
    there = Workload(*parts, TrainingOptions(epochs=10, patience=10, **options), "cuda")
    here = advance(make_workload(), candidate, None, 10).epochs[-1].val_loss
    assert advance(there, candidate, None, 10).epochs[-1].val_loss == pytest.approx(here, rel=0.1)


@needs_cuda
def test_a_replayed_step_is_the_step():
    def weights(graphed):
        torch.manual_seed(0)
        candidate = Candidate(SMALL | {"dropout": 0.0}, 3)
        model = make_workload().build(candidate).train().cuda()
        step = AutogradStep(model, candidate, 0.5, capturable=True)
        step = GraphedStep(step) if graphed else step
        origins = torch.arange(20, 120, device="cuda")
        for batch in DevicePart(make_part(0, 160), "cuda").batches(origins, 8):
            step(batch)
        return model.state_dict()

    for name, tensor in weights(False).items():
        torch.testing.assert_close(weights(True)[name], tensor, rtol=1e-3, atol=1e-5)
