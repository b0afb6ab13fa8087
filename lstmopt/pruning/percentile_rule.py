"""The percentile rule, on which the pruners median and percentile rest."""

from __future__ import annotations

import numpy as np

from lstmopt.pruning.trial_curves import Floats


class PercentileRule:
    """Stops where the best value so far is worse than the peers' percentile at that epoch.

    ``n_startup_trials`` peers are needed before anything is stopped; nothing is stopped during
    the first ``n_warmup_steps`` epochs, and after them only every ``interval_steps`` epochs.
    A peer that finished earlier counts with the value it ended with.
    """

    def __init__(
        self, percentile: float, n_startup_trials: int, n_warmup_steps: int, interval_steps: int
    ) -> None:
        if not 0 <= percentile <= 100:
            raise ValueError(f"percentile must lie within 0 and 100, found {percentile}")
        for name, value, least in (
            ("n_startup_trials", n_startup_trials, 0),
            ("n_warmup_steps", n_warmup_steps, 0),
            ("interval_steps", interval_steps, 1),
        ):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, found {value}")
        self.percentile, self.n_startup_trials = percentile, n_startup_trials
        self.n_warmup_steps, self.interval_steps = n_warmup_steps, interval_steps

    def threshold(self, curve: Floats, peers: Floats) -> float | None:
        """Return the peers' percentile at the curve's end, None where nothing is stopped there."""
        steps_after_warmup = len(curve) - self.n_warmup_steps - 1
        if steps_after_warmup < 0 or steps_after_warmup % self.interval_steps:
            return None
        if len(peers) < max(self.n_startup_trials, 1):
            return None
        return float(np.percentile(peers[:, -1], self.percentile))

    def should_stop(self, curve: Floats, peers: Floats) -> bool:
        threshold = self.threshold(curve, peers)
        return threshold is not None and bool(curve[-1] > threshold)
