"""The target before it is scaled: a transform that evens it out, and bounds that it keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lstmopt.errors import LstmoptError

if TYPE_CHECKING:
    from lstmopt.data.layout import Spans
    from lstmopt.data.series import Series

Floats = NDArray[np.float64]
Transform = Literal["none", "log1p", "box_cox"]


@dataclass(frozen=True)
class TargetOptions:
    """What is asked of a target's scale.

    Attributes:
        transform: Which transform.
        lower: What no forecast may be below, in the target's own units; None for any number.
        upper: What no forecast may be above.
        by_series: Whether each series of a panel is scaled by itself.
    """

    transform: Transform = "none"
    lower: float | None = None
    upper: float | None = None
    by_series: bool = True


_ABOVE = {"log1p": -1.0, "box_cox": 0.0}
"""What every value of a target lies above that is transformed so."""
_POWERS = (-1.0, 2.0)
"""Between these the power of Box and Cox is looked for."""
_HIGHEST, _LOWEST_BASE = 700.0, 1e-9
"""Beyond these there is no finite value in the target's own units."""


@dataclass(frozen=True)
class TargetScale:
    """How a target's own units become others, which are scaled, and how they come back.

    Attributes:
        transform: ``none``; ``log1p``, the logarithm of one more; ``box_cox``, a power.
        power: That of Box and Cox, 0 for the logarithm.
        lower: What no forecast is below, in the target's own units.
        upper: What no forecast is above.

    References:
        Box and Cox, An analysis of transformations, Journal of the Royal Statistical Society B 26,
        1964, https://doi.org/10.1111/j.2517-6161.1964.tb00553.x
    """

    transform: Transform = "none"
    power: float = 1.0
    lower: float = -math.inf
    upper: float = math.inf

    def transformed(self, own: Floats) -> Floats:
        """Transform values in the target's own units.

        Args:
            own: The values, of any shape; NaN stays NaN.

        Returns:
            What they become.

        Raises:
            LstmoptError: For a value that cannot be transformed.
        """
        if self.transform == "none":
            return own
        least = _ABOVE[self.transform]
        if np.nanmin(own, initial=math.inf) <= least:
            raise LstmoptError(
                f"a target that is transformed by {self.transform} lies above {least:g}, found "
                f"{np.nanmin(own):.6g}: choose another transform or another target"
            )
        if self.transform == "log1p":
            return np.log1p(own)
        from scipy.special import boxcox

        found: Floats = boxcox(own, self.power)
        return found

    def own(self, transformed: Floats) -> Floats:
        """Return transformed values in the target's own units, within its bounds.

        Args:
            transformed: Of any shape.

        Returns:
            The values that become these, as far as there are any.
        """
        return np.clip(self._inverse(transformed), self.lower, self.upper)

    def _inverse(self, transformed: Floats) -> Floats:
        if self.transform == "none":
            return transformed
        if self.transform == "log1p":
            return np.expm1(np.minimum(transformed, _HIGHEST))
        if self.power == 0:
            logarithms = transformed
        else:  # as scipy.special.inv_boxcox, and finite where that is not
            base = np.maximum(self.power * transformed, _LOWEST_BASE - 1)
            logarithms = np.log1p(base) / self.power
        found: Floats = np.exp(np.minimum(logarithms, _HIGHEST))
        return found

    def notices(self) -> list[str]:
        """Say what a transform does to forecasts; nothing where there is none."""
        if self.transform == "none":
            return []
        power = f" (power {self.power:g})" if self.transform == "box_cox" else ""
        return [
            f"losses are of the target transformed by {self.transform}{power}; what comes back is "
            "about the median in the target's own units, below the mean where the target is skewed "
            "to the right"
        ]

    def description(self) -> dict[str, Any]:
        """Return it as plain values, None for a bound that there is not."""
        lower, upper = (b if math.isfinite(b) else None for b in (self.lower, self.upper))
        return {"transform": self.transform, "power": self.power, "lower": lower, "upper": upper}

    @classmethod
    def restore(cls, content: dict[str, Any]) -> TargetScale:
        """Return what was described."""
        bounds = _bounds(content["lower"], content["upper"])
        return cls(content["transform"], content["power"], *bounds)


def fit_target_scale(series: Series, rows: Spans, options: TargetOptions) -> TargetScale:
    """Return the scale of a series' target; what it has to fit is fitted on training rows.

    Args:
        series: A series.
        rows: Its training rows, or those of all series of a panel.
        options: What is asked of it.

    Returns:
        The scale; the power of Box and Cox is the likeliest between -1 and 2.

    Raises:
        LstmoptError: Where the series breaks a bound, or has values that cannot be transformed.
    """
    bounds = _bounds(options.lower, options.upper)
    transform = options.transform
    target = series.values[series.observed, 0]
    for rule, bound, wrong in (
        ("at least", bounds[0], target < bounds[0]),
        ("at most", bounds[1], target > bounds[1]),
    ):
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise LstmoptError(
                f"every value of a bounded target keeps its bounds, found {series.target!r} to be "
                f"{rule} {bound:g} but {target[first]:.6g} at "
                f"{series.times[series.observed][first]} ({int(wrong.sum()):,} in all): change "
                "the bound or mend the data"
            )
    found = TargetScale(transform, 1.0, *bounds)
    found.transformed(target)  # each has one
    if transform != "box_cox":
        return found
    chosen = rows.rows()
    training = series.values[chosen[series.observed[chosen]], 0]
    return TargetScale(transform, _likeliest_power(training), *bounds)


def _bounds(lower: float | None, upper: float | None) -> tuple[float, float]:
    return -math.inf if lower is None else lower, math.inf if upper is None else upper


def _likeliest_power(values: Floats) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.stats import boxcox_llf

    if np.ptp(values) == 0:
        return 1.0
    found = minimize_scalar(lambda p: -boxcox_llf(p, values), bounds=_POWERS, method="bounded")
    return round(float(found.x), 4)
