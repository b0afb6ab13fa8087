"""A Dask scheduler and workers as processes of their own, and a network between that can fail."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that must come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


class RealCluster:
    """A scheduler on loopback and its workers; each may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"tcp://{HOST}:{self.port}"

    def start_scheduler(self, preload: str = "") -> None:
        words = ["scheduler", "--host", HOST, "--port", str(self.port)]
        self.scheduler = self._start(*words, *self._preload("scheduler", preload))
        wait_until(lambda: _listens(self.port))

    def start_worker(
        self, *options: str, preload: str = "", threads: int = 1
    ) -> subprocess.Popen[bytes]:
        """Start a worker without a nanny, so that one killed stays dead; return its process."""
        name = f"w{len(self.workers)}"
        words = ["worker", self.url, "--nthreads", str(threads), "--name", name, "--no-nanny"]
        words += self._preload(name, preload)
        self.workers.append(self._start(*words, "--host", HOST, *options))
        return self.workers[-1]

    def _preload(self, name: str, code: str) -> list[str]:
        script = self.folder / f"{name}.py"
        script.write_text(code)
        return ["--preload", str(script)] if code else []

    def kill_scheduler(self) -> None:
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()

    def stop(self) -> None:
        for process in filter(None, [*self.workers, self.scheduler]):
            process.kill()
            process.wait()

    def _start(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        # a worker's files are its own: nothing but the network joins it to the driver
        home = self.folder / f"{kind}-{len(self.workers)}"
        home.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "dask", kind, *words, "--no-dashboard"]
        with (home / "output.txt").open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=home,
                stdout=output,
                stderr=output,
                env=os.environ | {"LSTMOPT_CACHE_DIR": str(home)},
            )


@contextmanager
def real_cluster(folder: Path, workers: int = 0) -> Iterator[RealCluster]:
    """Start a scheduler and workers; kill them at the end."""
    cluster = RealCluster(folder)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False


class Proxy:
    """Forwards TCP on loopback until it is told to swallow everything, as a broken network does.

    Connections stay open meanwhile: nobody is told anything.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.forwards = True
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"tcp://{HOST}:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        wait_until(lambda: self.forwards, 600)
        with (
            contextlib.suppress(OSError),
            near,
            socket.create_connection((HOST, self._to)) as far,
            selectors.DefaultSelector() as ready,
        ):
            ready.register(near, selectors.EVENT_READ, (near, far))
            ready.register(far, selectors.EVENT_READ, (far, near))
            while True:
                for key, _ in ready.select(1):
                    source, target = key.data
                    data = source.recv(1 << 16)
                    wait_until(lambda: self.forwards, 600)
                    if not data:
                        return
                    target.sendall(data)
