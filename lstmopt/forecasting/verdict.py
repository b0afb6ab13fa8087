"""Is the network better than the bar? A paired test on the errors of the test part."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Says = Literal["deploy", "do not deploy", "no difference"]

_LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """A network's errors against those of a baseline, on the same windows.

    Attributes:
        baseline: The baseline that is best on validation.
        difference: How much lower the network's mean squared error is, as a share of the
            baseline's; below 0 it is higher.
        low: The lower end of its 95 % interval, which holds 0 where the test does not reject: that
            of the difference of mean errors, in units of the baseline's.
        high: The upper end.
        p: Of Diebold and Mariano's test that both are equally good, two-sided.
        says: What follows at the level of 5 %.
        p_over_time: Of the same test over the origins, on means over the series of a panel; None of
            a single series, whose windows are compared over time in any case.
    """

    baseline: str
    difference: float
    low: float
    high: float
    p: float
    says: Says
    p_over_time: float | None = None


def compare_panel(
    baseline: str,
    network: NDArray[np.float64],
    rival: NDArray[np.float64],
    of: NDArray[np.int64],
    times: NDArray[np.int64],
    lags: int,
) -> Comparison:
    """Compare two forecasts of a panel, series by series: each is a pair of mean errors.

    Series are taken to be drawn by themselves, which those of one time are not quite; so it is
    tested over time too, on the mean over the series of each origin.

    Args:
        baseline: The rival's name.
        network: The network's squared error of each window, the mean over its leads [windows].
        rival: The baseline's [windows].
        of: Which series each window is of [windows].
        times: Which step of the part it is from, counted from 0 [windows].
        lags: Neighbouring steps whose errors may go together.

    Returns:
        The difference with its interval, and both tests.
    """
    by_series = compare(baseline, mean_by(network, of), mean_by(rival, of), 0)
    over_time = compare(baseline, mean_by(network, times), mean_by(rival, times), lags)
    enough = len(np.unique(times)) >= _FEWEST_TIMES
    return replace(by_series, p_over_time=over_time.p if enough else None)


_FEWEST_TIMES = 10


def mean_by(values: NDArray[np.float64], of: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the means of values [n] of each group that there is, in the groups' order."""
    _, places = np.unique(of, return_inverse=True)
    means: NDArray[np.float64] = np.bincount(places, values) / np.bincount(places)
    return means


def compare(
    baseline: str, network: NDArray[np.float64], rival: NDArray[np.float64], lags: int
) -> Comparison:
    """Compare two forecasts by their squared errors, window by window.

    Args:
        baseline: The rival's name.
        network: The network's squared error of each window in time's order, the mean over its leads
            [windows].
        rival: The baseline's [windows].
        lags: Neighbouring windows whose errors may go together: the horizon or a season.

    Returns:
        The difference with its interval, and the test.

    References:
        Diebold and Mariano, Comparing predictive accuracy, Journal of Business & Economic
        Statistics 13, 1995, https://doi.org/10.1080/07350015.1995.10524599. The variance is Newey's
        and West's, Econometrica 55, 1987, https://doi.org/10.2307/1913610; the correction for few
        windows and Student's t are Harvey's, Leybourne's and Newbold's, International Journal of
        Forecasting 13, 1997, https://doi.org/10.1016/S0169-2070(96)00719-4.
    """
    from scipy.stats import t as student

    count = len(network)
    lags = max(0, min(lags, count // 4))
    ratio = float(network.mean() / rival.mean()) if rival.mean() else math.inf
    gain = 1 - ratio
    if count < 3 or not math.isfinite(ratio) or np.allclose(network, rival, rtol=1e-9, atol=0):
        gain = gain if math.isfinite(gain) else 0.0
        return Comparison(baseline, gain, gain, gain, 1.0, "no difference")
    steps = lags + 1
    small = math.sqrt((count + 1 - 2 * steps + steps * (steps - 1) / count) / count)
    freedom = count - 1
    apart = rival - network
    deviation = _standard_error(apart, lags) / small
    p = float(2 * student.sf(abs(float(apart.mean())) / deviation, freedom))
    error = float(student.ppf(1 - _LEVEL / 2, freedom)) * deviation / float(rival.mean())
    says: Says = "no difference"
    if p < _LEVEL:
        says = "deploy" if gain > 0 else "do not deploy"
    return Comparison(baseline, gain, gain - error, gain + error, p, says)


def _standard_error(values: NDArray[np.float64], lags: int) -> float:
    """Return the standard error of a mean of values [n] that go together over ``lags`` neighbours.

    By Bartlett's weights, which keep the variance from being negative.
    """
    centred = values - values.mean()
    count = len(values)
    variance = float(centred @ centred) / count
    for lag in range(1, lags + 1):
        weight = 1 - lag / (lags + 1)
        variance += 2 * weight * float(centred[lag:] @ centred[:-lag]) / count
    return math.sqrt(max(variance, np.finfo(float).tiny) / count)


def window_errors(
    forecasts: NDArray[np.float32], targets: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the mean squared error of each window [windows] over its observed leads."""
    squares = np.where(mask, (forecasts.astype(np.float64) - targets) ** 2, 0.0)
    errors: NDArray[np.float64] = squares.sum(axis=1) / mask.sum(axis=1)
    return errors
