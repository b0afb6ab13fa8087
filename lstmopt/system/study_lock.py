"""One driver a study at a time: held in the run's folder and, where it has one, in its database."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from lstmopt.errors import LstmoptError, masked
from lstmopt.system.atomic_write import write_whole


@contextmanager
def hold_file(lock: Path, holder: Path, where: str) -> Iterator[None]:
    """Hold the system's lock on a file, which goes with its process; ``holder`` says who has it."""
    held = filelock.FileLock(lock, timeout=0)
    try:
        held.acquire()
    except filelock.Timeout:
        raise _refusal(_read_holder(holder), where) from None
    try:
        write_whole(holder, json.dumps(_this_process()))
        yield
    finally:
        holder.unlink(missing_ok=True)
        held.release()


@contextmanager
def hold_study(name: str, url: str) -> Iterator[None]:
    """Hold a study in its database; a second driver is refused, with the name of the first.

    PostgreSQL has an advisory lock that goes with its connection (its documentation, 13.3.5);
    beside an SQLite file lies one of the system's. A journal lies in the run's folder, which has
    its own lock; other databases have none.
    """
    if not url:
        yield
        return
    import sqlalchemy

    try:
        place = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise unopened(url, error) from error
    if place.get_backend_name() == "postgresql":
        with _hold_in_postgresql(name, url):
            yield
    elif place.get_backend_name() == "sqlite" and _is_in_a_folder(place.database):
        lock = Path(f"{place.database}.{_key(name):016x}.lock")
        with hold_file(lock, lock.with_suffix(".json"), masked(url)):
            yield
    else:
        yield


def _is_in_a_folder(file: str | None) -> bool:
    return file not in (None, "", ":memory:") and Path(str(file)).parent.is_dir()


@contextmanager
def _hold_in_postgresql(name: str, url: str) -> Iterator[None]:
    import sqlalchemy

    me = "process {process} on {host} since {since}".format(**_this_process())
    try:
        engine = sqlalchemy.create_engine(
            url,
            poolclass=sqlalchemy.pool.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"application_name": me},
        )
        connection = engine.connect()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise unopened(url, error) from error
    key = {"key": _key(name) - 2**63}
    with connection:
        if (connection.dialect.server_version_info or ()) >= (14,):
            # the lock is as long-lived as its connection, which idles
            connection.execute(sqlalchemy.text("set idle_session_timeout = 0"))
        if not connection.scalar(sqlalchemy.text("select pg_try_advisory_lock(:key)"), key):
            holder = connection.scalar(sqlalchemy.text(_HOLDER), key)
            raise _refusal(holder or "another process", masked(url))
        yield


_HOLDER = """
select application_name from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and granted
  and (classid::bigint << 32 | objid::bigint) = :key
  and database = (select oid from pg_database where datname = current_database())
"""


def _key(name: str) -> int:
    """Return 64 bits that stand for a study's name."""
    return int.from_bytes(hashlib.sha256(f"lstmopt {name}".encode()).digest()[:8])


def _this_process() -> dict[str, str | int]:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"host": socket.gethostname(), "process": os.getpid(), "since": since}


def _read_holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text("utf-8"))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _refusal(holder: str, where: str) -> LstmoptError:
    return LstmoptError(
        f"one driver runs a study at a time, found {holder} in {where}: wait for it or stop it"
    )


def unopened(url: str, error: Exception) -> LstmoptError:
    """Say that a database could not be opened, and why."""
    line, remedy = masked(str(error).splitlines()[0]), "write for instance sqlite:///study.db"
    if isinstance(error, ImportError) and url.startswith("postgresql"):
        remedy = "pip install 'lstmopt[postgres]' and write postgresql+psycopg://…"
    return LstmoptError(
        f"--storage takes a database URL that can be opened, found {masked(url)!r} ({line}): "
        f"{remedy}"
    )
