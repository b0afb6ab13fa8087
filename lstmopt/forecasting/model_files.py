"""Where a saved model lies; loads no torch."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = "best_optimized_lstm_model.pth"
"""The file of the chosen model's weights in a run's folder."""


def find_weights(path: Path) -> Path:
    """Return the weights of a run's folder, or the file of weights that a path is."""
    return path / WEIGHTS if path.is_dir() else path


def description_of(weights: Path) -> Path:
    """Return the file that describes weights, beside them."""
    return weights.with_suffix(".json")
