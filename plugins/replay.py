"""Go on from the finished trials of a study on the same data."""

from __future__ import annotations

from collections.abc import Sequence

from lstmopt import Beginning, PastStudy, PastTrial, Space, Strategy, hookimpl


class Replay:
    """Takes finished trials over as they are: another sampler goes on, or a wider space begins.

    They take no trial of the budget, are peers for the pruner, and may be chosen in the end.
    """

    def begin(self, space: Space, past: Sequence[PastStudy]) -> Beginning:
        """Return the finished trials of the same work, each candidate once."""
        finished: list[PastTrial] = []
        notices = []
        for study in past:
            if not study.same_work:
                notices.append(f"{study.name} has other data or training: not replayed")
                continue
            exact = [trial for trial in study.trials if trial.exact]
            finished += [t for t in exact if t.params not in [f.params for f in finished]]
            if other := len(study.trials) - len(exact):
                notices.append(
                    f"{study.name}: {other} trials are not candidates of this space: not replayed"
                )
        return Beginning(space, finished=tuple(finished), notices=tuple(notices))


def make() -> Replay:
    """Make a warm start that takes finished trials over.

    Returns:
        The warm start.

    References:
        https://optuna.readthedocs.io/en/stable/tutorial/20_recipes/008_specify_params.html
    """
    return Replay()


@hookimpl
def lstmopt_warm_starts() -> list[Strategy]:
    """Return ``replay``."""
    return [
        Strategy(
            "replay",
            make,
            "takes over the finished trials of a study on the same data",
            "https://optuna.readthedocs.io/en/stable/tutorial/20_recipes/008_specify_params.html",
        )
    ]
