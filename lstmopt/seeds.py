"""Seeds that are independent of one another, from one that a study has."""

from __future__ import annotations

import numpy as np


def derive_seed(seed: int, *path: int) -> int:
    """Derive a 31-bit seed from a study's seed and a path such as (trial number, purpose)."""
    return int(np.random.SeedSequence([seed, *path]).generate_state(1)[0] >> 1)
