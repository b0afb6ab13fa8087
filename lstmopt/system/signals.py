"""Ctrl-C and SIGTERM: once to finish what runs, twice to stop at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether somebody asked to stop."""

    asked = False


@contextmanager
def heeded(say: Callable[[str], object]) -> Iterator[Interruption]:
    """Take the first signal as a wish that ``say`` confirms, the second as KeyboardInterrupt.

    Outside the main thread, which alone may do this, nothing changes.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def hear(number: int, frame: FrameType | None) -> None:
        if interruption.asked:
            raise KeyboardInterrupt
        interruption.asked = True
        say("stopping: what runs is finished first; once more stops at once")

    before = {number: signal.signal(number, hear) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def terminate_as_interrupt() -> None:
    """Let SIGTERM end the program as Ctrl-C does: with everything finished kept."""

    def hear(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, hear)


def ignore_from_now_on() -> None:
    """Let a program that is leaving leave: what comes now would only tear what it says."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
