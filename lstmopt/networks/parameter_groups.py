"""Weights by how they learn."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

SKIP_RATE = 0.03
"""The learning rate of a linear part, as a share of the others': it begins at its solution."""


@dataclass(frozen=True)
class ParameterGroup:
    """Weights that learn alike.

    Attributes:
        parameters: The weights.
        rate: Their learning rate, as a share of the candidate's.
        decays: Whether the candidate's weight decay applies.
    """

    parameters: tuple[nn.Parameter, ...]
    rate: float = 1.0
    decays: bool = True


def parameter_groups(model: nn.Module) -> list[ParameterGroup]:
    """Return the weights by how they learn: all but those of the linear part ``skip``, and those.

    No group is empty.
    """
    linear = [p for name, p in model.named_parameters() if name.startswith("skip.")]
    rest = [p for name, p in model.named_parameters() if not name.startswith("skip.")]
    groups = ParameterGroup(tuple(rest)), ParameterGroup(tuple(linear), SKIP_RATE, decays=False)
    return [group for group in groups if group.parameters]
