"""What a plug-in raises, and what it answers wrongly, in one sentence that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from types import TracebackType

from lstmopt.errors import LstmoptError

_MEND = "mend the plug-in; everything finished is kept, the same command goes on"


def wrong_answer(rule: str, found: object, who: str) -> str:
    """Return what is said of a plug-in that answers what it may not.

    Args:
        rule: What it may answer.
        found: What it answered.
        who: The plug-in, see `strategy.described`.

    Returns:
        The sentence.
    """
    return f"{rule}, found {' '.join(str(found).split())} from {who}: {_MEND}"


class PluginErrors:
    """A context, to be entered as often as wanted, in which a plug-in is called.

    What the plug-in raises leaves it as a `LstmoptError` that names the plug-in and is raised from
    the original. A `LstmoptError` says already what it has to say, and leaves it as it is.

    Args:
        who: The plug-in, see `strategy.described`.
        passes: Says of an error that it is none of the plug-in's, though it came through it.
    """

    def __init__(self, who: str, passes: Callable[[Exception], bool] = lambda _: False) -> None:
        self._who, self._passes = who, passes

    def __enter__(self) -> None:
        """Begin to watch."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say in one sentence what was raised."""
        if not isinstance(error, Exception) or isinstance(error, LstmoptError):
            return
        if self._passes(error):
            return
        raise LstmoptError(
            f"a plug-in answers what it is asked, found that {self._who} raised {_said(error)}: "
            f"{_MEND}"
        ) from error


def _said(error: Exception) -> str:
    """Return an error in one line, with the line of code that raised it."""
    words = " ".join(str(error).split())
    name = type(error).__name__
    last = extract_tb(error.__traceback__)[-1]
    return f"{name}{f': {words}' if words else ''} ({Path(last.filename).name}:{last.lineno})"
