"""What training a candidate takes: predicted before it, held to by the system, and seen."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from lstmopt.errors import LstmoptError
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


def limit_memory(megabytes: float) -> None:
    """Let this process allocate so many megabytes more, and refuse it what goes beyond.

    An allocation that is refused is an error in Python, where a system without memory kills.
    Raises LstmoptError where the system has no such limit.
    """
    try:
        import resource

        status = Path("/proc/self/status").read_text()
        held = int(status.split("VmData:")[1].split()[0]) * 1024
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (held + int(megabytes * 1e6), most))
    except (ImportError, OSError, IndexError, ValueError) as error:
        raise LstmoptError(
            f"max_memory_mb is held to on Linux alone, found that it cannot be set here ({error}): "
            "leave it out"
        ) from error


def peak_mib() -> float:
    """Return the most memory that this process has held, in MiB; 0 where that is not known."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    # on Linux this would begin with what the parent held
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
