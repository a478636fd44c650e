"""The one way to the database: many readers, one writer, many writes to a commit.

SQLite lets one transaction write at a time. Here that rule is a shape and not a retry loop: each
process owns one writer connection, and whatever is waiting to be written when it comes free goes
into the same transaction (group commit), each write in its own savepoint, so that durability costs
one fsync for all of them and one write's failure undoes nothing of the others. On PostgreSQL each
write is a transaction of its own.
"""

import asyncio
import json
import logging
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import orjson
from sqlalchemy import ColumnElement, Row, Table, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from deployments.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
#: How long a connection waits for another process's write, in milliseconds.
BUSY_TIMEOUT_MS = 10_000
#: SQLite looks again after 1, 2, 5, 10 … and at last every 100 ms, while the lock comes free every
#: few. So a writer asks for this long only (1, 2 and 5 ms), and then from the start.
PATIENCE_MS = 8

Work = Callable[[AsyncConnection], Awaitable[Any]]


class Database:
    """Connections to one database, for one process and one event loop."""

    #: Most writes that share a commit; bounds how long the first of them waits for the last.
    MAX_BATCH = 64

    def __init__(self, url: str) -> None:
        """`url` is an SQLAlchemy URL with an async driver; nothing is opened yet."""
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._reader = _sqlite_engine(url, pool_size=4, query_only=True)
            self._writer = _sqlite_engine(url, pool_size=1, query_only=False)
        else:
            self._reader = self._writer = create_async_engine(
                url,
                json_serializer=_json,
                pool_size=10,
                max_overflow=10,
                pool_timeout=10,
                pool_pre_ping=True,
            )
        self._waiting: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._committing: asyncio.Task[None] | None = None

    def insert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """An INSERT that knows ON CONFLICT, which both dialects spell alike."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def page(
        self,
        table: Table,
        where: Sequence[ColumnElement[bool]],
        *,
        limit: int,
        offset: int,
    ) -> tuple[Sequence[Row[*tuple[Any, ...]]], int]:
        """Some of the rows that match, the highest ids first, and how many match in all."""
        async with self.read() as connection:
            total = await connection.scalar(select(func.count()).select_from(table).where(*where))
            rows = await connection.execute(
                select(table).where(*where).order_by(table.c.id.desc()).limit(limit).offset(offset)
            )
            return rows.all(), total or 0

    async def walk(
        self, table: Table, where: Sequence[ColumnElement[bool]], *, page: int
    ) -> AsyncIterator[Row[*tuple[Any, ...]]]:
        """All rows that match, the lowest ids first, `page` of them in memory at a time; no
        connection is held between pages, so a slow reader hinders nobody.
        """
        after = ""
        while True:
            async with self.read() as connection:
                found = await connection.execute(
                    select(table).where(*where, table.c.id > after).order_by(table.c.id).limit(page)
                )
                rows = found.all()
            for row in rows:
                yield row
            if len(rows) < page:
                return
            after = rows[-1].id

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with. Raises DatabaseUnavailable when there is none."""
        with _unavailable():
            async with self._reader.connect() as connection:
                yield connection

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction; when this returns, what it wrote is durable.

        `work` awaits nothing but its connection. What it raises undoes its own writes and reaches
        the caller. Raises DatabaseUnavailable when the database can't be written.
        """
        if not self.is_sqlite:
            with _unavailable():
                async with self._writer.begin() as connection:
                    return await work(connection)
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_waiting())
        return await done

    async def write_alone(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """As `write`, with a transaction to itself (for schema changes)."""
        with _unavailable():
            async with self._writer.begin() as connection:
                return await work(connection)

    async def shrink(self, pages: int) -> int:
        """Gives up to so many free pages of an SQLite file back to the disk; how many bytes. Other
        writes wait meanwhile, so ask for few and often. PostgreSQL does this by itself: 0.
        """
        if not self.is_sqlite:
            return 0
        with _unavailable():
            async with self._writer.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                free = await _pragma(driver, "freelist_count")
                # As a script: a single statement is stepped once and frees one page.
                await driver.executescript(f"PRAGMA incremental_vacuum({pages})")
                freed = free - await _pragma(driver, "freelist_count")
                return freed * await _pragma(driver, "page_size")

    async def checkpoint(self) -> None:
        """Brings SQLite's log into the file and empties it, unless a reader is in the way just
        then. PostgreSQL does this by itself.
        """
        if not self.is_sqlite:
            return
        with _unavailable():
            async with self._writer.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                # Waiting for readers, it would keep every writer waiting.
                await _pragma(driver, "busy_timeout = 100")
                try:
                    await _pragma(driver, "wal_checkpoint(TRUNCATE)")
                finally:
                    await _pragma(driver, f"busy_timeout = {PATIENCE_MS}")

    async def close(self) -> None:
        """Ends every connection, after what is waiting has been written."""
        if self._committing is not None:
            await self._committing
        await self._reader.dispose()
        await self._writer.dispose()

    async def _commit_waiting(self) -> None:
        while self._waiting:
            batch = [
                self._waiting.popleft() for _ in range(min(self.MAX_BATCH, len(self._waiting)))
            ]
            batch = [(work, done) for work, done in batch if not done.cancelled()]
            try:
                with _unavailable():
                    outcomes = await self._commit([work for work, _ in batch])
            except Exception as error:
                outcomes = [error] * len(batch)
            for (_, done), outcome in zip(batch, outcomes, strict=True):
                if done.cancelled():
                    continue  # the caller left; its write stands
                if isinstance(outcome, Exception):
                    done.set_exception(outcome)
                else:
                    done.set_result(outcome)

    async def _commit(self, works: list[Work]) -> list[Any]:
        async with self._writer.begin() as connection:
            if len(works) == 1:
                return [await works[0](connection)]
            driver: Any = (await connection.get_raw_connection()).driver_connection
            outcomes = []
            for work in works:
                outcomes.append(await _in_savepoint(connection, work))
                # On a full disk SQLite may roll back the whole transaction; the driver's commit
                # would then say nothing, and what was written before would be lost unseen.
                if not driver.in_transaction:
                    raise DatabaseUnavailable(retry_after_s=2)
            return outcomes


def matching(
    table: Table, tenant_id: str, wanted: Mapping[str, Any]
) -> Sequence[ColumnElement[bool]]:
    """The tenant's rows with the wanted values, by column; None leaves a column open."""
    asked = {name: value for name, value in wanted.items() if value is not None}
    return [
        table.c.tenant_id == tenant_id,
        *(table.c[name] == value for name, value in asked.items()),
    ]


async def _in_savepoint(connection: AsyncConnection, work: Work) -> Any:
    try:
        async with connection.begin_nested():
            with _unavailable():
                return await work(connection)
    except Exception as error:
        return error


@contextmanager
def _unavailable() -> Iterator[None]:
    """Turns the driver's failures into DatabaseUnavailable, and leaves the caller's bugs alone."""
    try:
        yield
    except (IntegrityError, DataError):
        raise
    except (DBAPIError, PoolTimeout, OSError) as error:
        log.exception("database failure")
        raise DatabaseUnavailable(retry_after_s=2) from error


def _sqlite_engine(url: str, *, pool_size: int, query_only: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        json_serializer=_json,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        # The driver's own transactions start deferred, and a deferred one that turns to writing
        # fails at once in spite of busy_timeout; so BEGIN is ours, and immediate.
        connect_args={"isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if query_only:
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded only before the first table
            _enter_wal(cursor)
            cursor.execute("PRAGMA synchronous = FULL")  # an answered request survives a power cut
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
            cursor.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
        cursor.close()

    if not query_only:

        @event.listens_for(engine.sync_engine, "begin")
        def begin(connection: Any) -> None:
            until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
            cursor = connection.connection.cursor()
            try:
                while time.monotonic() < until:
                    try:
                        cursor.execute("BEGIN IMMEDIATE")
                    except sqlite3.OperationalError as error:
                        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                            break
                    else:
                        return
            finally:
                cursor.close()
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises as every other statement does

    return engine


def _json(value: Any) -> str:
    """As JSON text; rows of numpy arrays as lists, each number the shortest that is the same."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except TypeError:  # whole numbers of more than 64 bits
        return json.dumps(value)


async def _pragma(driver: Any, statement: str) -> int:
    """What the first column of the answer says."""
    [row] = await driver.execute_fetchall(f"PRAGMA {statement}")
    return int(row[0])


def _enter_wal(cursor: Any) -> None:
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
