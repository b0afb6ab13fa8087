"""What a report says of intervals on the test part; loads no pandas."""

from __future__ import annotations

import statistics

from lstmopt.forecasting.levels import level_text
from lstmopt.results.document import ForecastErrors, StudyResults

_FAR = 5.0
"""Points of per cent that a coverage may be away from its level until it is told why."""


def with_intervals(results: StudyResults) -> dict[str, ForecastErrors]:
    """Return the test errors of the chosen model and of the baselines, where they have intervals.

    Args:
        results: A finished study's.

    Returns:
        The errors by name, the chosen model first.
    """
    if results.chosen is None:
        return {}
    found = {results.chosen.label: results.chosen.test, **(results.baselines or {})}
    return {name: errors for name, errors in found.items() if errors and errors.intervals}


def interval_columns(results: StudyResults) -> list[str]:
    """Return the heads of the table of intervals.

    Args:
        results: A finished study's.

    Returns:
        For each level what is covered and how wide that is, then scores; empty without intervals.
    """
    errors = next(iter(with_intervals(results).values()), None)
    if errors is None:
        return []
    levels = [level_text(entry.level) for entry in errors.intervals]
    each = [head for level in levels for head in (f"within {level} %", f"width {level} %")]
    return [*each, f"Winkler {levels[-1]} %", "pinball"]


def interval_cells(errors: ForecastErrors) -> list[str]:
    """Return a row of the table of intervals.

    Args:
        errors: Those of a model that has intervals.

    Returns:
        What `interval_columns` names; the pinball loss is the mean over the levels.
    """
    cells = []
    for entry in errors.intervals:
        scores = entry.all_leads
        covered = "–" if scores.coverage is None else f"{scores.coverage:.1%}"
        cells += [covered, _number(scores.width)]
    losses = [entry.all_leads.pinball for entry in errors.intervals]
    known = [loss for loss in losses if loss is not None]
    mean = statistics.fmean(known) if len(known) == len(losses) else None
    return [*cells, _number(errors.intervals[-1].all_leads.winkler), _number(mean)]


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def interval_lines(results: StudyResults) -> list[str]:
    """Say in sentences how often the truth lay within the chosen model's intervals.

    Args:
        results: A study's.

    Returns:
        The sentences; none without intervals.
    """
    errors = next(iter(with_intervals(results).items()), None)
    if errors is None or results.chosen is None or errors[0] != results.chosen.label:
        return []
    entries = errors[1].intervals
    told = [
        f"{entry.all_leads.coverage:.1%} within {level_text(entry.level)} %"
        for entry in entries
        if entry.all_leads.coverage is not None
    ]
    if not told:
        return []
    lines = [
        f"Intervals on the test part held what came as follows: {', '.join(told)} (calibrated on "
        f"{entries[-1].calibrated_on:,} forecasts a lead)."
    ]
    far = [
        level_text(entry.level)
        for entry in entries
        if entry.all_leads.coverage is not None
        and abs(100 * entry.all_leads.coverage - entry.level) > _FAR
    ]
    if far:
        lines.append(
            f"At {' and '.join(far)} % that is more than {_FAR:g} points off: the series has "
            "changed since the rows that they were calibrated on, or these are too few."
        )
    return lines
