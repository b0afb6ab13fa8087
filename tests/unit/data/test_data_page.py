"""What docs/data.md says of times is so."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from lstmopt.data.timestamps import parse_times

PAGE = Path(__file__).parents[3] / "docs" / "data.md"
TIMES = PAGE.read_text(encoding="utf-8").split("## Times")[1].split("| columns |")[0]
EXAMPLES = re.findall(r"`([^`]+)`", TIMES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_a_time_is_read(example):
    cells = pd.Series([int(example) if example.isdigit() else example] * 3, name="time")
    times, form = parse_times(cells.to_frame(), ["time"], None)
    assert form
    assert times[0].year == 2024
    assert times[0].tz_localize(None) <= pd.Timestamp("2024-02-01")
    assert len(EXAMPLES) > 15
