"""Levels of intervals, in per cent, and by what they are scaled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from lstmopt.errors import LstmoptError

Scale = Literal["constant", "ensemble", "bayesian", "dropout", "quantile"]
"""What says how much wider one interval is than another of the same lead."""

LEVELS = (80.0, 90.0)
"""Those of a study that names none."""


def check_levels(levels: Iterable[float]) -> tuple[float, ...]:
    """Return levels in per cent, ascending.

    Raises:
        LstmoptError: For one outside 0 to 100, and for one that is there twice.
    """
    given = tuple(levels)
    for level in given:
        if not 0 < level < 100:
            raise LstmoptError(
                f"a level of an interval lies between 0 and 100 per cent, found {level:g}: write "
                "for instance 90"
            )
    if len(set(given)) < len(given):
        raise LstmoptError(
            f"each level is asked for once, found {', '.join(map(level_text, given))}: leave one "
            "out"
        )
    return tuple(sorted(given))


def level_text(level: float) -> str:
    """Return a level as columns have it: 90, 97.5."""
    return f"{level:.10g}"
