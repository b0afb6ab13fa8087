"""Tasks that end their process when it hurts most; processes of a pool import them by name."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any


def die_while_it_holds_the_lock() -> None:
    mutex = _channel().mutex
    mutex.reader_mutex.acquire()
    mutex.writer_mutex.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_the_middle_of_an_answer() -> None:
    os.write(_channel().writer.fileno(), (1000).to_bytes(4, "big") + b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)


def _channel() -> Any:
    """Return what this process talks to its pool through."""
    frame = sys._getframe()
    while "channel" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_locals["channel"]
