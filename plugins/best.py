"""Begin with the fronts of earlier studies."""

from __future__ import annotations

from collections.abc import Sequence

from lstmopt import Strategy, hookimpl
from lstmopt.front import front_mask
from lstmopt.space import Space
from lstmopt.warm_start import Beginning, PastStudy


class Best:
    """Enqueues each earlier front, best first objective first, and drops what does not fit."""

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        candidates, notices = [], []
        for study in past:
            mask = front_mask([trial.values for trial in study.trials])
            front = [t for t, kept in zip(study.trials, mask, strict=True) if kept]
            for trial in sorted(front, key=lambda t: t.values):
                if reason := space.rejects(trial.params):
                    notices.append(f"trial {trial.number} of {study.name} was dropped: {reason}")
                elif trial.params not in candidates:
                    candidates.append(trial.params)
        return Beginning(tuple(candidates), space, tuple(notices))


def make() -> Best:
    return Best()


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    return [
        Strategy(
            "best",
            make,
            "tries the fronts of earlier studies first",
            "https://optuna.readthedocs.io/en/stable/tutorial/20_recipes/008_specify_params.html",
        )
    ]
