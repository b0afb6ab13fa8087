from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from lstmopt.system import malloc as allocator

FAULTS = """
import resource, sys
import numpy as np
from lstmopt.system.malloc import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for step in range(60):
    if step == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(2 << 20) for _ in range(3)]  # 16 MiB each, freed at every step
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_memory_that_is_kept_is_not_asked_of_the_system_again():
    assert faults("kept") < faults("given back") / 10


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", "1.2"))
    assert not allocator.keep_freed_memory()
