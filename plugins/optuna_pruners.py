"""Optuna's pruners, each among peers: ``optuna:MedianPruner`` and so on."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from lstmopt import Decision, Strategy, Trials, TrialView, hookimpl

if TYPE_CHECKING:
    import optuna


class Group:
    """A study of one objective that holds the trials no worse than a static bound.

    Optuna's pruner sees that study and nothing else.
    """

    def __init__(self, objective: str, pruner: optuna.pruners.BasePruner) -> None:
        import optuna

        self.objective = objective
        sampler = optuna.samplers.RandomSampler(seed=0)
        # Hyperband draws brackets from the study's name
        self.study = optuna.create_study(study_name="peers", sampler=sampler, pruner=pruner)
        self.trials: dict[int, optuna.Trial] = {}
        self.reported: dict[int, int] = {}
        self.finished: set[int] = set()
        self.verdicts: dict[int, bool] = {}

    def follow(self, trial: TrialView) -> bool:
        """Report what is new of a trial.

        Args:
            trial: A trial of the group as it stands.

        Returns:
            Whether the pruner would stop it there.
        """
        if trial.number not in self.trials:
            self.trials[trial.number] = self.study.ask()
        mirrored = self.trials[trial.number]
        for report in range(self.reported.get(trial.number, 0), trial.report):
            mirrored.report(float(trial.losses[self.objective][report]), report + 1)
            self.verdicts[trial.number] = mirrored.should_prune()
        self.reported[trial.number] = trial.report
        return self.verdicts.get(trial.number, False)

    def finish(self, trial: TrialView) -> None:
        """Let a trial be complete."""
        self.follow(trial)
        self.study.tell(self.trials[trial.number], float(trial.curve(self.objective)[-1]))
        self.finished.add(trial.number)


class AmongPeers:
    """Asks an Optuna pruner, objective by objective; every vote must say stop.

    It is asked in studies of one objective, through ``Trial.report`` and ``should_prune`` alone,
    that hold the trials no worse on every static objective: its own kind of peers among them. It is
    told reports as they came; one that takes a trial's best takes it of means over folds too.
    """

    def __init__(self, name: str, make_pruner: Callable[[], optuna.pruners.BasePruner]) -> None:
        self.name, self._make_pruner = name, make_pruner
        self._groups: WeakKeyDictionary[Trials, dict[tuple[Any, ...], Group]] = WeakKeyDictionary()
        make_pruner()  # refuses its options here, before anything is trained

    def decide(self, trial: TrialView, trials: Trials) -> Decision:
        """Return a stop where the pruner would stop each learned objective's curve."""
        bound = [trial.static[name] for name in trials.static_names]
        peers = np.flatnonzero((trials.static <= bound).all(1) & (trials.numbers != trial.number))
        seen: dict[str, Any] = {"peers": int(trials.finished[peers].sum())}
        stop = True
        for objective in trial.losses:
            group = self._group(trials, objective, tuple(bound))
            for row in peers.tolist():
                number = int(trials.numbers[row])
                if number in group.finished:
                    continue
                if trials.finished[row]:
                    group.finish(trials.view(number))
                elif trials.reports[row] > group.reported.get(number, 0):
                    group.follow(trials.view(number))
            stop &= group.follow(trial)
            seen[objective] = float(trial.losses[objective][-1])
        if not stop:
            return Decision("go on", seen=seen)
        words = f"among {seen['peers']} peers no worse before training"
        return Decision("stop", f"{self.name} at report {trial.report}: {words}", seen)

    def _group(self, trials: Trials, objective: str, bound: tuple[float, ...]) -> Group:
        groups = self._groups.setdefault(trials, {})
        key = (objective, *bound)
        if key not in groups:
            groups[key] = Group(objective, self._make_pruner())
        return groups[key]


_REMEMBER = ("HyperbandPruner", "SuccessiveHalvingPruner")
"""Pruners whose rungs depend on when they were asked: a resumed run may decide otherwise."""


def _make(kind: Any, name: str, **options: Any) -> AmongPeers:
    def make_pruner() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some are experimental
            return kind(**options)

    return AmongPeers(name, make_pruner)


def _strategy(kind: Any) -> Strategy:
    name = f"optuna:{kind.__name__}"
    make = functools.partial(_make, kind, name)
    make.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined]
    make.__doc__ = inspect.getdoc(kind)
    page = f"https://optuna.readthedocs.io/en/stable/reference/generated/{kind.__module__}"
    return Strategy(
        name,
        make,
        f"Optuna's {kind.__name__}, among peers",
        f"{page.rsplit('.', 1)[0]}.{kind.__name__}.html",
        resume=kind.__name__ not in _REMEMBER,
    )


@hookimpl
def lstmopt_pruners() -> list[Strategy]:
    """Return every pruner of Optuna's that stands by itself."""
    import optuna

    kinds = [getattr(optuna.pruners, name) for name in optuna.pruners.__all__]
    # `patient` wraps any pruner of ours, which PatientPruner's option could not name
    left_out = (optuna.pruners.BasePruner, optuna.pruners.PatientPruner)
    return [_strategy(kind) for kind in kinds if kind not in left_out]
