"""Is what a study deploys better than the bar? One command, any series, one step and one season.

python benchmarks/networks/worth_deploying.py SERIES ... --out runs/worth.jsonl

A series is what ``lstmopt run`` takes, as one argument, with the rows of a season behind a bar:
``"--data nyc_taxi.csv --target value | 48"``. Each is run one row ahead and a season ahead with
``--timeout`` and no warm start, once a seed. A line a run goes to ``--out``; what is there is not
run again. All that is chosen is chosen on validation; the test part is opened once, by the study.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Line = dict[str, Any]
Case = tuple[str, int, int]
"""The words of a run, rows ahead, and a seed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("series", nargs="*")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="Of a study; one a core by default.")
    parser.add_argument("--beside", type=int, default=1, help="How many studies run at once.")
    parser.add_argument("--options", default="", help="More options of lstmopt run, as one text.")
    asked = parser.parse_args()
    lines = read(asked.out)
    known = {key_of(line) for line in lines}
    missing = [case for case in cases(asked.series, asked.seeds) if case not in known]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(asked.beside) as pool:
        for line in pool.map(lambda case: run(case, asked), missing):
            lines.append(line)
            with asked.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    print(table(lines))


def read(path: Path) -> list[Line]:
    return [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []


def key_of(line: Line) -> Case:
    return line["series"], line["ahead"], line["seed"]


def cases(series: Sequence[str], seeds: int) -> Iterator[Case]:
    for seed in range(seeds):
        for text in series:
            words, _, season = text.partition("|")
            for ahead in sorted({1, int(season or 1)}):
                yield words.strip(), ahead, seed


def run(case: Case, asked: argparse.Namespace) -> Line:
    words, ahead, seed = case
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lstmopt", "run", *shlex.split(words)]
        command += ["--horizon", str(ahead), "--seed", str(seed), "--out", f"{folder}/run"]
        command += ["--timeout", f"{asked.seconds:g}s", "--no-report"]
        command += ["--warm-start-strategy", "none", "--workers", str(asked.workers), "--json"]
        command += shlex.split(asked.options)
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    line = {"series": words, "ahead": ahead, "seed": seed, "seconds": asked.seconds}
    line |= found_in(ended)
    print(f"{name_of(line)}: {line.get('deployed', line.get('error'))}", file=sys.stderr)
    return line


def found_in(ended: subprocess.CompletedProcess[str]) -> Line:
    if ended.returncode:
        return {"error": ended.stderr.strip().splitlines()[-1:]}
    found = json.loads(ended.stdout)
    verdict, chosen = found["verdict"], found["chosen"]
    return {
        "deployed": chosen["test"]["scaled"]["mse"]["mean"],
        "chosen": {name: chosen.get(name) for name in ("trial", "params", "members", "latency_ms")},
        "validation": chosen["validation"],
        # on a sample of the origins an error is another one
        "bars": {
            name: [found["bar"][name]["validation_mse"], errors["scaled"]["mse"]["mean"]]
            for name, errors in found["baselines"].items()
            if errors and not found["bar"][name]["test_sample"]
        },
        "points": [[p["validation"], p["test_mse"]] for p in found["finalists"]],
        "averages": [[p["validation"], p["test_mse"]] for p in found["averages"]],
        "intervals": {
            name: [[e["level"], *e["all_leads"].values()] for e in errors["intervals"]]
            for name, errors in {"deployed": chosen["test"], **found["baselines"]}.items()
            if errors
        },
        "verdict": verdict,
        "hindsight": found.get("hindsight"),
        "trials": found["budget"]["trials"],
        "front": len(found["front"]),
    }


def name_of(line: Line) -> str:
    words = shlex.split(line["series"])
    path = Path(words[words.index("--data") + 1]) if "--data" in words else Path(words[0])
    return f"{path.name.partition('.')[0]} {line['ahead']}"


def table(lines: Sequence[Line]) -> str:
    """Return a Markdown table, a row a run, and what it comes to."""
    rows = [
        "| series, ahead | seed | deployed | its error | bar by validation | its error | ratio | "
        "best bar on test | ratio |",
        "|" + " --- |" * 9,
    ]
    picked, best = [], []
    for line in lines:
        if "deployed" not in line:
            rows.append(f"| {name_of(line)} | {line['seed']} | {line['error']} |" + " |" * 6)
            continue
        bars = {name: test for name, (_, test) in line["bars"].items()}
        if not bars:
            rows.append(f"| {name_of(line)} | {line['seed']} | no bar in time |" + " |" * 6)
            continue
        lowest = min(bars, key=lambda name: bars[name])
        bar = min(bars, key=lambda name: line["bars"][name][0])
        picked.append(line["deployed"] / bars[bar])
        best.append(line["deployed"] / bars[lowest])
        rows.append(
            f"| {name_of(line)} | {line['seed']} | {what_is_deployed(line)} | "
            f"{line['deployed']:.4g} | {bar} | {bars[bar]:.4g} | "
            f"{picked[-1]:.3f} | {lowest} {bars[lowest]:.4g} | {best[-1]:.3f} |"
        )
    if best:
        rows.append("")
        rows.append(
            f"Better than the bar that validation picks: {sum(r < 1 for r in picked)} of "
            f"{len(picked)}. To the best bar in hindsight: geometric mean "
            f"{geometric_mean(best):.3f}, worst {max(best):.3f}."
        )
        rows.append(by_tolerance(lines))
    return "\n".join(rows)


def by_tolerance(lines: Sequence[Line]) -> str:
    """Say what the fastest of those nearly as good on validation would have come to."""
    words = []
    for tolerance in (0.0, 0.005, 0.01, 0.02, 0.05):
        ratios = [
            tested / min(test for _, test in line["bars"].values())
            for line in lines
            if line.get("bars") and (tested := fastest_near(line, tolerance)) is not None
        ]
        words.append(f"{tolerance:.1%} {geometric_mean(ratios):.3f} (worst {max(ratios):.3f})")
    return f"The fastest of those so much worse on validation than the best: {', '.join(words)}."


def fastest_near(line: Line, tolerance: float) -> float | None:
    """Return its test error; None where there was no time to test all."""
    single = [({name: v["mean"] for name, v in p.items()}, test) for p, test in line["points"]]
    points = [*single, *line["averages"]]
    if any(test is None for _, test in points):
        return None
    most = (1 + tolerance) * min(values["val_loss"] for values, _ in points)
    near = [(values["latency_ms"], test) for values, test in points if values["val_loss"] <= most]
    tested: float = min(near)[1]
    return tested


def geometric_mean(ratios: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, ratios)))


def what_is_deployed(line: Line) -> str:
    members = line["chosen"].get("members") or ()
    if members:
        return f"mean of {len(members)}"
    params = line["chosen"]["params"] or {}
    return f"{params.get('network', 'lstm')} {line['chosen']['trial']}"


if __name__ == "__main__":
    main()
