"""What training a candidate takes, predicted before it."""

from __future__ import annotations

from lstmopt.data.input_columns import Columns
from lstmopt.networks.families import Families
from lstmopt.search_space import NETWORK, Candidate
from lstmopt.training.batches import GATHERED, SCORED

_FLOAT = 4
_STEP, _SCORE, _WEIGHTS = 16, 4, 8


def training_mb(candidate: Candidate, columns: Columns, targets: int, families: Families) -> float:
    """Predict what training a candidate takes in megabytes (10^6 bytes), rather above than below.

    A step keeps 16 numbers for each window, input step, layer and hidden unit, scoring 4 for each
    of 512 windows; beside them lie eight times the weights (gradients, Adam's moments, the best and
    a checkpoint) and the windows gathered for a few steps. The factors come from peaks measured
    over 17 settings (``benchmarks/reliability/memory_prediction.py``).
    """
    params = families.complete(candidate.params, columns)
    window, batch = int(params["window"]), int(params["batch_size"])
    read = window // int(params["segment"]) or 1 if params[NETWORK] == "segment" else window
    hidden, layers = int(params["hidden_size"]), int(params["num_layers"])
    step = _STEP * (read + targets - 1) * batch * hidden * layers
    scoring = _SCORE * read * SCORED * hidden
    weights = _WEIGHTS * families.count_parameters(candidate.architecture, columns)
    gathered = 3 * (window + targets - 1) * max(batch, GATHERED) * columns.features
    return (max(step, scoring) + weights + gathered) * _FLOAT / 1e6
