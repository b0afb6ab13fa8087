"""Small real parts that many tests share."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import settings
from support.parts import make_workload, wave

from lstmopt.training.trainer import Workload

settings.register_profile("long", max_examples=2000, deadline=None)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep measured latencies out of the user's cache, one cache for the whole run."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("LSTMOPT_CACHE_DIR", str(folder))


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
