"""SQLite access: a pool of read-only connections, and one writer connection in a thread.

SQLite waits for another process's write by polling every few milliseconds, so a process that writes
without a pause starves the others. The writers of this service therefore take a file lock, which
wakes the next waiter; for writers outside the service SQLite's own busy timeout applies.
"""

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from jobs.storage.json import from_json, to_json

T = TypeVar("T")
#: How long a connection waits for another process's write, in milliseconds.
BUSY_TIMEOUT_MS = 10_000

#: The driver starts transactions as deferred, and a deferred one that begins to write fails at once
#: in spite of busy_timeout. So this module issues BEGIN IMMEDIATE itself.
_NO_IMPLICIT_BEGIN = {"isolation_level": None}


def reader_engine(url: str) -> AsyncEngine:
    """Return an engine of read-only connections for one event loop; `url` names an async driver."""
    engine = create_async_engine(
        url,
        json_serializer=to_json,
        json_deserializer=from_json,
        hide_parameters=True,  # error messages are logged, and parameters are a tenant's data
        pool_size=4,
        max_overflow=0,
        pool_timeout=10,
        connect_args=_NO_IMPLICIT_BEGIN,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    return engine


class SqliteWriter:
    """The writer connection, in a thread of its own.

    A transaction of any length is one round trip to the thread; the async driver would make one for
    each statement.
    """

    def __init__(self, url: str) -> None:
        """Create the engine; the file is opened by the first `run`."""
        self.engine = _writer_engine(url)
        path = make_url(url).database
        self._write_lock, self._queue_lock = f"{path}-turns", f"{path}-next"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` with the connection after all earlier calls, and return its result.

        Raises SQLAlchemy's errors, and OSError when the file can't be locked.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.engine.dispose)
        self._thread.shutdown()

    def _run(self, work: Callable[[Connection], T]) -> T:
        with self._exclusive(), self.engine.connect() as connection:
            return work(connection)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Exclude the file's other writers. Raises OSError.

        A writer that returns at once would take the lock before the waiter that it woke. So one
        waiter at a time waits for the write lock, and the others wait for the queue lock.
        """
        deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
        with ExitStack() as stack:
            with _file_lock(self._queue_lock, deadline):
                stack.enter_context(_file_lock(self._write_lock, deadline))
            yield


@contextmanager
def _file_lock(path: str, deadline: float) -> Iterator[None]:
    """Lock the file exclusively, waiting until `deadline` (`time.monotonic`).

    Raises OSError, including TimeoutError. The kernel releases the lock when the file is closed or
    the process dies.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # flock has no timeout, and the lock's holder may hang.
            waiter = threading.Thread(target=fcntl.flock, args=(file, fcntl.LOCK_EX), daemon=True)
            waiter.start()
            waiter.join(max(0.0, deadline - time.monotonic()))
            if waiter.is_alive():
                raise TimeoutError("another process holds the write lock for too long") from None
        yield
    finally:
        os.close(file)


def driver_connection(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def incremental_vacuum(connection: Connection, pages: int) -> int:
    """Return up to `pages` free pages of the file to the disk; the result is in bytes."""
    driver = driver_connection(connection)
    free = _pragma(driver, "freelist_count")
    # As a script: a single statement is stepped once and frees one page.
    driver.executescript(f"PRAGMA incremental_vacuum({pages})")
    return (free - _pragma(driver, "freelist_count")) * _pragma(driver, "page_size")


def vacuum(connection: Connection, *, max_bytes: int) -> bool:
    """Rewrite the file, unless it has more than `max_bytes`: then return False.

    This also removes remains between the rows: where SQLite moved a row from one page to another,
    its old bytes stay in the gap, in spite of secure_delete.
    """
    driver = driver_connection(connection)
    if _pragma(driver, "page_count") * _pragma(driver, "page_size") > max_bytes:
        return False
    driver.execute("VACUUM")
    return True


def checkpoint(connection: Connection) -> bool:
    """Move the log into the file and truncate it; False when a reader prevents it at the moment."""
    driver = driver_connection(connection)
    # Every writer waits while this waits for readers.
    _pragma(driver, "busy_timeout = 100")
    try:
        return not _pragma(driver, "wal_checkpoint(TRUNCATE)")
    finally:
        _pragma(driver, f"busy_timeout = {BUSY_TIMEOUT_MS}")


def _writer_engine(url: str) -> Engine:
    engine = create_engine(
        make_url(url).set(drivername="sqlite"),
        json_serializer=to_json,
        json_deserializer=from_json,
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        connect_args=_NO_IMPLICIT_BEGIN,
    )

    @event.listens_for(engine, "do_connect")
    def create_private(*_: object) -> None:
        # SQLite would create it for everyone to read; its journals get the file's mode.
        if path := make_url(url).database:
            _create_private(Path(path))

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")  # effective only before the first table
        _enable_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")  # committed writes survive a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA secure_delete = ON")  # overwrites deleted content
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _create_private(file: Path) -> None:
    """Create the file if it is missing, and let its owner alone read and write it.

    An existing file is never opened: closing it would release the locks of this process's other
    connections (https://www.sqlite.org/howtocorrupt.html, 2.2), and then the last connection of
    another process would delete the log that these still write to.
    """
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        file.chmod(0o600)


def _pragma(driver: sqlite3.Connection, statement: str) -> int:
    [row] = driver.execute(f"PRAGMA {statement}").fetchall()
    return int(row[0])


def _enable_wal(cursor: sqlite3.Cursor) -> None:
    """Switch the file to WAL, which lasts for its lifetime.

    The busy timeout doesn't cover this switch when several processes open a new file at once, so it
    is retried.
    """
    for pause_s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, None):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if pause_s is None:
                raise
            time.sleep(pause_s)
        else:
            return
