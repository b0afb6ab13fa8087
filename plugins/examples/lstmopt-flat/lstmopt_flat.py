"""A pruner for lstmopt: stops what has stopped falling and is not among the better half.

A median rule keeps a trial that is good now although nothing more will come of it, and stops a slow
learner that still falls. This one looks at the end of the curve instead.
"""

from __future__ import annotations

import numpy as np

from lstmopt import Strategy, hookimpl


class Flat:
    """Stops a curve that fell by less than ``least_fall`` of itself over ``reports`` reports.

    Unless it is among the better half of its peers at this report: those may be on the front.
    """

    def __init__(self, reports: int, least_fall: float, n_startup_trials: int) -> None:
        if reports < 1 or not 0 < least_fall < 1:
            raise ValueError(
                f"reports is at least 1 and least_fall between 0 and 1, found {reports} and "
                f"{least_fall}"
            )
        self.reports, self.least_fall = reports, least_fall
        self.n_startup_trials = n_startup_trials

    def should_stop(self, curve: np.ndarray, peers: np.ndarray) -> bool:
        """Judge a trial beside its peers.

        Args:
            curve: The best loss so far at each report [reports], lower is better.
            peers: The same of each peer [peers, reports].

        Returns:
            Whether the trial is stopped.
        """
        if len(curve) <= self.reports or len(peers) < max(1, self.n_startup_trials):
            return False
        before, now = curve[-1 - self.reports], curve[-1]
        falls = before - now >= self.least_fall * abs(before)
        return bool(not falls and now > np.median(peers[:, -1]))


def make(*, reports: int = 3, least_fall: float = 0.02, n_startup_trials: int = 3) -> Flat:
    """Make the rule.

    Args:
        reports: Over how many reports the fall is measured.
        least_fall: The share (between 0 and 1) of its loss before them by which a curve must fall.
        n_startup_trials: Peers needed before anything is stopped.

    Returns:
        A rule that is asked about each learned objective.

    References:
        Prechelt, Early stopping, but when?, LNCS 1524, 1998,
        https://doi.org/10.1007/3-540-49430-8_3
    """
    return Flat(reports, least_fall, n_startup_trials)


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return ``flat``."""
    return [
        Strategy(
            "flat",
            make,
            "stops what has stopped falling and is not among the better half of its peers",
            "Prechelt, Early stopping, but when?, LNCS 1524, 1998",
        )
    ]
