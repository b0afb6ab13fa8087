"""A PostgreSQL server of a test's own, started by a normal user and stopped after."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.real_cluster import HOST, free_port

PASSWORD = "s3cret"


class RealPostgreSQL:
    """A server with a database for each name."""

    def __init__(self, binaries: Path, home: Path, user: str | None) -> None:
        self._binaries, self._home, self._user = binaries, home, user
        self.port = free_port()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://lstmopt:{PASSWORD}@{HOST}:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> str:
        """Make an empty database, or a copy of another; return its URL."""
        import sqlalchemy

        engine = sqlalchemy.create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(
                sqlalchemy.text(f'create database "{database}" template "{template}"')
            )
        engine.dispose()
        return self.url(database)

    def run(self, *words: str) -> None:
        """Run one of the server's own programs as its user."""
        command = [str(self._binaries / words[0]), *words[1:]]
        subprocess.run(
            command, check=True, user=self._user, cwd=self._home, stdout=subprocess.DEVNULL
        )

    def start(self) -> None:
        options = f"-p {self.port} -h {HOST} -k {self._home} -c fsync=off"
        log = str(self._home / "log")
        self.run("pg_ctl", "-D", str(self._home / "data"), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self._home / "data"), "-w", "-m", "immediate", "stop")


def find_binaries() -> Path | None:
    """Return the folder of initdb and pg_ctl, which Debian keeps off the path."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


@contextmanager
def real_postgresql() -> Iterator[RealPostgreSQL]:
    """Start a server, as the user ``postgres`` or ``nobody`` where this one is root."""
    binaries = find_binaries()
    if binaries is None:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    home = Path(tempfile.mkdtemp(prefix="lstmopt-postgresql-"))
    user = None
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
        shutil.chown(home, user)
    server = RealPostgreSQL(binaries, home, user)
    try:
        secret = home / "password"
        secret.write_text(PASSWORD)
        if user:
            shutil.chown(secret, user)
        server.run(
            "initdb", "-D", str(home / "data"), "-U", "lstmopt", "--auth-host=scram-sha-256",
            "--auth-local=trust", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        server.start()
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):  # it never started, or has stopped
            server.stop()
        shutil.rmtree(home, ignore_errors=True)
