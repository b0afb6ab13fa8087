"""The target's window brought to a level and a scale, which the forecast gets back.

Each kind maps the target's windows [batch, window] to what the encoder sees of them, the level
[batch, 1] and the unit ([1] or [batch, 1]) of the forecast: ``level + unit * head``. Constants come
from training windows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lstmopt.errors import LstmoptError, near_miss

Normalised = tuple[Tensor, Tensor, Tensor]


class Normalisation(nn.Module):
    """The target as it is; the forecast is the head's times a constant."""

    output_scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        # [1], not []: a number without a dimension would take the precision of the head's output
        self.register_buffer("output_scale", torch.ones(1))

    def forward(self, target: Tensor) -> Normalised:
        """Return what is seen [batch, window], the level [batch, 1], and the forecast's unit."""
        return target, torch.zeros_like(target[:, :1]), self.output_scale

    def fit(self, target: Tensor, wanted: Tensor) -> None:
        """Set the constants.

        Args:
            target: Training windows [windows, window].
            wanted: What forecasts should add to what they begin at [windows, horizon], NaN where
                no target was observed.
        """
        self.output_scale.fill_(_rms(wanted))


class LastValue(Normalisation):
    """The target less its last value, over a constant."""

    input_scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("input_scale", torch.ones(1))

    def forward(self, target: Tensor) -> Normalised:
        level = target[:, -1:]
        return (target - level) / self.input_scale, level, self.output_scale

    def fit(self, target: Tensor, wanted: Tensor) -> None:
        self.input_scale.fill_(_rms(target - target[:, -1:]))
        self.output_scale.fill_(_rms(wanted))


class LastValueDeviation(LastValue):
    """The target less its last value, over the window's own deviation and a constant."""

    least_deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("least_deviation", torch.ones(1))

    def forward(self, target: Tensor) -> Normalised:
        level = target[:, -1:]
        difference = target - level
        deviation = torch.maximum(_deviation(difference), self.least_deviation)
        seen = difference / (deviation * self.input_scale)
        return seen, level, deviation * self.output_scale

    def fit(self, target: Tensor, wanted: Tensor) -> None:
        deviation = _deviation(target)
        self.least_deviation.fill_(max(_FLOOR * float(deviation.mean()), _LEAST))
        deviation = torch.maximum(deviation, self.least_deviation)
        self.input_scale.fill_(_rms((target - target[:, -1:]) / deviation))
        self.output_scale.fill_(_rms(wanted / deviation))


class RevIN(Normalisation):
    """The target less the window's mean, over its deviation, then a learned affine map.

    Kim et al., Reversible instance normalization for accurate time-series forecasting against
    distribution shift, ICLR 2022, https://openreview.net/forum?id=cGDAkQo1C0p
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))

    def forward(self, target: Tensor) -> Normalised:
        mean, deviation = self._moments(target)
        seen = (target - mean) / deviation * self.weight + self.bias
        back = deviation / (self.weight + _EPSILON**2)
        return seen, mean - self.bias * back, back * self.output_scale

    def fit(self, target: Tensor, wanted: Tensor) -> None:
        self.output_scale.fill_(_rms(wanted / self._moments(target)[1]))

    @staticmethod
    def _moments(target: Tensor) -> tuple[Tensor, Tensor]:
        return target.mean(1, keepdim=True), (_deviation(target).square() + _EPSILON).sqrt()


KINDS: dict[str, type[Normalisation]] = {
    "none": Normalisation,
    "last": LastValue,
    "last_std": LastValueDeviation,
    "revin": RevIN,
}
_EPSILON = 1e-5
_FLOOR, _LEAST = 0.1, 1e-4
"""The least deviation of a window: a share of the mean one in training, and in z-scores."""


def make_normalisation(name: object) -> Normalisation:
    """Make the normalisation of a name.

    Raises LstmoptError for one that there is not.
    """
    if name not in KINDS:
        raise LstmoptError(
            f"normalisation is one of {', '.join(KINDS)}, found {name!r}: "
            f"{near_miss(str(name), list(KINDS))}"
        )
    return KINDS[str(name)]()


def _deviation(target: Tensor) -> Tensor:
    """Return the standard deviation [batch, 1] of windows [batch, window].

    As ``target.std``, which takes four times as long on a CPU.
    """
    centred = target - target.mean(1, keepdim=True)
    norm: Tensor = torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    return norm / math.sqrt(target.shape[1])


def _rms(values: Tensor) -> float:
    """Return the root of the mean square of what is no NaN; 1 where that is nothing or 0."""
    found = float(values.square().nanmean().sqrt())
    return found if found > _TINY else 1.0


_TINY = 1e-6
