"""What every test finds: series, a cache of its own, and an end to what it starts."""

from __future__ import annotations

import signal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings

from lstmopt.training.trainer import Workload
from support.parts import make_workload, wave
from support.processes import ended_with

# A busy machine is no failure: speed is measured in benchmarks. The same examples at every run:
# others are looked for with --hypothesis-profile=long.
settings.register_profile("busy", deadline=None, derandomize=True)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile("busy")

# A shell that starts something in the background has it ignore Ctrl-C, and so would all that
# is started from here; tests send Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in ``tests/system``."""
    for item in items:
        if Path(__file__).with_name("system") in item.path.parents:
            item.add_marker("system")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep measured latencies out of the user's cache, one cache for the whole run."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("LSTMOPT_CACHE_DIR", str(folder))


@pytest.fixture(autouse=True)
def own_processes(request):
    """End what the test started; what a fixture of a module started lasts as long as that."""
    with ended_with(request.node.nodeid):
        yield


@pytest.fixture
def table() -> pd.DataFrame:
    return wave()


@pytest.fixture
def csv(tmp_path, table):
    path = tmp_path / "wave.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture
def workload() -> Workload:
    return make_workload()
