"""What a machine may not have."""

from __future__ import annotations

import pytest

from lstmopt.report.png import find_browser
from support.real_postgresql import find_binaries


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot do."""
    if item.get_closest_marker("browser") and find_browser() is None:
        pytest.skip("no Chrome or Chromium on this machine")
    if item.get_closest_marker("postgres") and find_binaries() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
