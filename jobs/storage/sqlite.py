"""An SQLite file: several connections that read, and a thread with the one that writes.

SQLite waits for another process's write by looking again every few milliseconds, so a process that
writes without a pause keeps the others out for long. The writers of this service take turns by a
file lock instead, which wakes who waits; whoever else writes is waited for in SQLite's way.
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
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

T = TypeVar("T")
#: How long a connection waits for another process's write, in milliseconds.
BUSY_TIMEOUT_MS = 10_000

#: The driver's own transactions start deferred, and a deferred one that turns to writing fails at
#: once in spite of busy_timeout; so BEGIN is ours, and immediate.
_OWN_TRANSACTIONS = {"isolation_level": None}


def reader_engine(url: str, json_serializer: Callable[[Any], str]) -> AsyncEngine:
    """Connections that can't write, for one event loop; `url` names an async driver."""
    engine = create_async_engine(
        url,
        json_serializer=json_serializer,
        hide_parameters=True,  # in messages: they are a tenant's, and messages are logged
        pool_size=4,
        max_overflow=0,
        pool_timeout=10,
        connect_args=_OWN_TRANSACTIONS,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    return engine


class Writer:
    """The connection that writes, in a thread of its own: a transaction of any length is one trip
    there and back, where the async driver makes one for each statement.
    """

    def __init__(self, url: str, json_serializer: Callable[[Any], str]) -> None:
        """Nothing is opened yet."""
        self.engine = _writer_engine(url, json_serializer)
        path = make_url(url).database
        self._turns, self._next = f"{path}-turns", f"{path}-next"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work` with the connection, after all that was asked for before. Raises
        what SQLAlchemy raises, and OSError when the file can't be locked.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._with, work)

    async def close(self) -> None:
        """Ends the connection and the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.engine.dispose)
        self._thread.shutdown()

    def _with(self, work: Callable[[Connection], T]) -> T:
        with self._turn(), self.engine.connect() as connection:
            return work(connection)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """While no other writer of the file works. Raises OSError.

        Who comes back at once would have the lock again before another that was woken for it; so
        one at a time waits for it, and the others for being that one.
        """
        until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
        with ExitStack() as turn:
            with _locked(self._next, until):
                turn.enter_context(_locked(self._turns, until))
            yield


@contextmanager
def _locked(path: str, until: float) -> Iterator[None]:
    """While nobody else has the file locked, which is waited for until then (`time.monotonic`).
    Raises OSError, TimeoutError among them. The kernel gives the lock back when the file is closed,
    and when the process dies.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Who has it may stand still, and a lock is waited for without a limit.
            waiting = threading.Thread(target=fcntl.flock, args=(file, fcntl.LOCK_EX), daemon=True)
            waiting.start()
            waiting.join(max(0.0, until - time.monotonic()))
            if waiting.is_alive():
                raise TimeoutError("another process writes for too long") from None
        yield
    finally:
        os.close(file)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def incremental_vacuum(connection: Connection, pages: int) -> int:
    """Gives up to so many free pages of the file back to the disk; how many bytes."""
    driver = driver_of(connection)
    free = _pragma(driver, "freelist_count")
    # As a script: a single statement is stepped once and frees one page.
    driver.executescript(f"PRAGMA incremental_vacuum({pages})")
    return (free - _pragma(driver, "freelist_count")) * _pragma(driver, "page_size")


def vacuum(connection: Connection, *, up_to: int) -> bool:
    """Writes the file anew, so that nothing is left between its rows either: where SQLite moved one
    from page to page, its old bytes stay in the gap, in spite of secure_delete. False when the file
    is of more than `up_to` bytes.
    """
    driver = driver_of(connection)
    if _pragma(driver, "page_count") * _pragma(driver, "page_size") > up_to:
        return False
    driver.execute("VACUUM")
    return True


def checkpoint(connection: Connection) -> bool:
    """Brings the log into the file and empties it; False when a reader is in the way just then."""
    driver = driver_of(connection)
    # Waiting for readers, it would keep every writer waiting.
    _pragma(driver, "busy_timeout = 100")
    try:
        return not _pragma(driver, "wal_checkpoint(TRUNCATE)")
    finally:
        _pragma(driver, f"busy_timeout = {BUSY_TIMEOUT_MS}")


def _writer_engine(url: str, json_serializer: Callable[[Any], str]) -> Engine:
    engine = create_engine(
        make_url(url).set(drivername="sqlite"),
        json_serializer=json_serializer,
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        connect_args=_OWN_TRANSACTIONS,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded only before the first table
        _enter_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")  # an answered request survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _pragma(driver: sqlite3.Connection, statement: str) -> int:
    """What the first column of the answer says."""
    [row] = driver.execute(f"PRAGMA {statement}").fetchall()
    return int(row[0])


def _enter_wal(cursor: sqlite3.Cursor) -> None:
    """Switches the file to WAL, once in its life; the busy timeout doesn't cover that switch when
    several processes open a new file at once, so it is tried again.
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
