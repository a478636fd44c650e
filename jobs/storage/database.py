"""Database access: many readers, one writer per process, and group commit.

SQLite allows one write transaction at a time. Each process therefore has one writer connection and
needs no retry loop. Writes that arrive while a transaction runs share the next one, each in its own
savepoint: one fsync makes all of them durable, and a failed write undoes only itself. On PostgreSQL
each write is a transaction of its own. A write is a plain function of a connection on both: SQLite
runs it in the writer's thread, PostgreSQL's async driver under SQLAlchemy's `run_sync`.
"""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from enum import IntEnum
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import JSON, ColumnElement, Connection, Row, Table, Text, cast, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from jobs.storage import sqlite
from jobs.storage.brief_rows import brief_columns
from jobs.storage.json import from_json, to_json
from jobs.storage.sqlite import SqliteWriter
from sidecar.core.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

#: Seconds during which one transaction accepts more writes: the first of them waits for the last,
#: and so does every other process.
GROUP_COMMIT_S = 0.01

#: Seconds after which a read or write on PostgreSQL fails. Without a limit, a hanging server or a
#: network that drops packets would block it forever.
STATEMENT_TIMEOUT_S = 30.0

T = TypeVar("T")
WriteFn = Callable[[Connection], Any]


class AdvisoryLock(IntEnum):
    """Locks for what only one transaction at a time may do. The numbers are arbitrary."""

    MIGRATE = 7_071_067
    CLAIM = 7_071_068


class Database:
    """Connections to one database, for one process and one event loop."""

    def __init__(self, url: str) -> None:
        """Create the engines; `url` is an SQLAlchemy URL with an async driver.

        Connections are opened on first use.
        """
        self._sqlite: SqliteWriter | None = None
        if make_url(url).get_backend_name() == "sqlite":
            self._engine = sqlite.reader_engine(url)
            self._sqlite = SqliteWriter(url)
        else:
            self._engine = create_async_engine(
                url,
                json_serializer=to_json,
                json_deserializer=from_json,
                hide_parameters=True,
                pool_size=10,
                max_overflow=10,
                pool_timeout=10,
                pool_pre_ping=True,
            )
        self._queue: deque[tuple[WriteFn, asyncio.Future[Any]]] = deque()
        self._committing: asyncio.Task[None] | None = None
        self._reading = 0
        self._read_ended = asyncio.Event()

    def insert(self, table: Table) -> "sqlite_dialect.Insert | postgresql.Insert":
        """Return an INSERT with ON CONFLICT, which has the same syntax in both dialects."""
        return sqlite_dialect.insert(table) if self._sqlite else postgresql.insert(table)

    def readable_json(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a JSON column such that its parts can be selected, whatever its texts hold.

        PostgreSQL stores NUL characters in JSON, and then refuses to look into it.
        """
        if self._sqlite is not None:
            return column
        return cast(func.replace(cast(column, Text), r"\u0000", r"\ufffd"), JSON)

    def advisory_lock(self, connection: Connection, lock: AdvisoryLock) -> None:
        """Acquire the lock within a write; the end of its transaction releases it."""
        if self._sqlite is None:  # SQLite runs one write at a time anyway
            connection.execute(select(func.pg_advisory_xact_lock(lock)))

    async def page(
        self,
        table: Table,
        where: Sequence[ColumnElement[bool]],
        *,
        limit: int,
        offset: int,
        before: str | None,
    ) -> tuple[Sequence[Row[*tuple[Any, ...]]], int]:
        """Return one page of the matches, highest ids first, and the number of all matches.

        With `before`, the page begins below that id, wherever rows were added meanwhile. Large
        payloads are NULL: see brief_columns.
        """
        async with self.read() as connection:
            total = await connection.scalar(select(func.count()).select_from(table).where(*where))
            rest = where if before is None else [*where, table.c.id < before]
            rows = await connection.execute(
                select(*brief_columns(table))
                .where(*rest)
                .order_by(table.c.id.desc())
                .limit(limit)
                .offset(offset)
            )
            return rows.all(), total or 0

    async def iterate(
        self, table: Table, where: Sequence[ColumnElement[bool]], *, page: int
    ) -> AsyncIterator[Row[*tuple[Any, ...]]]:
        """Yield all matches, lowest ids first, with `page` of them in memory at a time.

        No connection stays open between pages, so a slow consumer blocks nobody.
        """
        after = ""
        while True:
            async with self.read() as connection:
                result = await connection.execute(
                    select(table).where(*where, table.c.id > after).order_by(table.c.id).limit(page)
                )
                rows = result.all()
            for row in rows:
                yield row
            if len(rows) < page:
                return
            after = rows[-1].id

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Provide a connection to read with. Raises DatabaseUnavailable when there is none."""
        timeout_s = STATEMENT_TIMEOUT_S if self._sqlite is None else None
        self._reading += 1
        try:
            with _map_errors():
                async with asyncio.timeout(timeout_s), self._engine.connect() as connection:
                    yield connection
        finally:
            self._reading -= 1
            self._read_ended.set()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, possibly in another thread, and return its result.

        Its writes are durable when this returns. An exception in `work` undoes only its own writes
        and reaches the caller. Raises DatabaseUnavailable when the database can't be written.
        """
        if self._sqlite is None:
            with _map_errors():
                async with asyncio.timeout(STATEMENT_TIMEOUT_S), self._engine.begin() as connection:
                    return await connection.run_sync(work)
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append((work, result))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_queue(self._sqlite))
        return await result

    async def write_exclusive(self, work: Callable[[Connection], T]) -> T:
        """Like `write`, but in a transaction of its own and without a timeout (schema changes)."""
        with _map_errors():
            if self._sqlite is not None:
                return await self._sqlite.run(partial(_in_transaction, work))
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)

    async def incremental_vacuum(self, pages: int) -> int:
        """Return up to `pages` free pages of an SQLite file to the disk; the result is in bytes.

        Other writes wait meanwhile, so call it often with few pages. PostgreSQL does this by
        itself: 0.
        """
        return await self._maintain(partial(sqlite.incremental_vacuum, pages=pages), default=0)

    async def vacuum(self, *, max_bytes: int) -> bool:
        """Rewrite an SQLite file of at most `max_bytes` without remains of deleted rows.

        Returns False for a larger file. All other writes wait meanwhile. PostgreSQL does this by
        itself: False.
        """
        return await self._maintain(partial(sqlite.vacuum, max_bytes=max_bytes), default=False)

    async def checkpoint(self) -> bool:
        """Move SQLite's write-ahead log into the file and truncate it.

        Returns False when a reader prevents it at the moment. PostgreSQL does this by itself: True.
        """
        return await self._maintain(sqlite.checkpoint, default=True)

    async def close(self) -> None:
        """Write everything that is queued, let reads end, then close all connections."""
        if self._committing is not None:
            await self._committing
        while self._reading:  # dispose() leaves open what is in use
            self._read_ended.clear()
            await self._read_ended.wait()
        await self._engine.dispose()
        if self._sqlite is not None:
            await self._sqlite.close()

    async def _maintain(self, work: Callable[[Connection], T], *, default: T) -> T:
        if self._sqlite is None:
            return default
        with _map_errors():
            return await self._sqlite.run(work)

    async def _commit_queue(self, writer: SqliteWriter) -> None:
        while self._queue:
            batch = [(work, result) for work, result in self._queue if not result.cancelled()]
            self._queue.clear()
            try:
                with _map_errors():
                    outcomes = await writer.run(partial(_commit, [work for work, _ in batch]))
            except Exception as error:
                outcomes = [error] * len(batch)
            self._queue.extendleft(reversed(batch[len(outcomes) :]))
            for (_, result), outcome in zip(batch, outcomes, strict=False):
                if result.cancelled():
                    continue  # the caller was cancelled; its write stays committed
                if isinstance(outcome, Exception):
                    result.set_exception(outcome)
                else:
                    result.set_result(outcome)


def tenant_filters(
    table: Table, tenant_id: str, values: Mapping[str, Any]
) -> Sequence[ColumnElement[bool]]:
    """Return conditions for the tenant's rows with these column values; None matches any value."""
    return [
        table.c.tenant_id == tenant_id,
        *(table.c[name] == value for name, value in values.items() if value is not None),
    ]


def _in_transaction(work: Callable[[Connection], T], connection: Connection) -> T:
    with connection.begin():
        return work(connection)


def _commit(works: Sequence[WriteFn], connection: Connection) -> list[Any]:
    """Run the writes in one transaction and return each one's result or exception.

    The result is shorter than `works` when the time of one transaction is over.
    """
    if len(works) == 1:
        return [_in_transaction(works[0], connection)]
    with connection.begin():
        driver = sqlite.driver_connection(connection)
        deadline = time.monotonic() + GROUP_COMMIT_S
        outcomes: list[Any] = []
        for work in works:
            if outcomes and time.monotonic() > deadline:
                break
            outcomes.append(_in_savepoint(work, connection, driver))
            # On a full disk SQLite may roll back the whole transaction. The driver's commit would
            # then succeed silently although the earlier writes are lost.
            if not driver.in_transaction:
                raise DatabaseUnavailable(retry_after_s=2)
        return outcomes


def _in_savepoint(work: WriteFn, connection: Connection, driver: sqlite3.Connection) -> Any:
    # Directly on the driver: through SQLAlchemy a savepoint would cost as much as a write.
    try:
        with _map_errors():
            driver.execute("SAVEPOINT group_write")
            try:
                return work(connection)
            except BaseException:
                if driver.in_transaction:
                    driver.execute("ROLLBACK TO group_write")
                raise
            finally:
                if driver.in_transaction:
                    driver.execute("RELEASE group_write")
    except Exception as error:
        return error


@contextmanager
def _map_errors() -> Iterator[None]:
    """Map the driver's failures to DatabaseUnavailable; errors of the caller pass unchanged."""
    try:
        yield
    except (IntegrityError, DataError):
        raise
    except (DBAPIError, PoolTimeout, OSError, sqlite3.OperationalError) as error:
        if _is_data_error(error):
            raise
        # A traceback doesn't help when the database is busy, full or unreachable.
        log.exception(
            "database failure: %r", _driver_error(error), exc_info=not _is_storage_failure(error)
        )
        raise DatabaseUnavailable(retry_after_s=2) from error


def _driver_error(error: Exception) -> Exception:
    """Return the driver's error without SQLAlchemy's wrapper, which contains the statement."""
    original = getattr(error, "orig", None)
    return original if isinstance(original, Exception) else error


def _is_storage_failure(error: Exception) -> bool:
    """Return whether the file, its disk or the connection failed, rather than the statement."""
    if isinstance(error, (OSError, PoolTimeout)) or getattr(error, "connection_invalidated", False):
        return True
    name = getattr(_driver_error(error), "sqlite_errorname", "")
    return name in ("SQLITE_BUSY", "SQLITE_FULL", "SQLITE_CANTOPEN") or "SQLITE_IOERR" in name


def _is_data_error(error: Exception) -> bool:
    """Return whether PostgreSQL can never store the values: error classes 22 and 54.

    These are data exceptions and exceeded limits; its async driver has no exception class for them.
    """
    sqlstate = getattr(_driver_error(error), "sqlstate", None)
    return isinstance(sqlstate, str) and sqlstate[:2] in ("22", "54")
