"""The C library's memory allocator, set for training.

An LSTM of two or more layers frees some megabytes at each step, and glibc gives them back to the
system: thousands of page faults a step. Kept instead, a step takes up to a third less.
"""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_LARGEST = 32 << 20
"""The largest value that glibc takes for M_MMAP_THRESHOLD on 64 bits."""
_KEPT = 64 << 20
"""512 MiB took no time less where it was measured, and each process would hold them."""


def keep_freed_memory() -> bool:
    """Let this process keep up to 64 MiB that it freed; say whether the C library can.

    Only for a process that trains and ends: nothing else of it should want the memory back.
    Source: the manual page mallopt(3).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    set_option = ctypes.CDLL(None).mallopt
    wanted = ((_MMAP_THRESHOLD, _LARGEST), (_TOP_PAD, _KEPT), (_TRIM_THRESHOLD, _KEPT))
    done = [set_option(option, value) for option, value in wanted]
    return all(done)
