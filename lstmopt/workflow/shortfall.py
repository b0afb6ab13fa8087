"""Why a study has no front, and what helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from lstmopt.storage.study_store import anew
from lstmopt.storage.trial_record import INFEASIBLE, NOT_TRAINED, TrialRecord


def no_front(trials: Sequence[TrialRecord], storage: str = "") -> str:
    """Return why a study has no front to choose from, and what helps, in a sentence.

    Args:
        trials: Its closed trials.
        storage: Its database's URL, "" for a journal.

    Returns:
        The sentence.
    """
    rule = "a study needs a trial that gives a report"
    tried = [trial for trial in trials if not trial.duplicate]
    if not tried:
        return f"{rule}, found that time was up before one began: give a longer timeout"
    counts = Counter(map(_shortfall, tried))
    (most, _), *others = counts.most_common()
    whole = "" if others else "all "
    found = ", ".join(
        f"{whole}{count} {short.words}{_first_reason(tried, short)}"
        for short, count in counts.most_common()
    )
    remedy = f"{most.help} {anew(storage)}"
    return f"{rule}, found {len(trials)} trials and none with a value: {found}: {remedy}"


class _Shortfall(Enum):
    """Why a trial has no value."""

    FAILED = "failed", "mend that, then give more trials and run again, or"
    INFEASIBLE = "broke a limit", "raise that limit or widen [space], and"
    STOPPED = (
        "were stopped by the pruner",
        "give more trials and run again, or choose a pruner that stops less and",
    )
    CUT_OFF = (
        "were cut off",
        "give more trials and a longer timeout or more epochs and run again, or raise "
        "max_trial_seconds and",
    )

    def __init__(self, words: str, help: str) -> None:
        self.words, self.help = words, help
        """What it says of trials, and what helps, up to how a new run is begun."""


def _shortfall(trial: TrialRecord) -> _Shortfall:
    if trial.state == "failed":
        return _Shortfall.FAILED
    if trial.state == INFEASIBLE:
        return _Shortfall.INFEASIBLE
    return _Shortfall.STOPPED if trial.by_pruner else _Shortfall.CUT_OFF


def _first_reason(trials: Sequence[TrialRecord], short: _Shortfall) -> str:
    """Return the clause that says why the first did; a user's own objective gives no reason."""
    reason = next(trial.reason for trial in trials if _shortfall(trial) == short)
    return reason and f", the first because {reason.removeprefix(NOT_TRAINED)}"
