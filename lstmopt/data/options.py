"""How a table is read, as a study file says it; loads no pandas."""

from __future__ import annotations

from typing import Literal

import msgspec


class DataOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a table is read.

    ``features`` None takes every other numeric column. ``max_gap`` is in rows: gaps up to it are
    filled forward for inputs, and no missing target is ever scored.
    """

    path: str = ""
    target: str = ""
    time: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    known: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    calendar: bool = True
    day_first: bool | None = None
    order: Literal["keep", "sort", "midnight_ends_day"] = "keep"
    max_gap: int = 24
