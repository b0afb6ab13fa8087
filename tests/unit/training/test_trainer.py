from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from lstmopt.networks.families import installed_families
from lstmopt.networks.lstm import LSTMForecaster
from lstmopt.networks.weights import read_checkpoint
from lstmopt.search_space import Candidate
from lstmopt.training.batches import DevicePart
from lstmopt.training.options import TrainingOptions
from lstmopt.training.scores import evaluate, score
from lstmopt.training.train_step import squared_error
from lstmopt.training.trainer import Workload, advance, reports_per_epoch, targets_per_window
from support.architectures import lstm, network_of, past_columns
from support.parts import SMALL, make_part, make_workload
from support.training import CANDIDATE, losses


@pytest.mark.parametrize("targets", [1, 4])
def test_two_segments_of_five_epochs_give_bit_for_bit_one_of_ten(targets):
    workload = make_workload(targets_per_window=targets)
    whole = advance(workload, CANDIDATE, None, 10)
    first = advance(workload, CANDIDATE, None, 5)
    second = advance(workload, CANDIDATE, first.checkpoint, 5)
    assert losses(whole.epochs) == losses(first.epochs + second.epochs)
    ours, theirs = read_checkpoint(whole.checkpoint), read_checkpoint(second.checkpoint)
    for name, tensor in ours["model"].items():
        assert torch.equal(tensor, theirs["model"][name])


OTHER_PROCESS = """
import sys
sys.path.insert(0, {tests!r})
from support.parts import make_workload
from support.training import CANDIDATE, losses
from lstmopt.training.trainer import advance
with open(sys.argv[1], "rb") as file:
    print(losses(advance(make_workload(), CANDIDATE, file.read(), 5).epochs))
"""


@pytest.mark.system
def test_a_checkpoint_goes_on_bit_for_bit_in_another_process(tmp_path, workload, pytestconfig):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(advance(workload, CANDIDATE, None, 5).checkpoint)
    script = OTHER_PROCESS.format(tests=str(pytestconfig.rootpath / "tests"))
    answer = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    whole = advance(workload, CANDIDATE, None, 10)
    assert answer.stdout.strip() == str(losses(whole.epochs[5:]))


def test_training_leaves_the_callers_random_numbers_alone(workload):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    advance(workload, CANDIDATE, None, 1)
    assert torch.equal(torch.rand(3), expected)


def test_another_seed_gives_other_losses(workload):
    other = advance(workload, replace(CANDIDATE, seed=8), None, 1)
    assert losses(other.epochs) != losses(advance(workload, CANDIDATE, None, 1).epochs)


def test_the_best_weights_are_those_of_the_best_epoch_not_the_last():
    # a learning rate this high makes late epochs worse than earlier ones
    candidate = Candidate(SMALL | {"learning_rate": 0.9}, seed=1)
    workload = make_workload(epochs=12, patience=12)
    progress = advance(workload, candidate, None, 12)
    best = min(progress.epochs, key=lambda e: e.val_loss)
    assert best.number < progress.epochs[-1].number
    model = workload.build(candidate)
    model.load_state_dict(read_checkpoint(progress.checkpoint)["best_weights"])
    again = evaluate(model, workload.validation, workload.validation_origins)
    assert again.mse == pytest.approx(best.val_loss, rel=1e-6)


def test_training_stops_after_patience_epochs_without_a_better_loss():
    workload = make_workload(epochs=40, patience=2)
    progress = advance(workload, Candidate(SMALL | {"learning_rate": 0.3}, 1), None, 40)
    best = min(progress.epochs, key=lambda e: e.val_loss)
    assert progress.finished
    assert len(progress.epochs) == best.number + 2 < 40


def test_a_loss_that_is_not_finite_is_a_failure_with_its_reason(workload):
    progress = advance(workload, Candidate(SMALL | {"learning_rate": 1e30}, 0), None, 5)
    assert progress.finished
    assert "no longer finite in epoch" in progress.failure


def test_forecasts_and_targets_are_never_broadcast():
    with pytest.raises(ValueError, match="one shape"):
        squared_error(torch.zeros(8, 1), torch.zeros(8), torch.ones(8))
    with pytest.raises(ValueError, match="one shape"):
        squared_error(torch.zeros(8, 1), torch.zeros(8), None)
    with pytest.raises(ValueError, match="shapes differ"):
        score(np.zeros((8, 1)), np.zeros(8), np.ones(8, bool))


def test_a_validation_loss_does_not_depend_on_the_batch_size(workload):
    model = workload.build(CANDIDATE)
    scores = evaluate(model, workload.validation, workload.validation_origins)
    one_by_one = []
    with torch.inference_mode():
        for batch in workload.validation.batches(workload.validation_origins, 1):
            forecast = model(batch.inputs.transpose(0, 1))[:, -1]
            one_by_one.append(((forecast - batch.targets[-1]) ** 2).mean().item())
    assert scores.mse == pytest.approx(np.mean(one_by_one), rel=1e-5)


def test_unobserved_targets_are_never_scored():
    part = make_part(160, 240)
    scored = part.scored.copy()
    scored[200:210] = False
    hidden = replace(part, scored=scored)
    poisoned = part.targets.copy()
    poisoned[200:210] = 1e6
    wild = replace(hidden, targets=poisoned)
    model = network_of(lstm(4), 2, 2).eval()
    answers = [evaluate(model, p := DevicePart(x, "cpu"), p.origins(6)) for x in (hidden, wild)]
    assert answers[0] == answers[1]


def test_several_targets_a_window_are_the_forecasts_of_single_windows():
    # the last forecast of a long window sees the same rows as a window of one target
    part = DevicePart(make_part(0, 160), "cpu")
    (batch,) = part.batches(torch.tensor([30, 40]), 2, 3)
    assert batch.inputs.shape == (8, 2, 2)
    assert batch.targets.shape == (3, 2, 2)
    for step, origin in ((0, 28), (1, 29), (2, 30)):
        (single,) = part.batches(torch.tensor([origin]), 1)
        assert torch.equal(batch.targets[step, 0], single.targets[0, 0])
        assert torch.equal(batch.inputs[step : step + 6, 0], single.inputs[:, 0])


def test_r2_is_one_for_truth_and_zero_for_the_mean():
    truth = np.array([[1.0], [2.0], [6.0]])
    mask = np.ones_like(truth, bool)
    assert score(truth, truth, mask).r2 == 1
    assert score(np.full_like(truth, 3.0), truth, mask).r2 == pytest.approx(0)
    assert math.isnan(score(truth, np.ones_like(truth), mask).r2)


def test_the_forget_gate_starts_open_and_dropout_needs_two_layers():
    model = LSTMForecaster(5, 2, features=3, horizon=1, dropout=0.5)
    for layer in range(2):
        total = getattr(model.lstm, f"bias_ih_l{layer}") + getattr(model.lstm, f"bias_hh_l{layer}")
        assert torch.equal(total[5:10].detach(), torch.ones(5))
    assert model.lstm.dropout == 0.5
    assert LSTMForecaster(5, 1, 3, 1, dropout=0.5).lstm.dropout == 0


def test_weights_are_counted_as_torch_counts_them():
    model = LSTMForecaster(8, 3, 4, 2)
    expected = sum(p.numel() for p in model.parameters())
    counted = installed_families().count_parameters(lstm(8, 3), past_columns(4, 6, 2))
    assert counted == expected


def test_a_long_series_forecasts_at_several_steps_of_a_window_unless_told_otherwise():
    short, long = make_part(0, 160), make_part(0, 6_000, rows=6_100)
    assert targets_per_window(short, TrainingOptions()) == 1
    assert targets_per_window(long, TrainingOptions()) == 6
    assert targets_per_window(long, TrainingOptions(targets_per_window=1)) == 1
    workload = Workload(long, make_part(6_000, 6_100, rows=6_100), TrainingOptions(), "cpu")
    (epoch,) = advance(workload, Candidate(SMALL, 0), None, 1).epochs
    assert workload.targets == 6
    assert math.isfinite(epoch.val_loss)


@pytest.mark.parametrize("reports", [2, 3])
def test_two_segments_within_an_epoch_are_exactly_one(reports):
    workload = make_workload(epochs=3, reports=reports)
    candidate = Candidate(SMALL, seed=5)
    whole = advance(workload, candidate, None, 3 * reports)
    first = advance(workload, candidate, None, 1)
    rest = advance(workload, candidate, first.checkpoint, 3 * reports)
    assert losses(whole.epochs) == losses(first.epochs + rest.epochs)
    assert whole.finished
    assert [e.number for e in whole.epochs] == list(range(1, 3 * reports + 1))


def test_the_shares_of_an_epoch_are_the_whole_of_it():
    seen = []
    workload = make_workload(reports=3)
    gather = workload.train.batches
    workload.train.batches = lambda origins, *rest: (
        seen.extend(origins.tolist()),
        gather(origins, *rest),
    )[1]
    advance(workload, Candidate(SMALL, seed=5), None, 3)
    assert sorted(seen) == sorted(workload.train_origins(workload.targets).tolist())


def test_a_report_comes_after_so_many_steps_of_the_largest_batch():
    part = make_workload().train.part
    windows = len(part.origins(part.shape.window))
    options = TrainingOptions(report_every=2)
    assert reports_per_epoch(part, options, 16) == windows // 32
    assert reports_per_epoch(part, options, 1000) == 1
    assert reports_per_epoch(part, TrainingOptions(), 16) == 1
    for batch in (4, 8, 16):  # no share of an epoch is without a step
        workload = make_workload(report_every=2, reports=windows // 32)
        progress = advance(workload, Candidate(SMALL | {"batch_size": batch}, 0), None, 4)
        assert all(math.isfinite(epoch.train_loss) for epoch in progress.epochs)
