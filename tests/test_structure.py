"""The shape of the code, as CONTRIBUTING tells it."""

from __future__ import annotations

import ast
from pathlib import Path

import lstmopt

ROOT = Path(lstmopt.__file__).parent
LEAVES = {
    "epoch", "errors", "files", "front", "interruption", "machine", "options", "preload", "space",
}  # fmt: skip
FOLDERS = {"report", "scaffold", "testing"}
ORDER = [
    "hookspecs", "registry", "table", "times", "data", "windows", "batches", "model", "memory",
    "onednn", "steps", "training", "trials", "pruning", "objectives", "pareto_pruner", "config",
    "latency", "warm_start", "surrogate", "advice", "lock", "segments", "record", "document",
    "stand_ins", "driver_storage", "view", "allocator", "closed", "stored", "worker",
    "local_processes", "executors", "plan", "journal", "storage", "opening", "observer", "overhead",
    "running", "ledger", "proposals", "study", "traits", "past", "requires", "learned", "baselines",
    "choice", "forecasts", "finalists", "forecaster", "local_cluster", "cluster", "engines",
    "preparation", "costs", "job", "audit", "loaded", "importance", "comparison", "dashboard",
    "copying", "progress", "report", "testing", "scaffold", "compat", "cli",
]  # fmt: skip


def imports(path: Path) -> set[str]:
    """Name the modules of lstmopt that a file imports when it is loaded, not for types alone."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lstmopt."):
            found.add(node.module.split(".")[1])
    return found


def test_every_module_has_its_place():
    modules = {path.stem for path in ROOT.glob("*.py")} - {"__init__"} | FOLDERS
    assert modules == set(ORDER) | LEAVES


def test_a_module_imports_only_from_rooms_before_it():
    for place, name in enumerate(ORDER):
        paths = (ROOT / name).glob("*.py") if name in FOLDERS else [ROOT / f"{name}.py"]
        for path in paths:
            allowed = LEAVES | set(ORDER[:place]) | {name}
            assert imports(path) <= allowed, f"{name} imports {imports(path) - allowed}"


def test_leaves_import_no_room():
    for name in LEAVES:
        assert imports(ROOT / f"{name}.py") <= LEAVES


def test_training_knows_nothing_of_search_and_the_front_nothing_of_torch():
    assert "optuna" not in (ROOT / "training.py").read_text()
    assert "torch" not in (ROOT / "front.py").read_text().replace("PyTorch", "")
