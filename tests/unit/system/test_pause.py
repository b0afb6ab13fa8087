from __future__ import annotations

import threading
import time

from lstmopt.system.pause import Pause


def test_who_waits_goes_on_when_the_flag_is_lowered(tmp_path):
    one, other = Pause(tmp_path / "pause"), Pause(tmp_path / "pause")
    steps: list[float] = []
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            other.wait()
            steps.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with one.held():
            before = len(steps)
            time.sleep(0.1)
            assert len(steps) == before
        until = time.monotonic() + 10
        while len(steps) == before and time.monotonic() < until:
            time.sleep(0.01)
        assert len(steps) > before
    finally:
        ended.set()
        thread.join()


def test_a_flag_whose_owner_is_dead_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr("lstmopt.system.pause._LONGEST", 0.05)
    (tmp_path / "pause").write_bytes(b"\1")  # as who raised it has left it
    start = time.monotonic()
    Pause(tmp_path / "pause").wait()
    assert time.monotonic() - start < 5
