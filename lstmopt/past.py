"""Reads earlier runs for a warm start."""

from __future__ import annotations

from pathlib import Path

from lstmopt.errors import LstmoptError
from lstmopt.objectives import Goals
from lstmopt.record import RunFolder
from lstmopt.warm_start import PastStudy, PastTrial


def read_past(path: Path, goals: Goals) -> PastStudy:
    """Read the complete trials of a finished run, in the order of ``goals``.

    Raises LstmoptError where the run did not measure one of them.
    """
    document = RunFolder(path).read_results()
    measured = [entry["name"] for entry in document["objectives"]]
    if missing := [name for name in goals.names if name not in measured]:
        raise LstmoptError(
            f"a warm start needs a run with this study's objectives, found no {missing[0]} in "
            f"{path}: choose another run"
        )
    trials = tuple(
        PastTrial(
            entry["number"],
            entry["params"],
            tuple(o.minimised(entry["values"][o.name]) for o in goals.objectives),
        )
        for entry in document["trials"]
        if entry["state"] == "complete"
    )
    return PastStudy(document["study"]["name"], tuple(goals.names), trials)
