"""Linear regression on differences to the last value."""

from __future__ import annotations

from lstmopt import Strategy, hookimpl
from lstmopt.forecasting.linear import LinearBaseline

_PENALTIES = (0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0)


def make(
    *, most_rows: int = 1_024, most_features: int = 1_536, most_windows: int = 50_000
) -> LinearBaseline:
    """Make the regression of every lead's difference to the last value on differences to it.

    The window (the network's, a season, two), the inputs (the target alone, or all) and the penalty
    are chosen on validation.

    Args:
        most_rows: The longest window, in rows.
        most_features: Numbers of one window, the most that are looked at.
        most_windows: Training windows that are looked at, evenly spread.

    Returns:
        The baseline.

    References:
        Zeng et al., Are transformers effective for time series forecasting?, AAAI 2023,
        https://doi.org/10.1609/aaai.v37i9.26317
    """
    return LinearBaseline(True, _PENALTIES, most_rows, most_features, most_windows)


@hookimpl
def lstmopt_baselines() -> list[Strategy]:
    """Return ``nlinear``."""
    return [
        Strategy(
            "nlinear",
            make,
            "linear regression of differences to the last value, which no drift harms",
            "Zeng et al., Are transformers effective for time series forecasting?, AAAI 2023, "
            "https://doi.org/10.1609/aaai.v37i9.26317",
        )
    ]
