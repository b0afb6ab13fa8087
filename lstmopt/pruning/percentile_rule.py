"""The percentile rule, on which the pruners median and percentile rest."""

from __future__ import annotations

import numpy as np

from lstmopt.pruning.trial_curves import Floats


class PercentileRule:
    """Stops where the best value so far is worse than the peers' percentile at that report.

    A peer that finished earlier counts with the value it ended with.

    Args:
        percentile: From 0 to 100; higher stops less.
        n_startup_trials: Peers needed before anything is stopped; one is needed in any case.
        n_warmup_steps: Reports of a trial before it may be stopped.
        interval_steps: A trial is judged at every so many reports after the warm-up.

    Raises:
        ValueError: For a value outside its bounds.
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
        """Return the peers' percentile at the curve's end.

        Args:
            curve: The best value so far at each report [reports], lower is better.
            peers: The same of each peer [peers, reports].

        Returns:
            The highest value that may go on, None where nothing is stopped.
        """
        steps_after_warmup = len(curve) - self.n_warmup_steps - 1
        if steps_after_warmup < 0 or steps_after_warmup % self.interval_steps:
            return None
        if len(peers) < max(self.n_startup_trials, 1):
            return None
        return float(np.percentile(peers[:, -1], self.percentile))

    def should_stop(self, curve: Floats, peers: Floats) -> bool:
        """Return whether the curve ends above what `threshold` lets go on."""
        threshold = self.threshold(curve, peers)
        return threshold is not None and bool(curve[-1] > threshold)
