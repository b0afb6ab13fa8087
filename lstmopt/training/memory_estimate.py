"""What training a candidate takes, predicted before it."""

from __future__ import annotations

from lstmopt.networks.lstm import count_parameters
from lstmopt.search_space import Candidate
from lstmopt.training.batches import GATHERED, SCORED

_FLOAT = 4
_STEP, _SCORE, _WEIGHTS = 16, 4, 8


def training_mb(
    candidate: Candidate, window: int, targets: int, features: int, horizon: int
) -> float:
    """Predict what training a candidate takes in megabytes (10^6 bytes), rather above than below.

    A step keeps 16 numbers for each window, input step, layer and hidden unit, scoring 4 for each
    of 512 windows; beside them lie eight times the weights (gradients, Adam's moments, the best and
    a checkpoint) and the windows gathered for a few steps. The factors come from peaks measured
    over 17 settings (``benchmarks/reliability/memory_prediction.py``).
    """
    architecture, batch = candidate.architecture, int(candidate["batch_size"])
    hidden, layers = architecture.hidden_size, architecture.num_layers
    steps = window + targets - 1
    step = _STEP * steps * batch * hidden * layers
    scoring = _SCORE * window * SCORED * hidden
    weights = _WEIGHTS * count_parameters(architecture, features, horizon)
    gathered = 3 * steps * max(batch, GATHERED) * features
    return (max(step, scoring) + weights + gathered) * _FLOAT / 1e6
