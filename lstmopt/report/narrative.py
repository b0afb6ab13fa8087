"""What the report says of a run, sentence by sentence and table by table."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lstmopt.errors import LstmoptError, masked
from lstmopt.report.measures import default_axes, measures
from lstmopt.report.terminal import audit_lines, verdict_line
from lstmopt.results.document import front_rows
from lstmopt.results.run import Run
from lstmopt.results.selection import why
from lstmopt.search_space import Architecture, describe_params

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


def words_of(run: Run) -> dict[str, Any]:
    """Return every sentence and table of the page."""
    document, found = run.document, measures(run)
    chosen = document["chosen"]
    return {
        "counts": counts(run),
        "verdict": verdict(run),
        "why": _why(run),
        "chosen": chosen,
        "seeds": _seeds(document),
        "test_rows": _test_rows(document) if chosen else [],
        "predict": predict_command(run),
        **(_architecture(document) if chosen else {"architecture": "", "parameters": ""}),
        "front_sentence": _front_sentence(run),
        "measures": list(found.values()),
        "axes": default_axes(run, found),
        "objectives": run.goals.names,
        "refitted": _refitted_names(run),
        "front": _front_table(document),
        "importance_notes": _importance_notes(run),
        "pruning": _pruning(run),
        "audit": _audit(run),
        "facts": _facts(run),
        "warnings": document["warnings"],
        "study_file": _study_file(run),
    }


def counts(run: Run) -> str:
    """Count the trials by what became of them."""
    found = Counter(run.trials["state"])
    parts = [f"{found[state]} {word}" for state, word in STATES.items() if found[state]]
    taken = sum(bool(entry.get("taken_over")) for entry in run.entries)
    over = f", {taken} of them taken over from earlier runs" if taken else ""
    return f"{len(run.trials)} trials" + (f": {', '.join(parts)}{over}" if parts else "")


def verdict(run: Run) -> str:
    """Say in one sentence what to deploy, or that nothing was chosen yet."""
    return verdict_line(dict(run.document)) if run.finished else "No model was chosen yet."


def _why(run: Run) -> str:
    """Say how the chosen model was chosen."""
    if not run.finished:
        return ""
    chosen = run.document["chosen"]
    trial, pick, size = chosen["trial"], chosen.get("pick"), len(run.document["front"])
    trained = len(run.document.get("finalists", ()))
    if pick == "named":
        return f"Trial {trial} was named, not picked from the front, and trained anew."
    if not pick:
        return ""
    reason = why(pick, size, run.goals)
    if trained != size:  # picked by what the search found
        return f"Picked from the front ({pick}) and trained anew: trial {trial} {reason}."
    those = f"of the {size} trials of the front, trained anew," if size > 1 else "trained anew,"
    return f"Picked on validation ({pick}): {those} trial {trial} {reason}."


def _seeds(document: Mapping[str, Any]) -> int:
    """Count the refits of the chosen trial that ended well."""
    chosen = (document["chosen"] or {}).get("trial")
    found = (f["seeds"] for f in document.get("finalists", ()) if f["trial"] == chosen)
    return next(found, 1)


def _refitted_names(run: Run) -> list[str]:
    """Name what was learned anew by the finalists."""
    static = {o.name for o in run.goals.static}
    finalists = run.document.get("finalists") or [{"validation": {}}]
    return [name for name in finalists[0]["validation"] if name not in static]


def _test_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    named = {f"LSTM, trial {document['chosen']['trial']}": document["chosen"]["test"]}
    return [
        {
            "name": name,
            "scores": scores,
            "rmse": scores and _root(scores["own"]["mse"]["mean"]),
        }
        for name, scores in (named | document["baselines"]).items()
    ]


def _root(value: float | None) -> float | None:
    return None if value is None else value**0.5


def _architecture(document: Mapping[str, Any]) -> dict[str, str]:
    chosen = Architecture.of(document["chosen"]["params"])
    layers = f"{chosen.num_layers} layer" + ("" if chosen.num_layers == 1 else "s")
    sizes = (
        entry["parameters"]
        for entry in document["architectures"]
        if (entry["hidden_size"], entry["num_layers"]) == (chosen.hidden_size, chosen.num_layers)
    )
    count = next(sizes, None)
    return {
        "architecture": f"{layers} of {chosen.hidden_size} units",
        "parameters": "parameters" if count is None else f"{count:,} parameters",
    }


def predict_command(run: Run) -> str:
    """Return the command that forecasts with the chosen model."""
    data = _data_path(run) or "YOUR.csv"
    return f"lstmopt predict {shlex.quote(str(run.path))} {shlex.quote(data)}"


def fit_command(run: Run) -> str | None:
    """Return the command that refits a trial, up to its number; None where it could not run."""
    if not _data_path(run):
        return None
    return f"lstmopt fit {shlex.quote(str(run.path))} --trial"


def _data_path(run: Run) -> str:
    """Return the run's data file as a user in this folder would write it; "" where it has none."""
    path = ""
    with suppress(LstmoptError):  # a study file that cannot be read
        path = run.config.data.path if run.config else ""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if path and Path(path).is_relative_to(here) else path


def _front_sentence(run: Run) -> str:
    size = len(run.document["front"])
    names = " and ".join(run.goals.names)
    if size == 0:
        return "There is no front yet: no trial is complete."
    if len(run.goals.names) == 1:
        return f"One objective, {names}: the front is its best trial."
    return (
        f"{size} of them {'is' if size == 1 else 'are'} on the front of {names}: none is better "
        "in one without being worse in another. Trials that have no value lie at the edge. A click "
        "selects a trial."
    )


def _front_table(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    refitted = {f["trial"]: f["validation"] for f in document.get("finalists", ())}
    chosen = (document["chosen"] or {}).get("trial")
    return [
        row
        | {
            "chosen": row["trial"] == chosen,
            "refitted": refitted.get(row["trial"]),
            "params": describe_params(row["params"]),
        }
        for row in front_rows(document)
    ]


def _importance_notes(run: Run) -> list[str]:
    judged = run.importances
    return [
        f"{found.objective}: {found.note}."
        + (f" {found.rows[0].parameter} matters most." if found.rows else "")
        for found in judged
    ]


def _pruning(run: Run) -> str:
    budget = run.document["budget"]
    stopped = _stopped(run)
    return (
        f"{run.document['study']['pruner']} stopped {stopped} trials: "
        f"{budget['epochs_trained']:.6g} epochs were trained and {budget['epochs_saved']:.6g} "
        f"saved. How often that was wrong: lstmopt audit {shlex.quote(str(run.path))}."
    )


def _stopped(run: Run) -> int:
    return sum(bool(entry.get("by_pruner")) for entry in run.document["trials"])


def _audit(run: Run) -> list[str]:
    """Say what an audit found, and whether the study has gone on since."""
    found = run.audit
    if found is None:
        return []
    older = found["stopped"] != _stopped(run)
    notice = ["The audit is of an earlier state of the study:"] if older else []
    return [*notice, *audit_lines(found)]


def _facts(run: Run) -> list[tuple[str, str]]:
    study = run.document["study"]
    versions = ", ".join(f"{name} {version}" for name, version in study["versions"].items())
    plugins = ", ".join(f"{name} {version}" for name, version in study.get("plugins", {}).items())
    earlier = ", ".join(study.get("warm_start", {}).get("runs", ()))
    facts = {
        "objectives": ", ".join(
            f"{o.name} ({o.direction}, {o.kind})" for o in run.goals.objectives
        ),
        "sampler": study["sampler"],
        "pruner": study["pruner"],
        "seed": str(study["seed"]),
        "learnt from": earlier,
        "searched for": _duration(run),
        "memory": _memory(run),
        "target": study["target"],
        "inputs": ", ".join(study.get("inputs", ())),
        "series": _series(study),
        "data fingerprint": study["data"],
        "device": study["device"],
        "workers": str(study.get("workers", "")),
        "machine": study.get("machine", ""),
        "versions": versions,
        "plug-ins": plugins,
        "folder": str(run.path),
    }
    return [(name, text) for name, text in facts.items() if text]


def _duration(run: Run) -> str:
    """Say how long trials were under way, without what lay between two commands."""
    spans = run.trials[["began", "ended"]].dropna().sort_values("began")
    total, until = 0.0, None
    for began, ended in spans.itertuples(index=False):
        begin = began if until is None else max(began, until)
        total += max(0.0, (ended - begin).total_seconds())
        until = ended if until is None else max(until, ended)
    return f"{total:.0f} s" if until is not None else ""


def _memory(run: Run) -> str:
    peak = run.document["budget"].get("peak_mib")
    return f"at most {peak:.0f} MiB in a process that trained" if peak else ""


def _series(study: Mapping[str, Any]) -> str:
    if "parts" not in study:
        return ""
    train, validation, test = np.diff([0, *study["parts"]]).tolist()
    first, last = study["times"]
    return (
        f"{study['rows']:,} rows of step {study['step']} from {first} to {last}; {train:,} to "
        f"train, {validation:,} to validate, {test:,} to test; window {study['window']}, "
        f"horizon {study['horizon']}"
    )


def _study_file(run: Run) -> str:
    path = run.folder.study_file
    return masked(path.read_text("utf-8", "replace")) if path.is_file() else ""
