"""Record default studies of several series, and choose the candidates that a default study tries.

python benchmarks/networks/portfolio.py

makes the shipped tables and ``plugins/shipped_networks.json`` anew. Studies live in the folder
``--runs``; what was interrupted goes on there.
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from lstmopt_benchmarks.network_portfolio import SIZE, write_network_portfolio
from lstmopt_benchmarks.recording import record
from lstmopt_benchmarks.tables import write_table
from rich.console import Console

from lstmopt.cli.progress import LineProgress
from lstmopt.config.options import Config
from lstmopt.config.study_file import read_config, replace

_ROOT = Path(__file__).resolve().parents[2]
_SERIES = ("bike_sharing", "nyc_taxi", "etth1", "co2_weekly", "steel_industry")


def main() -> None:
    """Record every study, then choose."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("series", nargs="*", default=_SERIES, metavar="SERIES")
    parser.add_argument("--candidates", type=int, help="Of a study, unless its file says it.")
    parser.add_argument("--epochs", type=int, help="Of a candidate, unless the file says it.")
    parser.add_argument("--size", type=int, default=SIZE, help="Candidates that are chosen.")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--tables", type=Path, default=_ROOT / "benchmarks/harness/recorded")
    parser.add_argument("--out", type=Path, default=_ROOT / "plugins/shipped_networks.json")
    asked = parser.parse_args()
    paths = []
    for name in asked.series:
        config = study(name, asked.candidates, asked.epochs)
        progress = LineProgress(Console(stderr=True, width=160), config.budget.trials)
        table = record(config, asked.runs / config.name, progress)
        paths.append(asked.tables / f"{table.name}.npz")
        write_table(table, paths[-1])
    content = write_network_portfolio([str(path) for path in paths], asked.size, asked.out)
    print(f"{asked.out}: {len(content['candidates'])} candidates of {len(paths)} tables")


def study(name: str, candidates: int | None, epochs: int | None) -> Config:
    """Return the study of a series as it is recorded."""
    config = read_config(Path(str(files("lstmopt_studies"))) / f"networks_{name}.toml")
    if candidates:
        config = replace(config, budget=replace(config.budget, trials=candidates))
    if epochs:
        config = replace(config, training=replace(config.training, epochs=epochs))
    return config


if __name__ == "__main__":
    main()
