"""Quantiles that a network forecasts, and how a hyperparameter writes them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from lstmopt.errors import LstmoptError

MEDIAN = 0.5
"""The quantile that stands for the forecast where one number is wanted."""


def check_quantiles(quantiles: Iterable[float]) -> tuple[float, ...]:
    """Return quantiles as they are.

    Args:
        quantiles: Shares below 1.

    Returns:
        They, the median among them.

    Raises:
        LstmoptError: For one outside 0 to 1, for what does not ascend, and for the median alone.
    """
    given = tuple(quantiles)
    for quantile in given:
        if not 0 < quantile < 1:
            raise LstmoptError(
                f"a quantile lies between 0 and 1, found {quantile:g}: write for instance 0.9"
            )
    for one, next_one in pairwise(given):
        if one >= next_one:
            raise LstmoptError(
                f"quantiles ascend and each is there once, found {one:g} before {next_one:g}: "
                "order them"
            )
    if given == (MEDIAN,):
        raise LstmoptError(
            "quantiles lie beside the median, found 0.5 alone: add others, or train with loss = "
            '"absolute"'
        )
    return tuple(sorted({*given, MEDIAN})) if given else ()


def quantiles_of_levels(levels: Iterable[float]) -> tuple[float, ...]:
    """Return the quantiles that are the ends of intervals, and the median.

    Args:
        levels: In per cent.

    Returns:
        They, ascending.
    """
    tails = {round((100 - level) / 200, 9) for level in levels}
    return check_quantiles(sorted({*tails, *(round(1 - tail, 9) for tail in tails)}))


def quantile_text(quantiles: Iterable[float]) -> str:
    """Return quantiles as a hyperparameter has them: ``0.1 0.5 0.9``."""
    return " ".join(f"{quantile:.10g}" for quantile in quantiles)


def parse_quantiles(text: str) -> tuple[float, ...]:
    """Read the value of the hyperparameter ``quantiles``.

    Args:
        text: Numbers with blanks between them; none for no quantiles.

    Returns:
        The quantiles, the median among them where there are any.

    Raises:
        LstmoptError: For what is no number, and as `check_quantiles` does.
    """
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        raise LstmoptError(
            f"quantiles are numbers with blanks between them, found {text!r}: write for instance "
            '"0.1 0.5 0.9"'
        ) from None
    return check_quantiles(numbers)
