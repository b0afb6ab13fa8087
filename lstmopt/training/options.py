"""How candidates are trained, as a study file says it; loads no torch."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

AtLeastOne = Annotated[int, Meta(ge=1)]
Precision = Literal["float32", "bfloat16"]


class TrainingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a candidate is trained; the same for every candidate of a study.

    ``targets_per_window`` is how many of a window's last steps forecast; without it the length of
    the series decides (see `trainer.targets_per_window`). ``report_every`` counts optimiser steps
    of the space's largest batch (see `trainer.reports_per_epoch`). The learning rate is constant,
    so a loss at one report means the same in every trial. ``precision`` is that of the kernels in
    training; ``cuda_graph`` replays a recorded step. ``windows`` is how many windows an epoch has:
    all, or of a panel that holds more so many, drawn anew for each; ``sample_by`` says whether each
    window is as likely as another, or each series.
    """

    epochs: AtLeastOne = 50
    patience: AtLeastOne = 8
    clip_norm: Annotated[float, Meta(gt=0)] = 1.0
    targets_per_window: AtLeastOne | None = None
    report_every: AtLeastOne | None = None
    precision: Precision = "float32"
    cuda_graph: bool = False
    windows: AtLeastOne | None = None
    sample_by: Literal["rows", "series"] = "rows"
