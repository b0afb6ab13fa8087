"""What a training step takes over its LSTM kernel alone; prints two tables.

python benchmarks/speed/step_over_kernel.py

The kernel is forward and backward of the same ``nn.LSTM``, dropout included, on inputs that lie
ready. The step is lstmopt's own with all it does: windows gathered, forecast, loss, gradients,
clipping, Adam. Both alternate on one thread in one process, with the allocator as in a worker;
medians. The first step of each is left out. The second table is of segment networks, whose kernel
is the encoder: projection and LSTM.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

from lstmopt.config.study_file import read_config, shipped_study
from lstmopt.data.input_columns import Columns
from lstmopt.data.read_series import read_series
from lstmopt.data.split import split_series
from lstmopt.data.windows import Shape
from lstmopt.networks.forecast_network import build_network
from lstmopt.networks.lstm import LSTMForecaster
from lstmopt.networks.segment import make_segment
from lstmopt.search_space import Candidate, Params
from lstmopt.system.malloc import keep_freed_memory
from lstmopt.training.options import TrainingOptions
from lstmopt.training.train_step import make_step
from lstmopt.training.trainer import Workload
from lstmopt.training.weight_average import WeightAverage

WINDOW, SECONDS, FEWEST = 24, 1.0, 8
SEGMENTS = {"window": 168, "segment": 24, "calendar": "all", "linear": "nlinear", "cell": "lstm"}
SEGMENTS |= {"num_layers": 1, "dropout": 0.0}


def main() -> None:
    keep_freed_memory()
    torch.set_num_threads(1)
    workload = read_workload(WINDOW)
    print(f"one thread, window {WINDOW}, {workload.features} features; ", end="")
    print(f"peak of a matrix product: {peak():.0f} GFLOP/s\n")
    print("| hidden | layers | batch | kernel ms | step ms | step / kernel | kernel GFLOP/s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for hidden, layers, batch in itertools.product((32, 64, 128, 256), (1, 2, 3, 4), (16, 32, 128)):
        kernel, step = compare(workload, hidden, layers, batch)
        speed = flops(hidden, layers, batch, workload.features) / kernel / 1e9
        print(
            f"| {hidden} | {layers} | {batch} | {kernel * 1000:.2f} | {step * 1000:.2f} | "
            f"{step / kernel:.2f} | {speed:.0f} |",
            flush=True,
        )

    print("\n| hidden | batch | normalisation | skip | kernel ms | step ms | step / kernel |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    workload = read_workload(SEGMENTS["window"])
    for hidden, batch, normalisation, skip in itertools.product(
        (32, 128), (32, 64, 128), ("none", "last", "last_std"), (False, True)
    ):
        params = {"hidden_size": hidden, "normalisation": normalisation, "skip": skip}
        kernel, step = compare_segments(workload, SEGMENTS | params, batch)
        print(
            f"| {hidden} | {batch} | {normalisation} | {'yes' if skip else 'no'} | "
            f"{kernel * 1000:.2f} | {step * 1000:.2f} | {step / kernel:.2f} |",
            flush=True,
        )


def read_workload(window: int) -> Workload:
    config = read_config(shipped_study())
    split = split_series(read_series(config.data.path, config.data), Shape(window, 1), (0.7, 0.15))
    return Workload(split.train, split.validation, TrainingOptions(), "cpu")


def compare(workload: Workload, hidden: int, layers: int, batch: int) -> tuple[float, float]:
    """Return the median seconds of the kernel and of the step."""
    params: Params = {"hidden_size": hidden, "num_layers": layers, "dropout": 0.2}
    candidate = Candidate({**params, "batch_size": batch}, 0)
    model = workload.build(candidate).train()
    step = make_step(model, candidate, clip_norm=1.0)
    bare = LSTMForecaster(hidden, layers, workload.features, 1, 0.2).train().lstm
    inputs = torch.randn(batch, WINDOW, workload.features)
    gradient = torch.randn(batch, WINDOW, hidden)

    def kernel() -> None:
        states, _ = bare(inputs)
        states.backward(gradient)
        for parameter in bare.parameters():
            parameter.grad = None

    batches = endless(workload, batch)
    return alternate(kernel, lambda: step(next(batches)))


def compare_segments(workload: Workload, params: Params, batch: int) -> tuple[float, float]:
    """Return the median seconds of the encoder and of the step, averaging the weights included."""
    past, window = 1, int(params["window"])
    columns = Columns(past, workload.features - past, 0, 0, window, workload.horizon)
    model = build_network(make_segment, params, columns)
    model.fit_start(workload.train.part, workload.validation.part)
    step = make_step(model.train(), Candidate({}, 0), clip_norm=1.0)
    average = WeightAverage(model, 0.99)
    bare = make_segment(params, columns.features, window)
    inputs = torch.randn(batch, window, columns.features)
    gradient = torch.randn(batch, window // int(params["segment"]), bare.size)

    def kernel() -> None:
        bare(inputs).backward(gradient)
        for parameter in bare.parameters():
            parameter.grad = None

    batches = endless(workload, batch)

    def whole() -> None:
        step(next(batches))
        average.update()

    return alternate(kernel, whole)


def endless(workload: Workload, size: int) -> Iterator:
    while True:
        order = torch.randperm(len(workload.train_origins))
        yield from workload.train.batches(workload.train_origins[order][: 64 * size], size)


def alternate(*functions: Callable[[], object]) -> tuple[float, ...]:
    times: list[list[float]] = [[] for _ in functions]
    end = time.perf_counter() + SECONDS * len(functions)
    while time.perf_counter() < end or len(times[0]) < FEWEST:
        for function, own in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            own.append(time.perf_counter() - start)
    return tuple(statistics.median(own[1:]) for own in times)


def flops(hidden: int, layers: int, batch: int, features: int) -> int:
    """Count multiplications and additions of the gates: once forward and twice backward."""
    inputs = features + hidden * (layers - 1)
    return 3 * 2 * WINDOW * batch * 4 * hidden * (inputs + hidden * layers)


def peak(size: int = 1024) -> float:
    """Return the GFLOP/s of a large matrix product on one thread, the best of ten."""
    left, right, best = torch.randn(size, size), torch.randn(size, size), float("inf")
    for _ in range(10):
        start = time.perf_counter()
        nn.functional.linear(left, right)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


if __name__ == "__main__":
    main()
