"""How the memory that is predicted for a candidate compares with what training it takes.

python benchmarks/reliability/memory_prediction.py

Each setting in a process of its own: the peak of resident memory in one epoch, beyond what the
process held before. A ratio above 1 means that more was predicted than taken.
"""

from __future__ import annotations

import json
import subprocess
import sys

FIELDS = ("hidden", "layers", "batch", "window", "features", "horizon")
SETTINGS = [
    (64, 1, 128, 100, 5, 1),
    (256, 1, 128, 100, 5, 1),
    (256, 2, 128, 100, 5, 1),
    (256, 4, 128, 100, 5, 1),
    (256, 1, 1024, 100, 5, 1),
    (64, 2, 1024, 200, 5, 1),
    (512, 1, 512, 200, 5, 1),
    (512, 4, 512, 100, 5, 1),
    (32, 4, 2048, 200, 5, 1),
    (1024, 1, 64, 50, 5, 1),
    (1024, 3, 64, 50, 5, 1),
    (512, 1, 16, 200, 5, 1),
    (512, 3, 16, 200, 5, 1),
    (128, 2, 16, 400, 5, 1),
    (16, 1, 16, 400, 60, 1),
    (16, 1, 16, 200, 5, 96),
    (8, 1, 4096, 24, 5, 1),
]


def measure(
    hidden: int, layers: int, batch: int, window: int, features: int, horizon: int
) -> tuple[float, float]:
    """Return what was predicted and what was taken, in megabytes; runs in a process of its own."""
    import numpy as np

    from lstmopt.data.windows import Part, Shape
    from lstmopt.search_space import Candidate
    from lstmopt.system.memory_limit import peak_mib
    from lstmopt.training.memory_estimate import training_mb
    from lstmopt.training.options import TrainingOptions
    from lstmopt.training.trainer import Workload, advance

    def workload(rows: int, shape: Shape, last: int) -> Workload:
        inputs = np.random.default_rng(0).standard_normal((rows, features)).astype(np.float32)
        there = np.ones(rows, bool)
        parts = [
            Part(inputs, there, inputs[:, 0].copy(), there, shape, ends)
            for ends in ((0, rows - last), (rows - last, rows))
        ]
        return Workload(*parts, TrainingOptions(epochs=1, targets_per_window=1), "cpu")

    tiny = Candidate({"hidden_size": 2, "num_layers": 1, "batch_size": 2}, 0)
    advance(workload(60, Shape(4, 1), 20), tiny, None, 1)
    large = workload(window + 3 * batch + 600 + horizon, Shape(window, horizon), 600)
    before = peak_mib()
    params = {"hidden_size": hidden, "num_layers": layers, "batch_size": batch}
    candidate = Candidate(params, 0)
    advance(large, candidate, None, 1)
    taken = (peak_mib() - before) * 2**20 / 1e6
    return training_mb(candidate, large.columns, 1, large.families), taken


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(*json.loads(sys.argv[1]))))
        return
    names = (*FIELDS, "predicted, MB", "taken, MB", "ratio")
    print("| " + " | ".join(names) + " |")
    print("|---" * len(names) + "|")
    for setting in SETTINGS:
        command = [sys.executable, __file__, json.dumps(setting)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        predicted, taken = json.loads(answer)
        cells = (*setting, f"{predicted:.0f}", f"{taken:.0f}", f"{predicted / taken:.2f}")
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
