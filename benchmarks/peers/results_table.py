"""Each round's raw figures -> a markdown page with ratios to lstmopt."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

REFERENCE = "ours"
RATIOS: dict[str, Callable[[Row], float]] = {
    "wall": lambda row: row["wall_seconds"],
    "wall without imports": lambda row: row["wall_seconds"] - row["import_seconds"],
    "CPU an epoch": lambda row: row["cpu_seconds"] / row["epochs"],
    "peak memory": lambda row: row["peak_mib"],
    "test MSE": lambda row: row["test_mse"],
}
RAW = {
    "round": "round",
    "peer": "peer",
    "wall s": "wall_seconds",
    "imports s": "import_seconds",
    "search s": "search_seconds",
    "refit and test s": "finish_seconds",
    "CPU s": "cpu_seconds",
    "peak MiB": "peak_mib",
    "trials": "trials_completed",
    "epochs": "epochs",
    "val MSE": "val_mse",
    "test MSE": "test_mse",
    "load before": "load_before",
}


def render(rows: Sequence[Row], peers: Sequence[str]) -> str:
    """Return the page. ``rows`` are lines of the results file of one setting."""
    good = [row for row in rows if "error" not in row]
    sections = ["# lstmopt and its peers on the same work", *_setting(good)]
    if any(row["peer"] == REFERENCE for row in good):
        sections += [_ratios(good, peers), _faster(good, peers)]
    sections += ["## Raw figures", _table(list(RAW), [_raw_cells(row) for row in good])]
    failed = [row for row in rows if "error" in row]
    sections += [f"`{r['peer']}` failed in round {r['round']}: {r['error']}" for r in failed]
    return "\n\n".join(sections) + "\n"


def pair_ratios(rows: Sequence[Row], peer: str, figure: Callable[[Row], float]) -> list[float]:
    """Return peer / ours of every round that has both."""
    ours = {row["round"]: figure(row) for row in rows if row["peer"] == REFERENCE}
    return [
        figure(row) / ours[row["round"]]
        for row in rows
        if row["peer"] == peer and row["round"] in ours
    ]


def _setting(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    task, machine = rows[0]["task"], rows[0]["machine"]
    epochs = min(row["task"]["epochs"] for row in rows)
    versions = {row["peer"]: row["versions"] for row in rows}
    lines = [
        f"* `{peer}`: " + ", ".join(f"{name} {version}" for name, version in named.items())
        for peer, named in versions.items()
    ]
    return [
        f"{task['trials']} trials x {epochs} epochs and one refit, window "
        f"{task['window']}, horizon {task['horizon']}, on {machine['processor']}, "
        f"{machine['cpus']} CPUs, {machine['system']}, Python {rows[0]['python']}. Errors are in "
        "z units of the target.",
        "\n".join(lines),
    ]


def _ratios(rows: Sequence[Row], peers: Sequence[str]) -> str:
    head = [f"peer / {REFERENCE}", *RATIOS]
    body = []
    for peer in peers:
        if peer != REFERENCE and any(row["peer"] == peer for row in rows):
            ratios = [pair_ratios(rows, peer, figure) for figure in RATIOS.values()]
            body.append([peer, *(_spread(each) for each in ratios)])
    title = "## Ratios: the median of the rounds, in brackets the lowest and highest"
    return f"{title}\n\nAbove 1, `{REFERENCE}` is better.\n\n" + _table(head, body)


def _faster(rows: Sequence[Row], peers: Sequence[str]) -> str:
    """Say where a peer is better by the median of the rounds."""
    lines = []
    for peer in peers:
        if peer.startswith(REFERENCE):
            continue
        for name, figure in RATIOS.items():
            ratios = pair_ratios(rows, peer, figure)
            if ratios and round(median := statistics.median(ratios), 2) < 1:
                lines.append(f"* `{peer}` is better than `{REFERENCE}` in {name}: {median:.2f}")
    title = f"## Where a peer is better than `{REFERENCE}`"
    return f"{title}\n\n" + ("\n".join(lines) or "Nowhere, by these figures.")


def _spread(ratios: Sequence[float]) -> str:
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def _raw_cells(row: Row) -> list[str]:
    return [_cell(row[key]) for key in RAW.values()]


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value < 1 else f"{value:.1f}"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
