"""What does a study find in so much time, and does it end in it? One command, any series.

python benchmarks/time_limits/measure.py --out runs/time_limits.jsonl --limits 20 60 180 STUDY ...

A study is a TOML file, or a table's path with its target: ``sunspots.csv:sunspots``. Each is run by
``lstmopt run --timeout`` with as many trials as there is time for and no warm start, and timed from
outside. A line a run goes to ``--out``; what is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limits", type=float, nargs="+", default=[20, 60, 180, 600])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="Of a study; one a core by default.")
    parser.add_argument("--beside", type=int, default=1, help="How many studies run at once.")
    asked = parser.parse_args()
    lines = (
        [json.loads(row) for row in asked.out.read_text().splitlines()]
        if asked.out.exists()
        else []
    )
    known = {(line["study"], line["limit"], line["seed"]) for line in lines}
    missing = [
        (study, limit, seed)
        for seed in range(asked.seeds)
        for limit in asked.limits
        for study in asked.studies
        if (name_of(study), limit, seed) not in known
    ]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(asked.beside) as pool:
        for line in pool.map(lambda task: run(task, asked.workers), missing):
            lines.append(line)
            with asked.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
    print(table(lines))


def name_of(study: str) -> str:
    return Path(study.partition(":")[0]).name.partition(".")[0]


def run(task: tuple[str, float, int], workers: int) -> Line:
    """Run a study, with a limit and a seed, as a user does."""
    study, limit, seed = task
    path, _, target = study.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        given = ["--data", path, "--target", target] if target else [path]
        command = [sys.executable, "-m", "lstmopt", "run", *given, "--trials", "100000"]
        command += ["--timeout", f"{limit:g}s", "--seed", str(seed), "--out", str(out)]
        command += ["--warm-start-strategy", "none", "--workers", str(workers), "--json"]
        start = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        took = time.perf_counter() - start
    print(f"{name_of(study)} {limit:g} s: {took:.1f} s, exit {ended.returncode}", file=sys.stderr)
    return {"study": name_of(study), "limit": limit, "seed": seed, "seconds": took} | found_in(
        ended
    )


def found_in(ended: subprocess.CompletedProcess[str]) -> Line:
    if ended.returncode:
        return {"error": ended.stderr.strip().splitlines()[-1]}
    found = json.loads(ended.stdout)
    chosen, verdict = found["chosen"], found["verdict"]
    seeds = next(f["seeds"] for f in found["finalists"] if f["trial"] == chosen["trial"])
    baselines = found["baselines"]
    return {
        "mse": chosen["test"]["scaled"]["mse"]["mean"],
        "bar": baselines[verdict["baseline"]]["scaled"]["mse"]["mean"] if verdict else None,
        "baselines": len(baselines),
        "says": verdict and verdict["says"],
        "trials": found["budget"]["trials"],
        "front": len(found["front"]),
        "stopped": len(set(found["front"]) - set(found["finished_front"])),
        "seeds": seeds,
        "all_rows": found["all_rows"] is not None,
    }


def table(lines: Sequence[Line]) -> str:
    """Return a Markdown table, a row a study and limit."""
    head = ["study", "limit (s)", "took (s)", "trials", "front (stopped)", "refits", "error", "bar"]
    rows = [head, ["---"] * len(head)]
    for line in sorted(lines, key=lambda line: (line["study"], line["limit"], line["seed"])):
        cells = [f"`{line['study']}`", f"{line['limit']:g}", f"{line['seconds']:.1f}"]
        if "error" in line:
            rows.append([*cells, line["error"], "", "", "", ""])
            continue
        front = f"{line['front']} ({line['stopped']})"
        bar = "" if line["bar"] is None else f"{line['bar']:.4f}"
        rows.append(
            [*cells, str(line["trials"]), front, str(line["seeds"]), f"{line['mse']:.4f}", bar]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main()
