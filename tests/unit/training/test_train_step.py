from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from lstmopt.data.input_columns import Columns
from lstmopt.errors import LstmoptError
from lstmopt.search_space import Candidate
from lstmopt.training import onednn
from lstmopt.training.batches import DevicePart
from lstmopt.training.candidate_options import StepOptions
from lstmopt.training.direct_step import DirectStep
from lstmopt.training.options import TrainingOptions
from lstmopt.training.train_step import AutogradStep, GraphedStep, make_step, total_loss
from lstmopt.training.trainer import Workload, advance
from support.networks import FAMILIES, make_network, random_parts
from support.parts import SMALL, make_part, make_workload

CANDIDATE = Candidate(SMALL | {"dropout": 0.3}, seed=3)
needs_onednn = pytest.mark.skipif(not onednn.is_available(), reason="this torch has no oneDNN")


def needs_cuda(test):
    absent = not torch.cuda.is_available()
    return pytest.mark.gpu(pytest.mark.skipif(absent, reason="there is no CUDA device")(test))


def autograd(model, candidate, clip_norm):
    return AutogradStep(model, candidate, clip_norm)


def direct(model, candidate, clip_norm):
    step = make_step(model, candidate, clip_norm)
    assert isinstance(step, DirectStep)
    return step


def trained(kind, build, candidate, part, forecasts=1):
    """Return the squared errors of 12 steps and the weights after them."""
    torch.manual_seed(0)
    model = build().train()
    step = kind(model, candidate, 0.5)
    batches = DevicePart(part, "cpu").batches(torch.arange(20, 113), 8, forecasts)
    errors = [float(step(batch)) for batch in batches]
    return errors, model.state_dict()


def assert_same_training(build, candidate, part, forecasts=1):
    errors, weights = trained(direct, build, candidate, part, forecasts)
    expected_errors, expected = trained(autograd, build, candidate, part, forecasts)
    assert len(errors) == 12
    assert errors == pytest.approx(expected_errors, rel=1e-4)
    for name, tensor in expected.items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=1e-5)


def with_gaps(part):
    scored = part.scored.copy()
    scored[40:44] = False
    return replace(part, scored=scored)


@needs_onednn
@pytest.mark.parametrize("forecasts", [1, 4])
@pytest.mark.parametrize("gaps", [False, True])
def test_the_direct_step_is_the_one_of_autograd(forecasts, gaps):
    part = with_gaps(make_part(0, 160)) if gaps else make_part(0, 160)
    build = partial(make_workload().build, CANDIDATE)
    assert_same_training(build, CANDIDATE, part, forecasts)


COLUMNS = Columns(past=2, calendar=4, known=1, annual=2, window=9, horizon=2)


def started(family, **params):
    """Build a network that starts as it would in a study."""
    model = make_network(family, COLUMNS, **params)
    model.fit_start(*random_parts(COLUMNS))
    return model


@needs_onednn
@pytest.mark.parametrize("family", ["lstm", "segment"])
@pytest.mark.parametrize("normalisation", ["none", "last", "last_std"])
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"calendar": "no_annual", "num_layers": 2, "dropout": 0.3, "window": 5},
        {"calendar": "none", "num_layers": 3, "hidden_size_2": 6, "dropout": 0.3, "segment": 4},
        {"decoder_hidden_size": 7, "recent": 3},
        {"quantiles": "0.1 0.5 0.9"},
        {"quantiles": "0.5 0.7 0.95", "num_layers": 2, "dropout": 0.3},
        {"quantiles": "0.05 0.2 0.5 0.9", "decoder_hidden_size": 7, "recent": 3},
    ],
)
def test_the_direct_step_of_every_composition_is_the_one_of_autograd(
    family, normalisation, skip, params
):
    build = partial(started, family, normalisation=normalisation, skip=skip, **params)
    candidate = Candidate(SMALL | {"weight_decay": 0.1, "schedule": "inverse_sqrt"}, 0)
    assert_same_training(build, candidate, with_gaps(random_parts(COLUMNS)[0]))


@needs_onednn
@pytest.mark.parametrize("forecasts", [1, 3])
def test_the_classic_composition_is_trained_as_the_classic_network_bit_for_bit(forecasts):
    part = make_part(0, 160)
    columns = Columns(past=1, calendar=1, known=0, annual=0, window=6, horizon=2)
    params = {"hidden_size": 8, "num_layers": 2, "dropout": 0.3}
    composed = partial(make_network, "lstm", columns, **params)
    errors, weights = trained(direct, composed, CANDIDATE, part, forecasts)
    classic = partial(make_workload().build, CANDIDATE)
    expected_errors, expected = trained(direct, classic, CANDIDATE, part, forecasts)
    assert errors == expected_errors
    for found, tensor in zip(weights.values(), expected.values(), strict=True):
        assert torch.equal(found, tensor)


@pytest.mark.parametrize(
    ("family", "params", "chosen"),
    [
        ("lstm", {}, DirectStep),
        ("segment", {"skip": True}, DirectStep),
        ("segment", {"cell": "gru"}, AutogradStep),
        ("segment", {"normalisation": "revin"}, AutogradStep),
        ("gru", {}, AutogradStep),
        ("linear", {}, AutogradStep),
        ("foreign", {"skip": True}, AutogradStep),
    ],
)
@needs_onednn
def test_what_is_not_differentiated_by_hand_is_by_autograd(family, params, chosen):
    model = make_network(family, COLUMNS, **params)
    assert type(make_step(model, CANDIDATE, 1.0)) is chosen
    absolute = Candidate(SMALL | {"loss": "absolute"}, 0)
    assert type(make_step(model, absolute, 1.0)) is AutogradStep


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
def test_every_family_learns_with_every_loss(family, loss):
    torch.manual_seed(0)
    candidate = Candidate(SMALL | {"loss": loss, "learning_rate": 3e-2}, 0)
    model = make_network(family, COLUMNS, normalisation="last").train()
    step = make_step(model, candidate, 1.0)
    part = DevicePart(random_parts(COLUMNS)[0], "cpu")
    passes = [
        sum(float(step(batch)) for batch in part.batches(torch.arange(20, 180), 8))
        for _ in range(15)
    ]
    assert passes[-1] < 0.9 * passes[0]


@pytest.mark.parametrize(("loss", "expected"), [("absolute", 4.5), ("huber", 3.125)])
def test_a_loss_is_summed_over_observed_targets(loss, expected):
    forecasts, targets = torch.tensor([[0.5, -3.0, 9.0], [0.0, 1.0, 0.0]]), torch.zeros(2, 3)
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    assert float(total_loss(loss, forecasts, targets, mask)) == expected


def test_the_rate_grows_for_a_hundred_steps_and_then_falls_with_their_root():
    options = StepOptions("Adam", 0.01, 0.0, schedule="inverse_sqrt")
    assert [options.rate(step) for step in (1, 50, 100, 400)] == [0.0001, 0.005, 0.01, 0.005]


@needs_onednn
@pytest.mark.parametrize("kind", [autograd, direct])
def test_a_schedule_goes_on_from_a_checkpoint(kind):
    candidate = Candidate(SMALL | {"schedule": "inverse_sqrt"}, 0)
    batches = list(DevicePart(random_parts(COLUMNS)[0], "cpu").batches(torch.arange(20, 180), 8))

    def weights(interrupted):
        torch.manual_seed(0)
        model = make_network("segment", COLUMNS, skip=True).train()
        step = kind(model, candidate, 1.0)
        for number, batch in enumerate(batches):
            if interrupted and number == 7:
                saved = copy.deepcopy(step.state_dict())
                step = kind(model, candidate, 1.0)
                step.load_state_dict(saved)
            step(batch)
        return model.state_dict()

    whole = weights(False)
    for name, tensor in weights(True).items():
        assert torch.equal(tensor, whole[name])


def test_a_loss_that_there_is_not_is_named():
    candidate = Candidate(SMALL | {"loss": "square"}, 0)
    with pytest.raises(LstmoptError, match="found 'square': did you mean 'squared'"):
        make_step(make_workload().build(candidate), candidate, 1.0)


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
@pytest.mark.parametrize("family", ["lstm", "segment"])
@pytest.mark.parametrize("schedule", ["constant", "inverse_sqrt"])
def test_a_replayed_step_is_the_step(family, schedule):
    columns = Columns(past=1, calendar=1, known=0, annual=0, window=6, horizon=2)
    params = {"normalisation": "last", "skip": True} if family == "segment" else {}

    def weights(graphed):
        torch.manual_seed(0)
        candidate = Candidate(SMALL | {"schedule": schedule}, 3)
        model = make_network(family, columns, **params).train().cuda()
        step = AutogradStep(model, candidate, 0.5, capturable=True)
        step = GraphedStep(step) if graphed else step
        origins = torch.arange(20, 120, device="cuda")
        for batch in DevicePart(make_part(0, 160), "cuda").batches(origins, 8):
            step(batch)
        return model.state_dict()

    for name, tensor in weights(False).items():
        torch.testing.assert_close(weights(True)[name], tensor, rtol=1e-3, atol=1e-5)
