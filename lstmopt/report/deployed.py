"""What became of the deployed weights after the test, sentence by sentence."""

from __future__ import annotations

from lstmopt.forecasting.model_history import ModelUpdate
from lstmopt.results.document import AllRowsEntry, StudyResults


def deployed_lines(results: StudyResults) -> list[str]:
    """Say what the deployed weights have seen beyond the training part, oldest first."""
    if results.chosen is None:
        return []
    average = bool(results.chosen.members)
    all_rows = [_all_rows_line(results.all_rows, average)] if results.all_rows else []
    lines = [*all_rows, *map(update_line, results.updates)]
    if results.all_rows or any(update.adopted for update in results.updates):
        what = "average" if average else "network"
        lines.append(f"The test errors are of the {what} before that.")
    return lines


def _all_rows_line(entry: AllRowsEntry, average: bool) -> str:
    if average:
        return (
            f"After the test every member of the deployed average was trained anew on all "
            f"{entry.rows:,} rows, networks for the epochs that validation found, at most "
            f"{entry.epochs:.4g} ({entry.seconds:.0f} s)."
        )
    return (
        f"After the test the deployed network was trained anew on all {entry.rows:,} rows, for the "
        f"{entry.epochs:.4g} epochs that validation found ({entry.seconds:.0f} s)."
    )


def update_line(update: ModelUpdate) -> str:
    """Say in one sentence what came of an update."""
    table = update.table or "a table from Python"
    rows = f"{update.rows:,} rows from {_time(update.first)} to {_time(update.last)}"
    judged = f"on the newest {update.held_back:,} of them"
    if update.adopted:
        return (
            f"Updated with {table} ({rows}) in {update.epochs} epochs: squared error {judged}, "
            f"held back, {update.after:.4g} instead of {update.before:.4g}."
        )
    after = "no number" if update.after is None else f"{update.after:.4g}"
    return (
        f"Not updated with {table} ({rows}): squared error {judged} would be {after} instead of "
        f"{update.before:.4g}, so the weights stay as they were."
    )


def _time(text: str) -> str:
    return text.replace("T", " ").removesuffix(" 00:00:00")
