"""What the program says when it cannot go on, and how anything is said safely."""

from __future__ import annotations

import re
from unicodedata import category


class LstmoptError(Exception):
    """Something the user can mend: one sentence with the rule, what was found and what to do.

    Attributes:
        exit_status: The exit status of the command that it ends.
    """

    exit_status = 2

    def __str__(self) -> str:
        return printable(super().__str__())  # it may hold names from a user's data


class MachineError(LstmoptError):
    """Something the user cannot mend by another input, such as every trial failing."""

    exit_status = 1


def near_miss(name: str, known: list[str]) -> str:
    """Return ``did you mean 'x'?`` for a close match in ``known``, else the list of names."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known) or 'none'}"


def printable(text: object) -> str:
    """Return a text whose control characters a terminal shows and does not obey."""
    return "".join(
        c.encode("unicode_escape").decode() if category(c) in _CONTROL else c for c in str(text)
    )


_CONTROL = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what is no text: controls, formats such as reversals, line breaks."""


def masked(text: str) -> str:
    """Return a text with the password of every URL in it replaced."""
    text = re.sub(r"(://[^\s:/@]*):\S*@", r"\1:***@", text)
    return re.sub(r"([?&]password=)[^&\s\"']*", r"\1***", text)
