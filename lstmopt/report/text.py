"""The result document -> tables for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from lstmopt.space import describe_params


def print_result(document: dict[str, Any], console: Console, folder: str) -> None:
    """Print the verdict, the front, and the test table of a finished run."""
    console.print(verdict_line(document), markup=False, highlight=False, soft_wrap=True)
    print_front(document, console)
    print_test(document, console)
    budget = document["budget"]
    refused = f", {budget['infeasible']} more never trained" if budget["infeasible"] else ""
    taken = f", {budget['taken_over']} more taken over" if budget["taken_over"] else ""
    console.print(
        f"{budget['trials']} trials{refused}{taken}, {budget['epochs_trained']} epochs trained, "
        f"{budget['epochs_saved']} saved by pruning, {budget['seconds']:.0f} s; all in {folder}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def verdict_line(document: dict[str, Any]) -> str:
    """Say in one sentence whether the chosen network is worth deploying."""
    chosen = document["chosen"]
    if chosen is None:
        return "The study was interrupted before a model was chosen: run the same command again."
    error = chosen["test"]["scaled"]["mse"]["mean"]
    rivals = {
        name: scores["scaled"]["mse"]["mean"]
        for name, scores in document["baselines"].items()
        if scores is not None
    }
    better = [name for name, mse in rivals.items() if mse <= error]
    if better:
        return (
            f"The LSTM does not beat {' and '.join(better)} on the test part: "
            f"its error is {error:.4f}, theirs {', '.join(f'{rivals[n]:.4f}' for n in better)}."
        )
    best = min(rivals, key=lambda name: rivals[name])
    return (
        f"Deploy trial {chosen['trial']}: test error {error:.4f} against {rivals[best]:.4f} of "
        f"{best}, the best of three baselines, at {chosen['latency_ms']:.2f} ms a forecast."
    )


def print_front(document: dict[str, Any], console: Console) -> None:
    """Print the front, the chosen trial marked."""
    names = [entry["name"] for entry in document["objectives"]]
    trials = {trial["number"]: trial for trial in document["trials"]}
    chosen = (document["chosen"] or {}).get("trial")
    table = Table("trial", *names, "parameters", title="Pareto front (validation)")
    for number in document["front"]:
        trial = trials[number]
        mark = f"{number} *" if number == chosen else str(number)
        values = (f"{trial['values'][name]:.4g}" for name in names)
        table.add_row(mark, *values, describe_params(trial["params"]))
    console.print(table)


def print_test(document: dict[str, Any], console: Console) -> None:
    """Print the chosen model's test errors beside the baselines'."""
    if document["chosen"] is None:
        return
    target = document["study"]["target"]
    table = Table(
        "forecast",
        "MSE (scaled)",
        "MAE (scaled)",
        f"MAE ({target})",
        "R²",
        title="test part, opened once",
    )
    rows = {f"LSTM, trial {document['chosen']['trial']}": document["chosen"]["test"]}
    for name, test in (rows | document["baselines"]).items():
        if test is None:
            table.add_row(name, *["no such season"] * 4)
            continue
        cells = (test["scaled"]["mse"], test["scaled"]["mae"], test["own"]["mae"], test["r2"])
        table.add_row(name, *(_cell(cell) for cell in cells))
    console.print(table)


def audit_lines(document: dict[str, Any]) -> list[str]:
    """Say in sentences what an audit found."""
    replayed, different = document["decisions_replayed"], document["decisions_different"]
    low, high = document["interval"]
    lost, sampled = len(document["lost"]), document["sampled"]
    whole = sampled == document["stopped"]
    again = sum(trial["repeated"] for trial in document["trials"])
    lines = [
        f"{replayed} decisions were made again from the record, "
        + (f"{len(different)} of them otherwise ({different[0]})" if different else "all the same")
        + ".",
        f"{sampled} of {document['stopped']} stopped trials were trained to their end ({again} "
        f"with the recorded losses bit for bit), {lost} of them to the front.",
        f"False-prune rate: {lost / sampled:.0%}"
        + ("." if whole else f" (95 % interval {low:.0%} to {high:.0%})."),
    ]
    if document["front_gain"] is not None:
        lines.append(
            f"With them the front's hypervolume would have been {document['front_gain']:.1%} "
            f"larger; pruning saved {document['epochs_saved']:.0f} epochs."
        )
    return lines


def _cell(cell: dict[str, float | None]) -> str:
    if cell["mean"] is None:
        return "undefined"
    return f"{cell['mean']:.4g}" + (f" ± {cell['std']:.2g}" if cell["std"] else "")
