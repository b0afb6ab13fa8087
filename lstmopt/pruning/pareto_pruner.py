"""Pruning that keeps the front, for any multi-objective Optuna study.

    pruner = ParetoPruner(study, rule="halving", static={"latency_ms": measure_latency})

    def objective(trial):
        ...
        for epoch in range(1, 28):
            loss = train_one_epoch(model)
            pruner.report(trial, epoch, {"val_loss": loss})
            if pruner.should_stop(trial):
                raise optuna.TrialPruned
        return loss, latency

Everything that decides is in the study's storage, as user attributes of its trials: several
processes may share a storage, and a study goes on after an interruption. Nothing here needs a
series, a network or torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from lstmopt.errors import LstmoptError, near_miss
from lstmopt.plugin.options import takes
from lstmopt.plugin.registry import load_registry
from lstmopt.plugin.strategy import Named
from lstmopt.pruning.pruners import Pruner, Rule, as_pruner, make_pruner
from lstmopt.pruning.trial_curves import Trials, TrialView

if TYPE_CHECKING:
    import optuna

_STATIC, _REPORT, _DECISION = "pareto:static", "pareto:report_", "pareto:decision"


class ParetoPruner:
    """Stops trials of a multi-objective study that have no hope of its Pareto front.

    A trial is compared only with finished trials that are no worse in everything that is known
    before training. A plain objective function cannot be resumed in its middle, so what halving
    would pause is stopped, unless it lies on its rung's front; within a rule that wraps it, give
    halving its option ``stop_only``.

    All trials must report the same names at the same epochs, with the same static names; what
    another process stored otherwise is left out.

    Args:
        study: Any study of Optuna's; everything that decides is stored in it.
        rule: The name of a registered pruner that needs no series, with its options (``halving``,
            ``median``, ``percentile:percentile=10``, ``plausible``, ``optuna:WilcoxonPruner``), or
            a `Pruner` or a `pruning.pruners.Rule`.
        static: What is known before training, by name: each a function of the trial, or a number
            that holds for the trials reported through this object.
        maximize: Names of losses and static values where higher is better; the others are
            minimised. A name that is also a metric name of the study has the study's direction
            without it. A study that maximises anything needs it for all other names: ``()`` says
            that all of them are minimised.

    Raises:
        LstmoptError: For a rule that is not registered, and for options that it cannot take.
        TypeError: For a rule that is neither a name nor a pruner.

    References:
        The paper of each rule is named by ``lstmopt plugins show``.
    """

    def __init__(
        self,
        study: optuna.Study,
        rule: str | Pruner | Rule = "halving",
        static: Mapping[str, Callable[[optuna.Trial], float] | float] | None = None,
        maximize: Collection[str] | None = None,
    ) -> None:
        self.study, self.static = study, dict(static or {})
        self.pruner = _make(rule) if isinstance(rule, str) else as_pruner(rule, "rule")
        self._maximize = [maximize] if isinstance(maximize, str) else maximize
        self._signs: dict[str, float] = {}
        """1 for what is minimised and -1 for what is maximised, by name, from the first report."""
        self._trials: Trials | None = None
        self._epochs: list[int] = []
        """The epochs at which trials report."""
        self._running: dict[int, TrialView] = {}
        self._lock = threading.Lock()
        self._closed: set[int] = set()
        """Trials that are closed and known."""

    def report(self, trial: optuna.Trial, epoch: int, losses: Mapping[str, float]) -> None:
        """Store what a trial reached.

        Args:
            trial: The trial, of this object's study.
            epoch: After which epoch; the same epochs in every trial, ascending.
            losses: Values by the learned objectives' names, in their own units.

        Raises:
            LstmoptError: For other names or another epoch than other trials gave, and for a name
                whose direction is not known, before anything of the report is stored.
        """
        with self._lock:  # Optuna's n_jobs are threads
            self._report(trial, epoch, {name: float(value) for name, value in losses.items()})

    def _report(self, trial: optuna.Trial, epoch: int, values: dict[str, float]) -> None:
        if not self._signs:
            self._signs = _signs(self.study, [*values, *self.static], self._maximize)
        if self._trials is None:
            self._read_others()  # what is stored already says what a report looks like
        view = self._running.get(trial.number)
        if view is None:
            static = {n: float(v(trial) if callable(v) else v) for n, v in self.static.items()}
            view = self._view(trial.number, static, [])
        report = view.report if view.losses else 0
        if wrong := self._misfit(report, epoch, values, view.static):
            raise LstmoptError(wrong)
        if report == len(self._epochs):
            self._epochs.append(epoch)
        if not report:
            trial.set_user_attr(_STATIC, {n: self._sign(n) * v for n, v in view.static.items()})
        trial.set_user_attr(f"{_REPORT}{report:05d}", [epoch, values])
        signed = {name: self._sign(name) * value for name, value in values.items()}
        losses_so_far = {n: (*view.losses.get(n, ()), value) for n, value in signed.items()}
        self._running[trial.number] = view = TrialView(trial.number, view.static, losses_so_far)
        self._put(view, finished=False)

    def should_stop(self, trial: optuna.Trial) -> bool:
        """Say whether a trial is hopeless as it stands at its last report.

        Where it is, the trial's user attribute ``pareto:decision`` says why.

        Args:
            trial: A trial that has reported.

        Returns:
            Whether the objective function should raise ``optuna.TrialPruned``.

        Raises:
            LstmoptError: Where it has not reported.
        """
        with self._lock:
            view = self._running.get(trial.number)
            if view is None or self._trials is None:
                raise LstmoptError(
                    f"a trial is judged by its reports, found none of trial {trial.number}: call "
                    "report first"
                )
            self._read_others()
            decision = self.pruner.decide(view, self._trials)
        if decision.action == "go on":
            return False
        seen = {"reason": decision.reason, **decision.seen}
        trial.set_user_attr(_DECISION, seen)
        return True

    def _read_others(self) -> None:
        """Take in what the storage has that is new, of this process and others."""
        for trial in self.study.get_trials(deepcopy=False):
            if trial.number in self._closed:
                continue
            closed = trial.state.is_finished()
            if closed or trial.number not in self._running:
                self._read(trial)
            if closed:
                self._running.pop(trial.number, None)
                self._closed.add(trial.number)

    def _read(self, trial: optuna.trial.FrozenTrial) -> None:
        """Take in one trial, up to the first report that could not be compared."""
        attributes = trial.user_attrs
        static: dict[str, float] = attributes.get(_STATIC, {})
        rows: list[dict[str, float]] = []
        for name in sorted(name for name in attributes if name.startswith(_REPORT)):
            epoch, values = attributes[name]
            if self._misfit(len(rows), epoch, values, static):
                break
            if len(rows) == len(self._epochs):
                self._epochs.append(epoch)
            rows.append(values)
        if rows:
            view = self._view(trial.number, static, rows)
            self._put(view, finished=trial.state.name == "COMPLETE")

    def _view(
        self, number: int, static: Mapping[str, float], rows: list[dict[str, float]]
    ) -> TrialView:
        return TrialView(
            number,
            {name: self._sign(name) * value for name, value in static.items()},
            {name: [self._sign(name) * row[name] for row in rows] for name in (rows or [{}])[0]},
        )

    def _put(self, view: TrialView, finished: bool) -> None:
        if self._trials is None:
            self._trials = Trials(list(view.static), list(view.losses))
        self._trials.put(view, finished)

    def _sign(self, name: str) -> float:
        return self._signs.get(name, 1.0)

    def _misfit(
        self, report: int, epoch: int, values: Mapping[str, float], static: Mapping[str, float]
    ) -> str | None:
        """Return why a report could not be compared with other trials', None when it can."""
        losses = self._trials.learned_names if self._trials else tuple(values)
        known = self._trials.static_names if self._trials else tuple(static)
        for kind, found, names in (("losses", values, losses), ("static", static, known)):
            if set(found) != set(names) or not losses:
                return (
                    f"all trials report the same {kind}, found {', '.join(found) or 'none'} where "
                    f"others gave {', '.join(names) or 'none'}: report them all each time, "
                    "or others in a study of their own"
                )
        if report < len(self._epochs):
            if epoch == self._epochs[report]:
                return None
            expected = f"at {self._epochs[report]}"
        elif epoch > max(self._epochs, default=epoch - 1):
            return None
        else:
            expected = f"after {self._epochs[-1]}"
        return (
            f"trials are compared report by report, found report {report + 1} at epoch {epoch} "
            f"where it should be {expected}: report at the same epochs, in order"
        )


def _signs(
    study: optuna.Study, names: Collection[str], maximize: Collection[str] | None
) -> dict[str, float]:
    """Return 1 for what is minimised and -1 for what is maximised, by name.

    Raises:
        LstmoptError: Where that is not known: a wrong guess would stop the best trials.
    """
    signs = [-1.0 if d.name == "MAXIMIZE" else 1.0 for d in study.directions]
    metrics = dict(zip(study.metric_names or [], signs, strict=False))
    for name in maximize or ():
        if name not in (*names, *metrics):
            raise LstmoptError(
                f"maximize has the names of losses and static values, found {name!r}: "
                f"{near_miss(name, list(names))}"
            )
        if metrics.get(name) == 1.0:
            raise LstmoptError(
                f"a metric has one direction, found {name!r} in maximize and minimised by the "
                "study: leave it out of maximize"
            )
    unknown = [name for name in names if name not in metrics]
    if unknown and maximize is None and -1.0 in signs:
        raise LstmoptError(
            "a study that maximises says which of the reported names are better the higher they "
            f"are, found no direction of {', '.join(unknown)}: pass maximize= with the names of "
            "those, () for none of them, or call study.set_metric_names"
        )
    return dict.fromkeys(names, 1.0) | metrics | dict.fromkeys(maximize or (), -1.0)


def _make(rule: str) -> Pruner:
    """Return a registered pruner; one that can pause is asked to stop instead."""
    registry, named = load_registry(), Named.parse(rule)
    strategy = registry.strategy("pruner", named.name)
    stop = {"stop_only": True} if takes(strategy, "stop_only") else {}
    return make_pruner(registry, {"name": named.name} | stop | dict(named.options))
