"""The hyperparameters that there are, what each may be, and when it applies."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lstmopt.search_space.parameters import Choice, Parameter, Params, Range, Value

When = Mapping[str, Collection[Value]]
"""Values of other hyperparameters, by name; all must be among them."""


@dataclass(frozen=True)
class Hyperparameter:
    """One thing that may vary between candidates.

    Attributes:
        default: What it is where a space leaves it out. Its type is that of all values: true or
            false, a name, a whole number, or a number.
        domain: What it varies over where a study takes the default space.
        costs: Whether it decides what a forecast costs; otherwise it is of training alone.
        names: The names that it may be; any for none.
        least: The least number that it may be.
        below: What a number stays below.
        when: What it takes for it to apply.
        of_rows: Whether it counts rows, so that its default domain depends on the series' seasons.
    """

    default: Value
    domain: Parameter
    costs: bool = False
    names: tuple[str, ...] = ()
    least: float = 0
    below: float = math.inf
    when: When = field(default_factory=dict)
    of_rows: bool = False

    def accepts(self, value: object) -> bool:
        """Return whether it may have a value."""
        match self.default:
            case bool():
                return isinstance(value, bool)
            case str():
                return isinstance(value, str) and (not self.names or value in self.names)
            case int():
                return type(value) is int and self.least <= value < self.below
        known = type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
        return known and self.least <= value < self.below  # type: ignore[operator]

    @property
    def rule(self) -> str:
        """What it may be, in words."""
        match self.default:
            case bool():
                return "true or false"
            case str():
                return " or ".join(self.names) if self.names else "names"
        kind = "whole numbers" if isinstance(self.default, int) else "numbers"
        if math.isfinite(self.below):
            return f"{kind} from {self.least:g} to below {self.below:g}"
        return f"{kind} of at least {self.least:g}"


_SEVERAL_LAYERS = {"num_layers": range(2, 1_000)}


def _width(layer: int) -> Hyperparameter:
    """Return the units of a layer beyond the first; 0 for as many as the one before."""
    domain = Choice((0, 16, 32, 64))
    return Hyperparameter(0, domain, costs=True, when={"num_layers": range(layer, 1_000)})


RECURRENT: dict[str, Hyperparameter] = {
    "hidden_size": Hyperparameter(64, Choice((32, 64, 128, 256)), costs=True, least=1),
    "num_layers": Hyperparameter(1, Range(1, 4, integer=True), costs=True, least=1),
    "dropout": Hyperparameter(0.0, Range(0.1, 0.5), below=1, when=_SEVERAL_LAYERS),
    "hidden_size_2": _width(2),
    "hidden_size_3": _width(3),
    "hidden_size_4": _width(4),
}
"""Of networks of recurrent layers; ``hidden_size_N`` is the width of layer N, 0 for that before."""

SEGMENTS: dict[str, Hyperparameter] = {
    "segment": Hyperparameter(24, Choice((12, 24)), costs=True, least=1, of_rows=True),
    "cell": Hyperparameter("lstm", Choice(("lstm", "gru")), costs=True, names=("lstm", "gru")),
}
"""Of networks that read a window in segments of several rows."""

LINEAR: dict[str, Hyperparameter] = {
    "linear": Hyperparameter(
        "nlinear", Choice(("nlinear", "dlinear")), costs=True, names=("nlinear", "dlinear")
    ),
}
"""Of what is linear alone."""

EVERY: dict[str, Hyperparameter] = {
    "window": Hyperparameter(0, Choice((24, 48)), costs=True, least=0, of_rows=True),
    "calendar": Hyperparameter(
        "all",
        Choice(("all", "no_annual")),
        costs=True,
        names=("all", "no_annual", "none"),
    ),
    "quantiles": Hyperparameter("", Choice(("",)), costs=True),
}
"""Of every network: ``window`` rows are read, 0 for those of the study's task; ``quantiles`` are
forecast beside it (see `quantiles.parse_quantiles`)."""

_NORMALISATIONS = ("none", "last", "last_std", "revin")

TRAINED: dict[str, Hyperparameter] = {
    "normalisation": Hyperparameter(
        "none", Choice(("last", "last_std")), costs=True, names=_NORMALISATIONS
    ),
    "skip": Hyperparameter(False, Choice((True, False)), costs=True),
    "recent": Hyperparameter(0, Choice((0, 12)), costs=True, of_rows=True),
    "decoder_hidden_size": Hyperparameter(0, Choice((0, 64)), costs=True),
    "learning_rate": Hyperparameter(1e-3, Range(1e-5, 1e-1, log=True)),
    "weight_decay": Hyperparameter(0.0, Range(1e-6, 1e-3, log=True)),
    "batch_size": Hyperparameter(64, Choice((16, 32, 64, 128)), least=1),
    "optimizer": Hyperparameter("Adam", Choice(("Adam", "AdamW")), names=("Adam", "AdamW")),
    "loss": Hyperparameter("squared", Choice(("squared",)), names=("squared", "absolute", "huber")),
    "ema": Hyperparameter(0.0, Choice((0.0, 0.99)), below=1),
    "schedule": Hyperparameter(
        "constant", Choice(("constant",)), names=("constant", "inverse_sqrt")
    ),
}
"""Of every network that is trained step by step."""

NETWORK = "network"
"""Names the family of networks, on which it depends what else applies."""

STANDARD: dict[str, Hyperparameter] = {
    NETWORK: Hyperparameter("lstm", Choice(("lstm",)), costs=True),
    **RECURRENT,
    **SEGMENTS,
    **LINEAR,
    **EVERY,
    **TRAINED,
}
"""All hyperparameters but those that plug-ins bring."""

FIXED: Params = {name: found.default for name, found in STANDARD.items()}
"""The value of a hyperparameter that a space leaves out."""

CLASSIC_CONDITIONS: Mapping[str, When] = {
    name: found.when for name, found in RECURRENT.items() if found.when
}
"""When the hyperparameters of a stacked LSTM apply: dropout acts between layers only."""
