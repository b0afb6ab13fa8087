"""What it saves to keep freed memory: CPU and page faults of a training step; prints a table.

python benchmarks/speed/allocator.py

Each setting in a process of its own, one thread, window 24, 11 features, dropout between layers.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

SIZES = [(32, 4, 128), (64, 2, 64), (128, 2, 64), (128, 4, 128)]
WINDOW, FEATURES, STEPS = 24, 11, 30


def main() -> None:
    print("| hidden x layers, batch | as the C library does | kept | page faults a step |")
    print("| --- | --- | --- | --- |")
    for size in SIZES:
        (given, faults), (kept, fewer) = (measure(size, how) for how in ("given", "kept"))
        name = "{} x {}, {}".format(*size)
        print(f"| {name} | {given:.1f} ms | {kept:.1f} ms | {faults:.0f} -> {fewer:.0f} |")


def measure(size: tuple[int, int, int], how: str) -> tuple[float, float]:
    command = [sys.executable, __file__, how, *map(str, size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    milliseconds, faults = map(float, done.stdout.split())
    return milliseconds, faults


def train(how: str, hidden: int, layers: int, windows: int) -> None:
    """Print the median CPU milliseconds and the page faults of a step."""
    import torch

    from lstmopt.networks.lstm import LSTMForecaster
    from lstmopt.search_space import Candidate
    from lstmopt.system.malloc import keep_freed_memory
    from lstmopt.training.batches import Batch
    from lstmopt.training.train_step import make_step

    if how == "kept":
        keep_freed_memory()
    torch.set_num_threads(1)
    model = LSTMForecaster(hidden, layers, FEATURES, 1, dropout=0.2).train()
    step = make_step(model, Candidate({}, 0), clip_norm=1.0)
    inputs, targets = torch.randn(WINDOW, windows, FEATURES), torch.randn(1, windows, 1)
    batch = Batch(inputs, targets, None, float(windows))
    step(batch)
    before, times = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, []
    for _ in range(STEPS):
        start = time.process_time()
        step(batch)
        times.append(1000 * (time.process_time() - start))
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    print(statistics.median(times), faults / STEPS)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(sys.argv[1], *map(int, sys.argv[2:]))
    else:
        main()
