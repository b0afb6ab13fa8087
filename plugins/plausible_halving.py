"""Successive halving among those that still have hope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lstmopt import Strategy, hookimpl
from lstmopt.pruning import Closing, Decision, Pruner, Trials, TrialView, Wrapping


class PlausibleHalving(Wrapping):
    """Stops what `plausible` stops, and lets `halving` pause and promote the others.

    Halving alone spends on trials that are good among their rung but hardly different from what is
    finished already; extrapolation alone lets each trial run until something finished is out of
    its reach. A paused trial without hope stays paused, since more finished trials may show that
    losses fall further than was known.
    """

    def __init__(self, halving: Pruner, plausible: Pruner) -> None:
        super().__init__(halving)
        self.plausible = plausible

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        hope = self.plausible.decide(trial, trials)
        if hope.action == "stop":
            return hope
        decision = self.wrapped.decide(trial, trials)
        return Decision(decision.action, decision.reason, {**hope.seen, **decision.seen})

    def promote(self, paused: Sequence[int], trials: Trials, closing: Closing) -> int | None:
        able = list(paused)
        while able:
            number = super().promote(able, trials, closing)
            if number is None or self._has_hope(number, trials):
                return number
            able.remove(number)
        return None

    def _has_hope(self, number: int, trials: Trials) -> bool:
        return self.plausible.decide(trials.view(number), trials).action != "stop"
