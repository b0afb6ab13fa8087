"""What the report says of a run, sentence by sentence and table by table."""

from __future__ import annotations

import shlex
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lstmopt.data.known_ahead import HOLIDAYS
from lstmopt.data.options import DataOptions
from lstmopt.errors import LstmoptError, masked
from lstmopt.report.deployed import deployed_lines
from lstmopt.report.intervals import (
    interval_cells,
    interval_columns,
    interval_lines,
    with_intervals,
)
from lstmopt.report.measures import default_axes, measures
from lstmopt.report.terminal import (
    METRIC_LABELS,
    audit_lines,
    baseline_label,
    hindsight_line,
    seeds_of,
    test_errors,
    trained_words,
    verdict_line,
)
from lstmopt.results.document import StudyFacts, StudyResults, baseline_values
from lstmopt.results.run import RunData
from lstmopt.results.selection import counted, why
from lstmopt.search_space import NETWORK, Architecture, describe_params
from lstmopt.training.metrics import METRICS

SECTIONS = {
    "verdict": "What to deploy",
    "front": "What else was possible",
    "forecasts": "How it forecasts",
    "parameters": "What mattered",
    "search": "How the search went",
    "ran": "What ran",
}
STATES = {
    "complete": "complete",
    "pruned": "stopped",
    "failed": "failed",
    "infeasible": "never trained",
    "running": "running",
    "interrupted": "interrupted",
}
"""What a trial's state is called."""


def words_of(run: RunData) -> dict[str, Any]:
    """Return every sentence and table of the page."""
    results, found = run.results, measures(run)
    chosen = results.chosen
    return {
        "counts": counts(run),
        "verdict": verdict(run),
        "why": _why(run),
        "chosen": chosen,
        "seeds": seeds_of(results),
        "test_rows": _test_rows(results),
        "deployed": [*filter(None, [hindsight_line(results)]), *deployed_lines(results)],
        "metrics": _metric_columns(results),
        "mase": _mase_sentence(results),
        "interval_columns": interval_columns(results),
        "interval_rows": [(n, interval_cells(e)) for n, e in with_intervals(results).items()],
        "interval_lines": interval_lines(results),
        "predict": predict_command(run),
        **_architecture(results),
        "front_sentence": _front_sentence(run),
        "measures": list(found.values()),
        "axes": default_axes(run, found),
        "objectives": run.goals.names,
        "refitted": _refitted_names(run),
        "front": _front_table(results),
        "averages": results.averages,
        "bar": baseline_values(results),
        "importance_notes": _importance_notes(run),
        "pruning": _pruning(run),
        "audit": _audit(run),
        "facts": _facts(run),
        "warnings": results.warnings,
        "study_file": _study_file(run),
    }


def counts(run: RunData) -> str:
    """Count the trials by what became of them."""
    found = Counter(run.trials["state"])
    parts = [f"{found[state]} {word}" for state, word in STATES.items() if found[state]]
    taken = sum(entry.taken_over for entry in run.entries)
    over = f", {taken} of them taken over from earlier runs" if taken else ""
    return f"{len(run.trials)} trials" + (f": {', '.join(parts)}{over}" if parts else "")


def verdict(run: RunData) -> str:
    """Say in one sentence what to deploy, or that nothing was chosen yet."""
    return verdict_line(run.results) if run.finished else "No model was chosen yet."


def _why(run: RunData) -> str:
    """Say how the chosen model was chosen."""
    chosen = run.results.chosen
    if chosen is None:
        return ""
    trial, pick, size = chosen.trial, chosen.pick, len(run.results.front)
    if run.results.averages and pick:
        trials, averages = len(run.results.finalists), len(run.results.averages)
        reason = why(pick, trials + averages, run.goals)
        return (
            f"Picked on validation ({pick}) among {counted(trials, 'trial')} of the front, trained "
            f"anew, and {counted(averages, 'average')} of them and the baselines: {chosen.named} "
            f"{reason}."
        )
    trained = len(run.results.finalists)
    if pick == "named":
        return f"Trial {trial} was named, not picked from the front, and trained anew."
    if not pick:
        return ""
    reason = why(pick, size, run.goals)
    if not seeds_of(run.results):
        return (
            f"Picked from the front ({pick}), and deployed as the search trained it, for no time "
            f"was left to train it anew: trial {trial} {reason}."
        )
    if trained != size:  # picked by what the search found
        return f"Picked from the front ({pick}) and trained anew: trial {trial} {reason}."
    those = f"of the {size} trials of the front, trained anew," if size > 1 else "trained anew,"
    return f"Picked on validation ({pick}): {those} trial {trial} {reason}."


def _refitted_names(run: RunData) -> list[str]:
    """Name what was learned anew by the finalists."""
    static = {o.name for o in run.goals.static}
    refitted = run.results.finalists[0].validation if run.results.finalists else ()
    return [name for name in refitted if name not in static]


def _test_rows(results: StudyResults) -> list[dict[str, Any]]:
    return [
        {
            "name": baseline_label(results, name),
            "scores": scores,
            "cells": scores and [scores.metric(m) for m in METRICS],
        }
        for name, scores in test_errors(results).items()
    ]


def _metric_columns(results: StudyResults) -> list[str]:
    """Name the metrics of the test table, with the unit where they have the target's."""
    unit = f" ({results.study.target})"
    return [METRIC_LABELS[m] + (unit if m in ("mae", "rmse", "bias") else "") for m in METRICS]


def _mase_sentence(results: StudyResults) -> str:
    """Say what MASE divides by; nothing where an earlier version did not record it."""
    season, scale = results.study.mase_season, results.study.mase_scale
    if results.chosen is None or season is None or scale is None:
        return ""
    repeated = "the last value" if season == 1 else f"the value {season} rows ago"
    return (
        f"MASE is the MAE over {scale:.4g}, which repeating {repeated} makes before the test part; "
        "bias is the mean of forecast minus truth."
    )


def _architecture(results: StudyResults) -> dict[str, str]:
    if results.chosen is None:
        return {"network": ""}
    if results.chosen.members:
        average = next(e for e in results.averages if e.number == results.chosen.average)
        return {"network": f"It is the {average.words}, {average.parameters:,} parameters in all."}
    chosen = results.architecture(results.chosen.params)
    sizes = (e.parameters for e in results.architectures if e.architecture == chosen)
    count = next(sizes, None)
    parameters = "parameters" if count is None else f"{count:,} parameters"
    return {"network": f"The network is {in_words(chosen)} with {parameters}."}


def in_words(architecture: Architecture) -> str:
    """Say a network's family and sizes."""
    family = {"lstm": "an LSTM", "gru": "a GRU", "linear": "linear"}
    name = family.get(architecture[NETWORK], f"a {architecture[NETWORK]} network")
    if architecture[NETWORK] == "linear":
        return f"{name} ({architecture['linear']})"
    layers = f"{architecture['num_layers']} layer" + "s" * (architecture["num_layers"] != 1)
    return f"{name} of {layers} of {architecture['hidden_size']} units"


def predict_command(run: RunData) -> str:
    """Return the command that forecasts with the chosen model.

    It asks for a table of what is known in advance, where no country's holidays say it.
    """
    data = _data_path(run) or "YOUR.csv"
    told = _data_options(run)
    asked = set(told.known) - {*(HOLIDAYS if told.holidays else ())}
    future = " --future FUTURE.csv" if asked else ""
    return f"lstmopt predict {shlex.quote(str(run.path))} {shlex.quote(data)}{future}"


def fit_command(run: RunData) -> str | None:
    """Return the command that refits a trial, up to its number; None where it could not run."""
    if not _data_path(run):
        return None
    return f"lstmopt fit {shlex.quote(str(run.path))} --trial"


def _data_options(run: RunData) -> DataOptions:
    with suppress(LstmoptError):  # a study file that cannot be read
        if run.config:
            return run.config.data
    return DataOptions()


def _data_path(run: RunData) -> str:
    """Return the run's data file as a user in this folder would write it; "" where it has none."""
    path, here = _data_options(run).path, Path.cwd()
    return str(Path(path).relative_to(here)) if path and Path(path).is_relative_to(here) else path


def _front_sentence(run: RunData) -> str:
    size = len(run.results.front)
    names = " and ".join(run.goals.names)
    if size == 0:
        return "There is no front yet: no trial has given a report."
    if len(run.goals.names) == 1:
        return f"One objective, {names}: the front is its best trial."
    return (
        f"{size} of them {'is' if size == 1 else 'are'} on the front of {names}: none is better "
        "in one without being worse in another. A stopped trial counts with the best that it had "
        "reached. Trials that have no value lie at the edge. A click selects a trial."
    )


def _front_table(results: StudyResults) -> list[dict[str, Any]]:
    refitted = {f.trial: f.validation for f in results.finalists}
    chosen = results.chosen and results.chosen.trial
    return [
        {
            "trial": trial.number,
            "values": trial.values,
            "chosen": trial.number == chosen,
            "refitted": refitted.get(trial.number),
            "trained": trained_words(trial, results),
            "params": describe_params(trial.params),
        }
        for trial in results.front_trials
    ]


def _importance_notes(run: RunData) -> list[str]:
    judged = run.importances
    return [
        f"{found.objective}: {found.note}."
        + (f" {found.rows[0].parameter} matters most." if found.rows else "")
        for found in judged
    ]


def _pruning(run: RunData) -> str:
    budget = run.results.budget
    return (
        f"{run.results.study.pruner} stopped {_stopped(run)} trials: "
        f"{budget.epochs_trained:.6g} epochs were trained and {budget.epochs_saved:.6g} "
        f"saved. How often that was wrong: lstmopt audit {shlex.quote(str(run.path))}."
    )


def _stopped(run: RunData) -> int:
    return sum(entry.by_pruner for entry in run.results.trials)


def _audit(run: RunData) -> list[str]:
    """Say what an audit found, and whether the study has gone on since."""
    found = run.audit
    if found is None:
        return []
    older = found.stopped != _stopped(run)
    notice = ["The audit is of an earlier state of the study:"] if older else []
    return [*notice, *audit_lines(found)]


def _facts(run: RunData) -> list[tuple[str, str]]:
    study = run.results.study
    versions = ", ".join(f"{name} {version}" for name, version in study.versions.items())
    plugins = ", ".join(f"{name} {version}" for name, version in study.plugins.items())
    earlier = ", ".join(study.warm_start.get("runs", ()))
    facts = {
        "objectives": ", ".join(
            f"{o.name} ({o.direction}, {o.kind})" for o in run.goals.objectives
        ),
        "sampler": study.sampler,
        "pruner": study.pruner,
        "seed": str(study.seed),
        "learnt from": earlier,
        "searched for": _duration(run),
        "memory": _memory(run),
        "target": study.target,
        "inputs": ", ".join(study.inputs),
        "series": _series(study),
        "data fingerprint": study.data,
        "device": study.device,
        "workers": "" if study.workers is None else str(study.workers),
        "machine": study.machine or "",
        "versions": versions,
        "plug-ins": plugins,
        "folder": str(run.path),
    }
    return [(name, text) for name, text in facts.items() if text]


def _duration(run: RunData) -> str:
    """Say how long trials were under way, without what lay between two commands."""
    spans = run.trials[["began", "ended"]].dropna().sort_values("began")
    total, until = 0.0, None
    for began, ended in spans.itertuples(index=False):
        begin = began if until is None else max(began, until)
        total += max(0.0, (ended - begin).total_seconds())
        until = ended if until is None else max(until, ended)
    return f"{total:.0f} s" if until is not None else ""


def _memory(run: RunData) -> str:
    peak = run.results.budget.peak_mib
    return f"at most {peak:.0f} MiB in a process that trained" if peak else ""


def _series(study: StudyFacts) -> str:
    if not study.parts:
        return ""
    train, validation, test = np.diff([0, *study.parts]).tolist()
    first, last = study.times
    gap = f", {study.gap:,} left out" if study.gap else ""
    folds = f" in the newest of {study.folds} folds" if study.folds > 1 else ""
    return (
        f"{study.rows:,} rows of step {study.step} from {first} to {last}; {train - study.gap:,} "
        f"to train{gap}, {validation:,} to validate{folds}, {test:,} to test; window "
        f"{study.window}, horizon {study.horizon}"
    )


def _study_file(run: RunData) -> str:
    path = run.folder.study_file
    return masked(path.read_text("utf-8", "replace")) if path.is_file() else ""
