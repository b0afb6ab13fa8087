"""Arrays as text, for a model's description; loads no torch."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed(arrays: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Return arrays as plain values: their shapes, and little-endian float32 in base64."""
    return {
        name: {
            "shape": list(array.shape),
            "float32": base64.b64encode(array.astype("<f4").tobytes()).decode(),
        }
        for name, array in arrays.items()
    }


def unpacked(content: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Return the arrays that `packed` wrote. Raises ValueError where it did not."""
    return {
        name: np.frombuffer(base64.b64decode(each["float32"], validate=True), "<f4")
        .astype(np.float64)
        .reshape(each["shape"])
        for name, each in content.items()
    }
