"""Refit the front over seeds, choose on validation, open the test part once."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lstmopt.baselines import Forecast, fit_baselines, score_part
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
from lstmopt.training import Scores, evaluate, one_thread, read_checkpoint
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


def refit(
    trials: Sequence[TrialRecord],
    goals: Goals,
    costs: Mapping[Architecture, ForecastCost],
    engine: Engine,
    study_seed: int,
    seeds: int,
    epochs: int,
) -> list[Finalist]:
    """Train each trial's candidate anew with ``seeds`` seeds of their own.

    A refit that fails is left out; a trial without any is no finalist.
    """
    futures = {
        (trial.number, repeat): engine.submit(
            Candidate(trial.params, refit_seed(study_seed, trial.number, repeat)), None, epochs
        )
        for trial in trials
        for repeat in range(seeds)
    }
    finalists = []
    for trial in trials:
        refits = []
        for repeat in range(seeds):
            progress = futures[trial.number, repeat].result()
            if progress.failure is None:
                weights = read_checkpoint(progress.checkpoint)["best_weights"]
                seed = refit_seed(study_seed, trial.number, repeat)
                refits.append(Refit(Candidate(trial.params, seed), weights, progress.epochs))
        if refits:
            cost = costs[Architecture.of(trial.params)]
            each = [goals.values(cost, r.curve) for r in refits]
            means = {name: statistics.fmean(v[name] for v in each) for name in goals.names}
            finalists.append(Finalist(trial, tuple(refits), means))
    if not finalists:
        raise MachineError(
            f"a chosen candidate must train again with other seeds, found that all "
            f"{len(futures)} refits diverged: narrow the learning rate in [space]"
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


def open_test(chosen: Finalist, split: Split, seasons: tuple[int, ...]) -> Verdict:
    """Score the chosen candidate's refits and the baselines on the test part.

    The refit that is best on validation is the one to deploy.
    """
    baselines = fit_baselines(split.train, split.validation, seasons)
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
