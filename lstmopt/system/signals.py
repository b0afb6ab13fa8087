"""Ctrl-C and SIGTERM: once to finish what runs, twice to stop at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody asked to stop; once asked, always asked."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        self._asked.set()


@contextmanager
def handle_signals(request: StopRequest, say: Callable[[str], object]) -> Iterator[None]:
    """Take the first signal as a request that ``say`` confirms, the second as KeyboardInterrupt.

    Outside the main thread, which alone may do this, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if request.asked:
            raise KeyboardInterrupt
        request.ask()
        say("stopping: what runs is finished first; once more stops at once")

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end the program as Ctrl-C does: with everything finished kept."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handle)


def ignore_signals() -> None:
    """Let a program that is leaving leave: what comes now would only tear what it says."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
