"""A training step, a window gather and an epoch, by architecture."""

from __future__ import annotations

import pytest
import torch

from lstmopt.search_space import Candidate
from lstmopt.training.options import TrainingOptions
from lstmopt.training.train_step import make_step
from lstmopt.training.trainer import Workload, advance

ARCHITECTURES = [(32, 1), (64, 1), (64, 2), (128, 2)]


def candidate(hidden_size: int, num_layers: int, batch_size: int = 64) -> Candidate:
    params = {"hidden_size": hidden_size, "num_layers": num_layers, "batch_size": batch_size}
    return Candidate(params, 0)


@pytest.mark.parametrize(("hidden_size", "num_layers"), ARCHITECTURES)
def bench_step(benchmark, workload, hidden_size, num_layers):
    """One optimiser step on 64 classic windows."""
    chosen = candidate(hidden_size, num_layers)
    step = make_step(workload.build(chosen).train(), chosen, clip_norm=1.0)
    (batch,) = workload.train.batches(workload.train_origins(1)[:64], 64)
    benchmark(step, batch)


@pytest.mark.parametrize("batch_size", [16, 128])
def bench_gather(benchmark, workload, batch_size):
    """The index gather of 2,048 windows in batches."""
    origins = workload.train_origins(1)
    origins = origins[torch.randperm(len(origins))[:2048]]
    benchmark(lambda: list(workload.train.batches(origins, batch_size)))


@pytest.mark.parametrize("targets_per_window", [1, 24])
@pytest.mark.parametrize(("hidden_size", "num_layers"), ARCHITECTURES[:2])
def bench_epoch(benchmark, workload, hidden_size, num_layers, targets_per_window):
    """One epoch over the shipped series, validation included."""
    options = TrainingOptions(epochs=10_000, targets_per_window=targets_per_window)
    here = Workload(workload.train.part, workload.validation.part, options, "cpu")
    benchmark.pedantic(
        advance, (here, candidate(hidden_size, num_layers), None, 1), rounds=3, warmup_rounds=1
    )
