"""How much each hyperparameter matters for each objective, and how far that can be trusted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstmopt.plugin.strategy import Objective
from lstmopt.results.document import Param, RangeEntry, StudyResults, TrialEntry
from lstmopt.search_space import Architecture

if TYPE_CHECKING:
    import optuna

FEWEST = 10
"""Trials with a value below which nothing is said of an objective."""
TRUSTED = 50
"""Trials from which on the best tenth holds five, as Optuna's documentation advises."""
_BEST = 5
_RESAMPLES = 20
_INTERVAL = (0.05, 0.95)
_MOST_RESAMPLED = 500
"""Trials in a resample; of more the interval is somewhat too wide, and a report does not wait."""


@dataclass(frozen=True)
class Importance:
    """The share of a hyperparameter in what makes trials the best tenth by an objective.

    ``low`` and ``high`` hold the share and nine tenths of those that resampled trials give.
    """

    objective: str
    parameter: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Importances:
    """Shares of one objective, the largest first, and what must be known to read them."""

    objective: str
    rows: tuple[Importance, ...]
    trials: int
    note: str


def importances(results: StudyResults) -> list[Importances]:
    """Judge the hyperparameters of a study, objective by objective.

    By PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) as Optuna has it, also for
    hyperparameters that only some trials have: what sets the best tenth of the trials, five at
    least, apart from all. A learned objective is judged over complete trials; a static one, which
    an architecture alone decides, over all trials and by the architecture's hyperparameters. The
    interval is a percentile bootstrap over trials (Efron, Annals of Statistics 7(1), 1979).
    """
    return [_judge(results, objective) for objective in results.goals.objectives]


def _judge(results: StudyResults, objective: Objective) -> Importances:
    static = objective.kind == "static"
    valued = [
        entry
        for entry in results.trials
        if entry.values.get(objective.name) is not None and (static or entry.state == "complete")
    ]
    varied = [n for n in _varied(valued) if not static or Architecture.decides(n)]
    kind = "trials" if static else "complete trials"
    count = len(valued)
    if count < FEWEST:
        note = f"{count} {kind}: importance needs {FEWEST}"
        return Importances(objective.name, (), count, note)
    if not varied:
        return Importances(objective.name, (), count, "no hyperparameter varied")
    trials = _trials(valued, results, objective)
    shares = _shares(trials, varied)
    rng = np.random.default_rng(0)
    draws = rng.integers(count, size=(_RESAMPLES, min(count, _MOST_RESAMPLED)))
    resampled = [_shares([trials[k] for k in draw], varied) for draw in draws]
    low, high = np.quantile(resampled, _INTERVAL, axis=0).tolist()
    rows = [
        Importance(objective.name, name, share, min(share, lower), max(share, upper))
        for name, share, lower, upper in zip(varied, shares.tolist(), low, high, strict=True)
    ]
    few = f": too few to trust, {TRUSTED} are better" if count < TRUSTED else ""
    rows.sort(key=lambda row: -row.share)
    return Importances(objective.name, tuple(rows), count, f"over {count} {kind}{few}")


def _varied(trials: Sequence[TrialEntry]) -> list[str]:
    """Name the hyperparameters that took several values, in the order they first appear."""
    seen: dict[str, set[Any]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            seen.setdefault(name, set()).add(value)
    return [name for name, values in seen.items() if len(values) > 1]


def _trials(
    valued: Sequence[TrialEntry], results: StudyResults, objective: Objective
) -> list[optuna.trial.FrozenTrial]:
    """Turn entries into Optuna's trials of one value, which is better the lower it is."""
    import optuna

    space = results.study.space
    names = list(dict.fromkeys(name for trial in valued for name in trial.params))
    known = {name: distribution_of(space.get(name), name, valued) for name in names}
    return [
        optuna.trial.create_trial(
            params=trial.params,
            distributions={name: known[name] for name in trial.params},
            value=objective.minimised(value),
        )
        for trial in valued
        if (value := trial.values[objective.name]) is not None
    ]


def distribution_of(
    entry: list[Param] | RangeEntry | None, name: str, trials: Sequence[TrialEntry]
) -> optuna.distributions.BaseDistribution:
    """Return the distribution that a document's space gives, or one that just holds the trials."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    values: list[Any] = [trial.params[name] for trial in trials if name in trial.params]
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if isinstance(entry, RangeEntry) and numeric:
        # a warm start's trials may lie outside the ends
        low, high = min([entry.low, *values]), max([entry.high, *values])
        log = entry.log and low > 0
        if entry.integer:
            return IntDistribution(int(low), int(high), log=log)
        return FloatDistribution(low, high, log=log)
    if numeric and not isinstance(entry, list):
        return FloatDistribution(min(values), max(values))
    known = entry if isinstance(entry, list) else ()
    return CategoricalDistribution(list(dict.fromkeys([*known, *values])))


def _shares(
    trials: Sequence[optuna.trial.FrozenTrial], names: Sequence[str]
) -> NDArray[np.float64]:
    """Return shares [names]; 0 for a name that no trial has."""
    import optuna

    there = [name for name in names if any(name in trial.params for trial in trials)]
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            # that a regime is thin, which the interval shows
            warnings.simplefilter("ignore")
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
            study.add_trials(trials)
            best = min(0.5, max(0.1, _BEST / len(trials)))
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best)
            found = optuna.importance.get_param_importances(
                study, evaluator=evaluator, params=there
            )
    finally:
        optuna.logging.set_verbosity(verbosity)
    return np.array([found.get(name, 0.0) for name in names])
