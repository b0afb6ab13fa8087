"""Refit the front over seeds, choose on validation, open the test part once."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import torch

from lstmopt.baselines import Forecast, score_part
from lstmopt.batches import DevicePart
from lstmopt.choice import pick_index
from lstmopt.epoch import Epoch
from lstmopt.errors import MachineError
from lstmopt.executors import Engine
from lstmopt.model import LSTMForecaster
from lstmopt.objectives import ForecastCost, Goals
from lstmopt.plan import refit_seed
from lstmopt.record import TrialRecord
from lstmopt.space import Architecture, Candidate
from lstmopt.training import Progress, Scores, evaluate, one_thread, read_checkpoint
from lstmopt.windows import Part, Split


@dataclass(frozen=True)
class Refit:
    """One candidate trained anew with one seed."""

    candidate: Candidate
    weights: dict[str, torch.Tensor]
    curve: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        return min(self.curve, key=lambda epoch: epoch.val_loss)


@dataclass(frozen=True)
class Finalist:
    """A trial of the front with its refits and the mean of each objective over them."""

    trial: TrialRecord
    refits: tuple[Refit, ...]
    values: dict[str, float]


Refits = dict[tuple[int, int], tuple[Candidate, Future[Progress]]]
"""Candidates in training again, by trial number and repeat."""


def begin_refits(
    trials: Sequence[TrialRecord], engine: Engine, study_seed: int, seeds: int, reports: int
) -> Refits:
    """Train each trial's candidate anew with ``seeds`` seeds of their own, the longest first."""
    begun: Refits = {}
    for trial in sorted(trials, key=_report_seconds, reverse=True):
        for repeat in range(seeds):
            candidate = Candidate(trial.params, refit_seed(study_seed, trial.number, repeat))
            begun[trial.number, repeat] = candidate, engine.submit(candidate, None, reports)
    return begun


def _report_seconds(trial: TrialRecord) -> float:
    return trial.seconds / max(1, len(trial.curve))


def end_refits(
    trials: Sequence[TrialRecord],
    goals: Goals,
    costs: Mapping[Architecture, ForecastCost],
    begun: Refits,
) -> list[Finalist]:
    """Wait for the refits of ``trials``.

    A refit that fails is left out; a trial without any is no finalist.
    """
    finalists = []
    for trial in trials:
        refits = []
        for (number, _), (candidate, future) in begun.items():
            if number == trial.number and (progress := future.result()).failure is None:
                weights = read_checkpoint(progress.checkpoint)["best_weights"]
                refits.append(Refit(candidate, weights, progress.epochs))
        if refits:
            cost = costs[Architecture.of(trial.params)]
            each = [goals.values(cost, r.curve) for r in refits]
            means = {name: statistics.fmean(v[name] for v in each) for name in goals.names}
            finalists.append(Finalist(trial, tuple(refits), means))
    if not finalists:
        raise MachineError(
            f"a chosen candidate must train again with other seeds, found that all "
            f"{len(begun)} refits diverged: narrow the learning rate in [space]"
        )
    return finalists


def choose(finalists: Sequence[Finalist], goals: Goals, pick: str) -> Finalist:
    """Choose among finalists by their means on validation.

    ``knee`` weighs every objective (see ``front.knee``), ``best`` takes the first learned one,
    ``fastest`` the first static one (the first objective where there is none).
    """
    index = pick_index([f.values for f in finalists], goals, pick)
    return finalists[index]


@dataclass(frozen=True)
class Verdict:
    """What the test part said, after the choice was made."""

    chosen: Finalist
    deployed: Refit
    test: tuple[Scores, ...]
    baselines: dict[str, Scores | None]


def open_test(chosen: Finalist, split: Split, baselines: Mapping[str, Forecast | None]) -> Verdict:
    """Score the chosen candidate's refits and the fitted baselines on the test part.

    The refit that is best on validation is the one to deploy.
    """
    test = split.open_test()
    scores = tuple(_score(r, test) for r in chosen.refits)
    return Verdict(
        chosen,
        min(chosen.refits, key=lambda r: r.best.val_loss),
        scores,
        {name: _score_baseline(forecast, test) for name, forecast in baselines.items()},
    )


def _score(refit: Refit, test: Part) -> Scores:
    part = DevicePart(test, "cpu")
    model = LSTMForecaster(refit.candidate.architecture, test.inputs.shape[1], test.shape.horizon)
    model.load_state_dict(refit.weights)
    with one_thread():
        return evaluate(model, part, part.origins(test.shape.window))


def _score_baseline(forecast: Forecast | None, test: Part) -> Scores | None:
    return None if forecast is None else score_part(forecast, test)


def summarise(scores: Sequence[Scores], target_std: float) -> dict[str, Any]:
    """Give mean and standard deviation over seeds, in the scaled and the target's own units."""

    def spread(values: list[float]) -> dict[str, float]:
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        return {"mean": statistics.fmean(values), "std": deviation}

    mse, mae = [s.mse for s in scores], [s.mae for s in scores]
    return {
        "scaled": {"mse": spread(mse), "mae": spread(mae)},
        "own": {
            "mse": spread([v * target_std**2 for v in mse]),
            "mae": spread([v * target_std for v in mae]),
        },
        "r2": spread([s.r2 for s in scores]),
    }
