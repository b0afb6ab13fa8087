"""Which columns each part of a network sees; loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from lstmopt.data.input_columns import Columns
from lstmopt.errors import LstmoptError
from lstmopt.search_space import Value


@dataclass(frozen=True)
class ColumnChoice:
    """Numbers of columns, ascending.

    Attributes:
        encoder: Those that the encoder sees of every row; the target, 0, comes first.
        head: Those of the last row that the head sees beside the encoder's state.
        skip: Those of the last row that the linear part sees beside the target's window.
    """

    encoder: tuple[int, ...]
    head: tuple[int, ...]
    skip: tuple[int, ...]

    @classmethod
    def of(cls, params: Mapping[str, Value], columns: Columns) -> Self:
        """Return what a composition's parts see.

        Without a normalisation, recent rows and a skip the encoder sees everything. With them it
        sees known columns of the next row alone, and the head those of the later ones.

        Args:
            params: ``calendar``, ``normalisation``, ``recent`` and ``skip``.
            columns: The input's columns.

        Returns:
            The choice.

        Raises:
            LstmoptError: For a calendar that there is not.
        """
        calendar = range(columns.past, columns.past + columns.calendar)
        known = range(columns.past + columns.calendar, columns.features)
        match params["calendar"]:
            case "all":
                chosen = calendar
            case "no_annual":
                chosen = calendar[columns.annual :]
            case "none":
                chosen = calendar[:0]
            case other:
                raise LstmoptError(
                    f"calendar is all, no_annual or none, found {other!r}: take one of them"
                )
        seen = (*range(columns.past), *chosen)
        everything = (*seen, *known)
        if is_plain(params):
            return cls(everything, (), ())
        return cls((*seen, *known[: columns.known]), tuple(known[columns.known :]), everything[1:])


def is_plain(params: Mapping[str, Value]) -> bool:
    """Return whether a network has neither a normalisation, recent rows nor a skip."""
    return params["normalisation"] == "none" and not params["skip"] and not params["recent"]


def encoder_features(params: Mapping[str, Value], columns: Columns) -> int:
    """Return how many columns of a row an encoder sees.

    Raises LstmoptError for a calendar that there is not.
    """
    return len(ColumnChoice.of(params, columns).encoder)
