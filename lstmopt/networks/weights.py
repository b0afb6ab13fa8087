"""Weights and checkpoints: copied, and read without running code."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from lstmopt.errors import LstmoptError


def read_tensors(source: BinaryIO | Path, device: str = "cpu") -> Any:
    """Read tensors and plain values that torch saved; whatever else a file holds is never run.

    Raises LstmoptError for such a file.
    """
    try:
        return torch.load(source, map_location=device, weights_only=True)
    except pickle.UnpicklingError:
        # torch's own words advise to run it
        raise LstmoptError(
            "weights and checkpoints are tensors and plain values, found something else: it was "
            "not read; bring back the file that lstmopt wrote"
        ) from None


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Copy the weights: a state_dict alone would go on changing with the model."""
    return copy.deepcopy(model.state_dict())


def read_checkpoint(checkpoint: bytes, device: str = "cpu") -> Mapping[str, Any]:
    """Read a checkpoint's tensors and plain values; never runs code from it."""
    content: Mapping[str, Any] = read_tensors(io.BytesIO(checkpoint), device)
    return content
