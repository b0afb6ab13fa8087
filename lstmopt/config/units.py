"""Durations and sizes as people write them."""

from __future__ import annotations

import re

from lstmopt.errors import LstmoptError

_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse_duration(value: float | str) -> float:
    """Return seconds from a number or a text such as "90s", "10m", "1.5h"."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(value).lower())
    if match is None or match[2] not in _UNITS:
        raise LstmoptError(
            f"a duration is a number with s, m, h or d, found {value!r}: write for instance 10m"
        )
    return float(match[1]) * _UNITS[match[2]]


_BYTES = {"": 1e6, "mb": 1e6, "gb": 1e9, "mib": 2**20, "gib": 2**30}


def parse_megabytes(value: str) -> float:
    """Return megabytes (10^6 bytes) from a text such as "500", "500MB", "2GB", "1.5GiB"."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", value.lower())
    if match is None or match[2] not in _BYTES:
        raise LstmoptError(
            f"memory is a number with MB, GB, MiB or GiB, found {value!r}: write for instance 2GB"
        )
    return float(match[1]) * _BYTES[match[2]] / 1e6
