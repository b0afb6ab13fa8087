"""Every combination of a finite space, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lstmopt import Space, Strategy, hookimpl

if TYPE_CHECKING:
    import optuna


def make(*, space: Space) -> optuna.samplers.BaseSampler:
    """Make a sampler that tries every combination once.

    Args:
        space: The study's space, each of whose hyperparameters has a finite list of values.

    Returns:
        A sampler that can count what is left (`search_plan.FiniteSampler`).
    """
    sampler: optuna.samplers.BaseSampler = _define_sampler()(space)
    return sampler


def _define_sampler() -> Any:
    import optuna

    class GridSampler(optuna.samplers.BaseSampler):
        """Proposes combinations that no trial of the study has yet, in the order of the grid.

        What has been tried is read from the study alone, so an interrupted grid goes on without
        repeats; Optuna's own raises at its last ``tell`` and runs one trial too many.
        """

        def __init__(self, space: Space) -> None:
            self.candidates = {frozenset(params.items()): params for params in space.grid()}
            self.distributions = {n: p.distribution() for n, p in space.parameters.items()}

        def size(self) -> int:
            """Return the number of combinations of the grid."""
            return len(self.candidates)

        def remaining(self, study: optuna.Study) -> int:
            """Return the number of combinations that no trial has yet."""
            return len(self._untried(study))

        def _untried(self, study: optuna.Study) -> list[dict[str, Any]]:
            known = study.get_trials(deepcopy=False)
            # what a warm start shows has not been tried here
            tried = {frozenset(t.params.items()) for t in known if t.number >= 0}
            return [params for key, params in self.candidates.items() if key not in tried]

        def infer_relative_search_space(
            self, study: optuna.Study, trial: optuna.trial.FrozenTrial
        ) -> dict[str, optuna.distributions.BaseDistribution]:
            return self.distributions

        def sample_relative(
            self,
            study: optuna.Study,
            trial: optuna.trial.FrozenTrial,
            search_space: dict[str, optuna.distributions.BaseDistribution],
        ) -> dict[str, Any]:
            untried = self._untried(study)
            return untried[0] if untried else {}

        def sample_independent(
            self,
            study: optuna.Study,
            trial: optuna.trial.FrozenTrial,
            param_name: str,
            param_distribution: optuna.distributions.BaseDistribution,
        ) -> Any:
            raise RuntimeError("the grid is exhausted")

    return GridSampler


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
    """Return ``grid``."""
    return [
        Strategy(
            "grid",
            make,
            "tries every combination once; ranges take `points`",
            "https://optuna.readthedocs.io/en/stable/reference/samplers/",
            continuous=False,
            tell_stopped="nothing",
        )
    ]
