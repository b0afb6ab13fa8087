"""Linear regression on the window, with a penalty."""

from __future__ import annotations

from lstmopt import Strategy, hookimpl
from lstmopt.forecasting.linear import LinearBaseline

_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0)


def make(
    *, most_rows: int = 1_024, most_features: int = 1_536, most_windows: int = 50_000
) -> LinearBaseline:
    """Make the regression of every lead on the window's values.

    The window (the network's, a season, two), the inputs (the target alone, or all) and the penalty
    are chosen on validation.

    Args:
        most_rows: The longest window, in rows.
        most_features: Numbers of one window, the most that are looked at.
        most_windows: Training windows that are looked at, evenly spread.

    Returns:
        The baseline.

    References:
        Hoerl and Kennard, Ridge regression, Technometrics 12, 1970,
        https://doi.org/10.1080/00401706.1970.10488634
    """
    return LinearBaseline(False, _PENALTIES, most_rows, most_features, most_windows)


@hookimpl
def lstmopt_baselines() -> list[Strategy]:
    """Return ``ridge``."""
    return [
        Strategy(
            "ridge",
            make,
            "linear regression on the window, with a penalty",
            "Hoerl and Kennard, Ridge regression, Technometrics 12, 1970, "
            "https://doi.org/10.1080/00401706.1970.10488634",
        )
    ]
