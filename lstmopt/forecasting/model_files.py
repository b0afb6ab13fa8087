"""Where a saved model lies, and how its two files change together; loads no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstmopt.system.atomic_write import write_whole

WEIGHTS = "best_optimized_lstm_model.pth"
"""The file of the chosen model's weights in a run's folder."""

_DIGEST = "weights_sha256"


def find_weights(path: Path) -> Path:
    """Return the weights of a run's folder, or the file of weights that a path is."""
    return path / WEIGHTS if path.is_dir() else path


def description_of(weights: Path) -> Path:
    """Return the file that describes weights, beside them."""
    return weights.with_suffix(".json")


def _waiting(weights: Path) -> Path:
    """Return where new weights lie until their description is there."""
    return weights.with_name(f".{weights.name}.new")


def write_model(weights: Path, content: bytes, description: Mapping[str, Any]) -> None:
    """Write weights and their description: whenever it is killed, the old or the new model is read.

    The description says which weights are its own, by their digest; it is written when they lie
    beside their place, and they take it then.
    """
    described = dict(description) | {_DIGEST: hashlib.sha256(content).hexdigest()}
    write_whole(_waiting(weights), content)
    write_whole(description_of(weights), json.dumps(described, indent=2))
    _waiting(weights).replace(weights)


def read_model(weights: Path) -> tuple[bytes, dict[str, Any]]:
    """Read what `write_model` wrote.

    Raises FileNotFoundError where there is no model, ValueError where its parts are not of one.
    """
    description: dict[str, Any] = json.loads(description_of(weights).read_text("utf-8"))
    digest = description.get(_DIGEST)
    # they may take their place between two looks
    there = [path for path in (weights, _waiting(weights), weights) if path.is_file()]
    if not there:
        raise FileNotFoundError(weights)
    for path in there:
        content = path.read_bytes()
        if digest in (None, hashlib.sha256(content).hexdigest()):
            return content, description
    raise ValueError("its weights are not those of its description")
